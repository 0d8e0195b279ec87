#include "sim/launch/address_block.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace isopop::sim {
namespace {

using testing::ElementsAre;

TEST(AddressBlock, GivesEveryPopAnAddressOfItsOwn) {
  const AddressBlock block(20, Ports{});
  EXPECT_EQ(block.control_rpc(), "127.20.0.1:7070");
  EXPECT_EQ(block.control_http(), "127.20.0.1:7071");
  EXPECT_EQ(block.router(), "127.20.0.2:8080");
  EXPECT_EQ(block.pop(0), "127.20.1.1:8080");
  EXPECT_EQ(block.pop(249), "127.20.1.250:8080");
  EXPECT_EQ(block.pop(250), "127.20.2.1:8080");
  std::set<std::string> addresses = {block.router()};
  for (std::size_t i = 0; i < 2000; ++i) addresses.insert(block.pop(i));
  EXPECT_EQ(addresses.size(), 2001U);
}

constexpr const char* kHeader = "  sl  local_address rem_address   st tx_queue\n";

TEST(Listeners, AreReadFromTheKernelsTables) {
  const Listeners listeners = parse_listeners(
      std::string(kHeader) +
          "   0: 0100147F:1B9E 00000000:0000 0A 0\n"  // 127.20.0.1:7070 listens
          "   1: 0100157F:1B9E 0100157F:9999 01 0\n"  // 127.21.0.1 connected, not listening
          "   2: 00000000:1F90 00000000:0000 0A 0\n"  // 0.0.0.0:8080 listens
          "   3: 0101A8C0:0050 00000000:0000 0A 0\n"  // 192.168.1.1:80
          "   4: broken\n",
      std::string(kHeader) +
          "   0: 00000000000000000000000000000000:1B9F 00000000000000000000000000000000:0000 0A 0\n"
          "   1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A "
          "0\n");
  EXPECT_THAT(listeners.blocks, ElementsAre(20));
  EXPECT_THAT(listeners.wildcard_ports, ElementsAre(7071, 8080));
}

TEST(ClaimAddressBlock, NeverGivesOneBlockToTwo) {
  const Result<ClaimedBlock> first = claim_address_block();
  ASSERT_TRUE(first.ok()) << first.error().message;
  const Result<ClaimedBlock> second = claim_address_block();
  ASSERT_TRUE(second.ok()) << second.error().message;
  EXPECT_NE(first.value().block.number(), second.value().block.number());
}

}  // namespace
}  // namespace isopop::sim
