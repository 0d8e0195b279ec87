#include "common/event_loop/address.h"

#include <gtest/gtest.h>

namespace isopop {
namespace {

TEST(AddressTest, BothFamiliesComeBackAsTheyWere) {
  for (const char* text : {"127.0.0.1:8080", "[::1]:0", "127.20.1.250:65535"}) {
    EXPECT_EQ(to_string(parse_endpoint(text).value()), text);
  }
}

TEST(AddressTest, WrongAddressesAreNamed) {
  for (const char* wrong :
       {"", "127.0.0.1", "localhost:80", "127.0.0.1:65536", ":80", "1.2.3.4:"}) {
    EXPECT_FALSE(parse_endpoint(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace isopop
