#include "sim/compose/subnet.h"

#include <gmock/gmock.h>

namespace isopop::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Subnet subnet(std::string_view text) {
  const std::optional<Subnet> parsed = parse_subnet(text);
  EXPECT_TRUE(parsed.has_value()) << text;
  return parsed.value_or(Subnet{});
}

TEST(Subnet, IsReadAndWritten) {
  EXPECT_EQ(subnet("10.220.16.0/20").text(), "10.220.16.0/20");
  EXPECT_EQ(subnet("172.17.255.1/16").text(), "172.17.0.0/16") << "host bits are cut off";
  EXPECT_EQ(subnet("0.0.0.0/0").text(), "0.0.0.0/0");
  EXPECT_EQ(subnet("255.255.255.255/32").text(), "255.255.255.255/32");
}

TEST(Subnet, WhatIsNoneIsRefused) {
  for (const char* text : {"", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8",
                           "fd00::/64", "10.0.0.256/8", "/8", "a/b"}) {
    EXPECT_FALSE(parse_subnet(text).has_value()) << text;
  }
}

TEST(Subnet, OverlapsWhenOneHoldsTheOther) {
  EXPECT_TRUE(subnet("10.220.0.0/20").overlaps(subnet("10.0.0.0/8")));
  EXPECT_TRUE(subnet("10.0.0.0/8").overlaps(subnet("10.220.0.0/20")));
  EXPECT_TRUE(subnet("10.220.0.0/20").overlaps(subnet("10.220.15.255/32")));
  EXPECT_FALSE(subnet("10.220.0.0/20").overlaps(subnet("10.220.16.0/20")));
}

TEST(Subnet, RoutesAreThoseOfTheKernelsTable) {
  constexpr const char* kTable =
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
      "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
      "eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n"
      "br-1\t0000DC0A\t00000000\t0001\t0\t0\t0\t00F0FFFF\t0\t0\t0\n"
      "broken line\n\xff\xfe\t\t\t\t\t\t\t\t\n";
  EXPECT_THAT(parse_routes(kTable), ElementsAre(subnet("172.17.0.0/16"), subnet("10.220.0.0/20")))
      << "and not the default route";
  EXPECT_THAT(parse_routes(""), IsEmpty());
}

TEST(Subnet, TheFirstThatNobodyHasIsFree) {
  EXPECT_EQ(free_subnet({})->text(), "10.220.0.0/20");
  EXPECT_EQ(free_subnet({subnet("10.220.0.0/20")})->text(), "10.220.16.0/20");
  EXPECT_EQ(free_subnet({subnet("10.220.0.0/16"), subnet("10.221.0.4/30")})->text(),
            "10.221.16.0/20");
  EXPECT_EQ(free_subnet({}, 1)->text(), "10.220.16.0/20");
  EXPECT_EQ(free_subnet({subnet("10.251.240.0/20")}, 511)->text(), "10.220.0.0/20") << "and around";
  EXPECT_EQ(free_subnet({subnet("10.0.0.0/8")}, 7), std::nullopt);
}

}  // namespace
}  // namespace isopop::sim
