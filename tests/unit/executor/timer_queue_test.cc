#include "pop_node/executor/timer_queue.h"

#include <gtest/gtest.h>

#include <chrono>

namespace isopop::executor {
namespace {

using std::chrono::milliseconds;
using Kind = TimerQueue::Kind;

constexpr Instant kStart{std::chrono::hours(1)};

TEST(TimerQueue, GivesTimersInTheOrderInWhichTheyAreDue) {
  TimerQueue timers;
  const auto late = timers.start(1, kStart, milliseconds(20), Kind::kOnce);
  const auto early = timers.start(1, kStart, milliseconds(10), Kind::kOnce);
  const auto same = timers.start(2, kStart, milliseconds(10), Kind::kOnce);
  EXPECT_EQ(timers.next_due(), kStart + milliseconds(10));
  EXPECT_FALSE(timers.take_due(kStart + milliseconds(9)));
  EXPECT_EQ(timers.take_due(kStart + milliseconds(30))->id, early);
  const auto second = timers.take_due(kStart + milliseconds(30));
  EXPECT_EQ(second->id, same);
  EXPECT_EQ(second->request, 2U);
  EXPECT_EQ(timers.take_due(kStart + milliseconds(30))->id, late);
  EXPECT_TRUE(timers.empty());
}

TEST(TimerQueue, RepeatsUntilStopped) {
  TimerQueue timers;
  const auto id = timers.start(1, kStart, milliseconds(0), Kind::kRepeating);
  EXPECT_EQ(timers.next_due(), kStart + milliseconds(1)) << "an interval of 0 would never end";
  EXPECT_EQ(timers.take_due(kStart + milliseconds(5))->id, id);
  EXPECT_EQ(timers.next_due(), kStart + milliseconds(6)) << "missed runs are not made up for";
  timers.stop(*id);
  EXPECT_FALSE(timers.take_due(kStart + std::chrono::hours(1)));
}

TEST(TimerQueue, StopsAllOfARequest) {
  TimerQueue timers;
  const auto a = timers.start(1, kStart, milliseconds(1), Kind::kOnce);
  const auto b = timers.start(2, kStart, milliseconds(1), Kind::kOnce);
  const auto c = timers.start(1, kStart, milliseconds(1), Kind::kRepeating);
  EXPECT_EQ(timers.stop_all_of(1), (std::vector<std::uint32_t>{*a, *c}));
  EXPECT_EQ(timers.take_due(kStart + milliseconds(1))->id, b);
  EXPECT_TRUE(timers.empty());
}

TEST(TimerQueue, HasABound) {
  TimerQueue timers;
  for (std::size_t i = 0; i < TimerQueue::kTimersMax; ++i) {
    ASSERT_TRUE(timers.start(1, kStart, milliseconds(1), Kind::kOnce));
  }
  EXPECT_FALSE(timers.start(1, kStart, milliseconds(1), Kind::kOnce));
}

TEST(TimerQueue, BoundsDelays) {
  TimerQueue timers;
  timers.start(1, kStart, milliseconds(-5), Kind::kOnce);
  EXPECT_EQ(timers.next_due(), kStart);
  timers.stop_all_of(1);
  timers.start(1, kStart, milliseconds(0x100000000), Kind::kOnce);
  EXPECT_EQ(timers.next_due(), kStart + TimerQueue::kDelayMax);
}

}  // namespace
}  // namespace isopop::executor
