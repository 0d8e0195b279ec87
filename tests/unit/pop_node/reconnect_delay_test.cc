#include "pop_node/rpc/reconnect_delay.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace isopop::pop {
namespace {

using std::chrono::milliseconds;

TEST(ReconnectDelayTest, GrowsToItsBoundAndBeginsAnewWhenItWorked) {
  ReconnectDelay delay({.min = milliseconds(400), .max = milliseconds(2'000)},
                       RandomStream(1, "test"));
  for (const int ms : {400, 800, 1'600, 2'000, 2'000}) {
    const milliseconds most(ms);
    const milliseconds drawn = delay.next();
    EXPECT_LE(drawn, most);
    EXPECT_GE(drawn, most / 4);
  }
  delay.reset();
  EXPECT_LE(delay.next(), milliseconds(400));
}

// All PoPs lose the control plane at once and it is away for two seconds.
TEST(ReconnectDelayTest, ThreeHundredAndThirtyPopsComeBackSoonAndNotAllAtOnce) {
  constexpr milliseconds kAway{2'000};
  constexpr int kPops = 330;
  std::map<std::int64_t, int> arrivals;  // by tenth of a second after it is there again
  int tries_while_away = 0;
  for (int pop = 0; pop < kPops; ++pop) {
    ReconnectDelay delay({}, RandomStream(7, "pop" + std::to_string(pop)));
    milliseconds at = delay.next();
    for (; at < kAway; at += delay.next()) ++tries_while_away;
    const milliseconds late = at - kAway;
    EXPECT_LE(late, milliseconds(2'000));
    ++arrivals[late / milliseconds(100)];
  }
  for (const auto& [tenth, pops] : arrivals) EXPECT_LE(pops, kPops / 8) << tenth;
  EXPECT_LE(tries_while_away, 5 * kPops);
}

}  // namespace
}  // namespace isopop::pop
