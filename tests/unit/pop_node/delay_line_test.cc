#include "pop_node/rpc/delay_line.h"

#include <gtest/gtest.h>

#include <vector>

namespace isopop::pop {
namespace {

using std::chrono::milliseconds;

TEST(DelayLineTest, WithoutDelayThingsArriveAtOnce) {
  asio::io_context io;
  const SystemClock clock;
  DelayLine line(io, clock, milliseconds(0));
  bool arrived = false;
  line.send([&arrived] { arrived = true; });
  EXPECT_TRUE(arrived);
}

TEST(DelayLineTest, ThingsArriveLaterAndInTheirOrderAlsoThoseSentFromAnArrival) {
  asio::io_context io;
  const SystemClock clock;
  DelayLine line(io, clock, milliseconds(20));
  std::vector<int> arrived;
  const Instant sent_at = clock.now();
  Instant first_at{};
  line.send([&] {
    first_at = clock.now();
    arrived.push_back(1);
    line.send([&arrived] { arrived.push_back(3); });
  });
  line.send([&arrived] { arrived.push_back(2); });
  EXPECT_TRUE(arrived.empty());
  io.run();
  EXPECT_EQ(arrived, std::vector<int>({1, 2, 3}));
  EXPECT_GE(first_at - sent_at, milliseconds(20));
}

TEST(DelayLineTest, WhatIsOnItsWayIsLostWithTheLine) {
  asio::io_context io;
  const SystemClock clock;
  bool arrived = false;
  {
    DelayLine line(io, clock, milliseconds(1));
    line.send([&arrived] { arrived = true; });
  }
  io.run();
  EXPECT_FALSE(arrived);
}

}  // namespace
}  // namespace isopop::pop
