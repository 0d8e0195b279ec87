#include "sim/report/timeline.h"

#include <gtest/gtest.h>

namespace isopop::sim {
namespace {

using std::chrono::milliseconds;

TEST(TimelineTest, KeepsEveryAnswerWhileItsIntervalsGrow) {
  Timeline timeline;
  for (int i = 0; i < 100'000; ++i) timeline.add(milliseconds(i), {.completed = 1});
  timeline.add(milliseconds(5), {.failed = 3});
  std::uint64_t completed = 0;
  std::uint64_t failed = 0;
  for (const Timeline::Interval& interval : timeline.intervals()) {
    completed += interval.completed;
    failed += interval.failed;
  }
  EXPECT_EQ(completed, 100'000U);
  EXPECT_EQ(failed, 3U);
  EXPECT_LE(timeline.intervals().size(), Timeline::kIntervalsMax);
  EXPECT_EQ(timeline.width(), milliseconds(800));
  EXPECT_EQ(timeline.intervals().front().completed, 800U);
}

TEST(TimelineTest, OneLateAnswerDoesNotCostMemory) {
  Timeline timeline;
  timeline.add(std::chrono::hours(24 * 365), {.completed = 1});
  EXPECT_LE(timeline.intervals().size(), Timeline::kIntervalsMax);
}

}  // namespace
}  // namespace isopop::sim
