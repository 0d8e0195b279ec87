#include "common/time/hybrid_clock.h"

#include <gtest/gtest.h>

namespace isopop {
namespace {

using std::chrono::seconds;

constexpr std::int64_t kNowMs = 1'795'000'000'000;

class HybridClockTest : public ::testing::Test {
 protected:
  ManualClock wall_{from_unix_ms(kNowMs)};
  HybridClock clock_{wall_};
};

TEST_F(HybridClockTest, BeginsWithTheTimeOfTheWall) {
  EXPECT_EQ(clock_.next(), HybridClock::stamp_of(kNowMs));
  EXPECT_EQ(HybridClock::unix_ms_of(clock_.last()), kNowMs);
}

TEST_F(HybridClockTest, GrowsWhileTheWallStandsStill) {
  const std::uint64_t first = clock_.next();
  EXPECT_EQ(clock_.next(), first + 1);
}

TEST_F(HybridClockTest, GrowsWhenTheWallGoesBack) {
  const std::uint64_t before = clock_.next();
  wall_.advance(-seconds(30));
  EXPECT_GT(clock_.next(), before);
}

TEST_F(HybridClockTest, FollowsTheWallWhenItGoesOn) {
  static_cast<void>(clock_.next());
  wall_.advance(seconds(1));
  EXPECT_EQ(clock_.next(), HybridClock::stamp_of(kNowMs + 1'000));
}

TEST_F(HybridClockTest, AFullCounterRunsOverIntoTheMilliseconds) {
  clock_.observe(HybridClock::stamp_of(kNowMs) + 0xffff);
  EXPECT_EQ(clock_.next(), HybridClock::stamp_of(kNowMs + 1));
}

TEST_F(HybridClockTest, IsAfterWhatItObserved) {
  const std::uint64_t remote = HybridClock::stamp_of(kNowMs + 20'000) + 7;
  clock_.observe(remote);
  EXPECT_EQ(clock_.next(), remote + 1);
}

TEST_F(HybridClockTest, DoesNotFollowAClockThatIsFarAhead) {
  clock_.observe(HybridClock::stamp_of(kNowMs + 60'001));
  EXPECT_EQ(clock_.next(), HybridClock::stamp_of(kNowMs));
}

TEST_F(HybridClockTest, BelievesStampsWithinAMinuteEitherWay) {
  EXPECT_TRUE(clock_.is_credible(HybridClock::stamp_of(kNowMs + 60'000)));
  EXPECT_TRUE(clock_.is_credible(HybridClock::stamp_of(kNowMs - 60'000)));
  EXPECT_FALSE(clock_.is_credible(HybridClock::stamp_of(kNowMs + 60'001)));
  EXPECT_FALSE(clock_.is_credible(HybridClock::stamp_of(kNowMs - 60'001)));
  EXPECT_FALSE(clock_.is_credible(0));
  EXPECT_FALSE(clock_.is_credible(~std::uint64_t{0}));
}

TEST_F(HybridClockTest, GoesOnAfterWhatWasGivenBeforeARestart) {
  const std::uint64_t last = HybridClock::stamp_of(kNowMs + 5'000) + 3;
  HybridClock again(wall_, last);
  EXPECT_EQ(again.next(), last + 1);
}

}  // namespace
}  // namespace isopop
