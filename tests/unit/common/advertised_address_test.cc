#include "common/event_loop/advertised_address.h"

#include <gtest/gtest.h>

#include <string>

namespace isopop {
namespace {

Result<std::string> told(std::string_view advertise, std::string_view listener,
                         std::string_view peer = "127.0.0.1:7070") {
  ISOPOP_TRY_ASSIGN(const AdvertisedAddress address,
                    AdvertisedAddress::create(advertise, parse_endpoint(listener).value()));
  return address.told_to(peer);
}

TEST(AdvertisedAddressTest, IsWhatTheServerListensOn) {
  EXPECT_EQ(told("", "127.20.1.1:8080").value(), "127.20.1.1:8080");
  EXPECT_EQ(told("", "[::1]:8080").value(), "[::1]:8080");
  EXPECT_EQ(told("", "127.0.0.1:8080", "no.such.host.invalid:1").value(), "127.0.0.1:8080")
      << "nothing needs to be looked up";
}

TEST(AdvertisedAddressTest, OfAllAddressesItIsTheOneOnTheWayToThePeer) {
  EXPECT_EQ(told("", "0.0.0.0:8080").value(), "127.0.0.1:8080");
  EXPECT_EQ(told("", "0.0.0.0:8081", "localhost:7070").value(), "127.0.0.1:8081");
  EXPECT_EQ(told("", "[::]:8080", "127.0.0.1:7070").value(), "127.0.0.1:8080");
}

TEST(AdvertisedAddressTest, IsWhatWasSaid) {
  EXPECT_EQ(told("10.1.2.3", "0.0.0.0:8080").value(), "10.1.2.3:8080");
  EXPECT_EQ(told("10.1.2.3:80", "0.0.0.0:8080").value(), "10.1.2.3:80");
  EXPECT_EQ(told("10.1.2.3", "127.0.0.1:8080").value(), "10.1.2.3:8080");
  EXPECT_EQ(told("2001:db8::1", "[::]:8080").value(), "[2001:db8::1]:8080");
  EXPECT_EQ(told("[2001:db8::1]", "[::]:8080").value(), "[2001:db8::1]:8080");
  EXPECT_EQ(told("[2001:db8::1]:80", "[::]:8080").value(), "[2001:db8::1]:80");
}

TEST(AdvertisedAddressTest, WhatNobodyCouldUseIsRefused) {
  for (const char* wrong : {"router.example", "0.0.0.0", "[::]:80", "10.1.2.3:0", "10.1.2.3:65536",
                            "10.1.2.3:", "10.1.2.3:http", ":8080", "[::1", "[::1]80"}) {
    const Result<std::string> address = told(wrong, "0.0.0.0:8080");
    ASSERT_FALSE(address.ok()) << wrong;
    EXPECT_EQ(address.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(address.error().message.find("name an IP address"), std::string::npos);
  }
}

TEST(AdvertisedAddressTest, APeerThatIsNotFoundIsUnavailable) {
  const Result<std::string> address = told("", "0.0.0.0:8080", "no.such.host.invalid:7070");
  ASSERT_FALSE(address.ok());
  EXPECT_EQ(address.error().code, ErrorCode::kUnavailable);
  EXPECT_NE(address.error().message.find("look up no.such.host.invalid"), std::string::npos);
  EXPECT_FALSE(told("", "0.0.0.0:8080", "[::1]:7070").ok()) << "nothing listens on [::]";
}

}  // namespace
}  // namespace isopop
