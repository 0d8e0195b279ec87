#include "common/units/units.h"

#include <gtest/gtest.h>

namespace isopop {
namespace {

using namespace std::chrono_literals;

TEST(UnitsTest, DurationsCarryTheirUnit) {
  EXPECT_EQ(parse_duration("50 ms").value(), 50ms);
  EXPECT_EQ(parse_duration("1.5s").value(), 1500ms);
  EXPECT_EQ(parse_duration("2 min").value(), 2min);
  EXPECT_EQ(parse_duration("7 µs").value(), 7us);
  EXPECT_EQ(parse_duration("0 s").value(), 0s);
}

TEST(UnitsTest, ADurationWithoutUnitIsRefusedWithAnExample) {
  EXPECT_EQ(parse_duration("50").error().message, "'50' lacks a unit, as in \"50 ms\"");
}

TEST(UnitsTest, WrongQuantitiesAreRefused) {
  for (const char* wrong : {"", "ms", "-1 s", "1..5 s", "5 parsecs", "1e3 s", "99999999999999 d"}) {
    EXPECT_FALSE(parse_duration(wrong).ok()) << wrong;
  }
}

TEST(UnitsTest, BytesKnowBothKindsOfPrefix) {
  EXPECT_EQ(parse_bytes("128 MiB").value(), 128U << 20U);
  EXPECT_EQ(parse_bytes("10kB").value(), 10'000U);
  EXPECT_FALSE(parse_bytes("10 mb").ok());
}

TEST(UnitsTest, FormatsForPeople) {
  EXPECT_EQ(format_duration(412us), "412 µs");
  EXPECT_EQ(format_duration(1250ms), "1.25 s");
  EXPECT_EQ(format_duration(200s), "3 min 20 s");
  EXPECT_EQ(format_duration(0ns), "0 ns");
  EXPECT_EQ(format_bytes(17), "17 B");
  EXPECT_EQ(format_bytes(4300), "4.2 KiB");
}

TEST(UnitsTest, MillisecondsConvertBothWays) {
  EXPECT_DOUBLE_EQ(to_ms(1500us), 1.5);
  EXPECT_EQ(from_ms(0.25), 250us);
}

}  // namespace
}  // namespace isopop
