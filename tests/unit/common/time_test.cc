#include <gtest/gtest.h>

#include "common/time/clock.h"

namespace isopop {
namespace {

using namespace std::chrono_literals;

TEST(TimeTest, AManualClockMovesOnlyWhenTold) {
  ManualClock clock(from_unix_ms(1'000));
  const Instant before = clock.now();
  clock.advance(250ms);
  EXPECT_EQ(clock.now() - before, 250ms);
  EXPECT_EQ(to_unix_ms(clock.wall_now()), 1'250);
}

TEST(TimeTest, FormatsRfc3339) {
  EXPECT_EQ(format_rfc3339(from_unix_ms(0)), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(format_rfc3339(from_unix_ms(1'709'210'096'007)), "2024-02-29T12:34:56.007Z");
  EXPECT_EQ(format_rfc3339(from_unix_ms(-1)), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace isopop
