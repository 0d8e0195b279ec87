#include "pop_node/rpc/clock_watch.h"

#include <gtest/gtest.h>

namespace isopop::pop {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A clock whose wall time can be set.
class SettableClock final : public Clock {
 public:
  [[nodiscard]] Instant now() const override { return time_.now(); }
  [[nodiscard]] WallTime wall_now() const override { return time_.wall_now() + off_; }
  void advance(milliseconds by) { time_.advance(by); }
  void set_by(milliseconds by) { off_ += by; }

 private:
  ManualClock time_;
  std::chrono::nanoseconds off_{};
};

TEST(ClockWatchTest, SaysNothingOfAClockThatGoesAsItShould) {
  SettableClock clock;
  ClockWatch watch;
  for (int i = 0; i < 100; ++i) {
    clock.advance(milliseconds(1'000));
    clock.set_by(milliseconds(2));  // as NTP slews it
    watch.look(clock);
  }
  EXPECT_EQ(watch.problem(), "");
}

TEST(ClockWatchTest, TellsOfAClockThatWasSetForAMinute) {
  SettableClock clock;
  ClockWatch watch;
  watch.look(clock);
  clock.advance(seconds(1));
  clock.set_by(-seconds(3'600));
  watch.look(clock);
  EXPECT_EQ(watch.problem(), "its clock was set by -3600 s");
  for (int i = 0; i < 59; ++i) {
    clock.advance(seconds(1));
    watch.look(clock);
  }
  EXPECT_NE(watch.problem(), "");
  clock.advance(seconds(2));
  watch.look(clock);
  EXPECT_EQ(watch.problem(), "");
}

}  // namespace
}  // namespace isopop::pop
