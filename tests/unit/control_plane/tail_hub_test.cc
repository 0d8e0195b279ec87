#include "control_plane/telemetry/tail_hub.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace isopop::control {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const TailPop kAms{.id = "AMS", .region = "eu"};
const TailPop kFra{.id = "FRA", .region = "eu"};
const TailPop kEwr{.id = "EWR", .region = "us"};

v1::TailRequest tail_of(const std::string& worker) {
  v1::TailRequest request;
  request.set_worker(worker);
  return request;
}

v1::TailEvents events(std::uint64_t id, int count, const std::string& url = "https://a.test/") {
  v1::TailEvents message;
  message.set_id(id);
  for (int i = 0; i < count; ++i) {
    v1::TailEvent& event = *message.add_events();
    event.set_url(url);
    event.set_wall_us(static_cast<std::uint64_t>(i));
  }
  return message;
}

std::vector<std::string> told(TailHub& hub) {
  std::vector<std::string> lines;
  for (const TailHub::ToPop& message : hub.take_messages()) {
    lines.push_back(message.pop + (message.message.has_tail_start() ? " start" : " stop"));
  }
  return lines;
}

TEST(TailHub, AsksConnectedPopsAndThoseThatComeLater) {
  TailHub hub;
  hub.pop_connected(kAms);
  const Result<TailHub::TailId> id = hub.open(tail_of("shop"));
  ASSERT_TRUE(id.ok());
  const std::vector<TailHub::ToPop> first = hub.take_messages();
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].pop, "AMS");
  EXPECT_EQ(first[0].message.tail_start().worker(), "shop");
  EXPECT_EQ(first[0].message.tail_start().id(), id.value());
  hub.pop_connected(kFra);
  EXPECT_THAT(told(hub), ElementsAre("FRA start"));
  EXPECT_EQ(hub.next(id.value())->pops(), 2U);
}

TEST(TailHub, AsksAPopAgainThatConnectsAgain) {
  TailHub hub;
  hub.pop_connected(kAms);
  ASSERT_TRUE(hub.open(tail_of("shop")).ok());
  hub.pop_disconnected("AMS");
  hub.pop_connected(kAms);
  EXPECT_THAT(told(hub), ElementsAre("AMS start", "AMS start"));
}

TEST(TailHub, AsksOnlyThosePopsThatTheFilterNames) {
  TailHub hub;
  for (const TailPop& pop : {kAms, kFra, kEwr}) hub.pop_connected(pop);
  v1::TailRequest request = tail_of("shop");
  request.mutable_filter()->set_region("eu");
  ASSERT_TRUE(hub.open(request).ok());
  EXPECT_THAT(told(hub), UnorderedElementsAre("AMS start", "FRA start"));
  request.mutable_filter()->add_pops("FRA");
  ASSERT_TRUE(hub.open(request).ok());
  EXPECT_THAT(told(hub), ElementsAre("FRA start"));
}

TEST(TailHub, StopsThePopsWhenTheReaderGoes) {
  TailHub hub;
  hub.pop_connected(kAms);
  hub.pop_connected(kFra);
  const TailHub::TailId id = hub.open(tail_of("shop")).value();
  told(hub);
  hub.pop_disconnected("FRA");
  hub.close(id);
  EXPECT_THAT(told(hub), ElementsAre("AMS stop"));
  EXPECT_EQ(hub.size(), 0U);
  EXPECT_FALSE(hub.next(id));
  hub.close(id);
  EXPECT_THAT(told(hub), IsEmpty());
}

TEST(TailHub, GivesEventsUnderTheNameOfThePopTheyCameFrom) {
  TailHub hub;
  hub.pop_connected(kAms);
  const TailHub::TailId id = hub.open(tail_of("shop")).value();
  v1::TailEvents message = events(id, 2);
  message.mutable_events(0)->set_pop("NOT-ME");
  message.set_dropped(7);
  hub.receive("AMS", message);
  EXPECT_THAT(hub.take_readable(), ElementsAre(id));
  const std::optional<v1::TailBatch> batch = hub.next(id);
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->events_size(), 2);
  EXPECT_EQ(batch->events(0).pop(), "AMS");
  EXPECT_EQ(batch->dropped_at_pops(), 7U);
  EXPECT_EQ(batch->dropped_here(), 0U);
  EXPECT_FALSE(hub.next(id)) << "nothing new has come";
}

TEST(TailHub, IgnoresEventsOfTailsThatThePopWasNotAsked) {
  TailHub hub;
  hub.pop_connected(kAms);
  v1::TailRequest request = tail_of("shop");
  request.mutable_filter()->add_pops("FRA");
  const TailHub::TailId id = hub.open(request).value();
  static_cast<void>(hub.next(id));
  hub.receive("AMS", events(id, 1));
  hub.receive("AMS", events(id + 1, 1));
  EXPECT_FALSE(hub.next(id));
}

TEST(TailHub, CountsWhatASlowReaderMisses) {
  TailHub hub({.tails_max = 4, .queue_events_max = 10, .batch_events_max = 4});
  hub.pop_connected(kAms);
  const TailHub::TailId slow = hub.open(tail_of("shop")).value();
  const TailHub::TailId other = hub.open(tail_of("shop")).value();
  hub.receive("AMS", events(slow, 25));
  hub.receive("AMS", events(other, 3));
  std::uint64_t read = 0;
  std::uint64_t dropped = 0;
  while (const std::optional<v1::TailBatch> batch = hub.next(slow)) {
    EXPECT_LE(batch->events_size(), 4);
    read += static_cast<std::uint64_t>(batch->events_size());
    dropped += batch->dropped_here();
  }
  EXPECT_EQ(read, 10U);
  EXPECT_EQ(dropped, 15U);
  EXPECT_EQ(hub.next(other)->events_size(), 3);
  // The queue has room again.
  hub.receive("AMS", events(slow, 1));
  EXPECT_EQ(hub.next(slow)->events_size(), 1);
}

TEST(TailHub, BoundsAQueueByItsBytesToo) {
  TailHub hub({.queue_bytes_max = 10'000, .batch_bytes_max = 1'000});
  hub.pop_connected(kAms);
  const TailHub::TailId id = hub.open(tail_of("shop")).value();
  for (int round = 0; round < 3; ++round) {
    hub.receive("AMS", events(id, 20, std::string(900, 'x')));
    int read = 0;
    std::uint64_t dropped = 0;
    while (const std::optional<v1::TailBatch> batch = hub.next(id)) {
      read += batch->events_size();
      dropped += batch->dropped_here();
    }
    EXPECT_EQ(read, 10) << "round " << round;
    EXPECT_EQ(dropped, 10U);
  }
}

TEST(TailHub, TakesNoMoreTailsThanItsLimit) {
  TailHub hub({.tails_max = 2});
  const TailHub::TailId first = hub.open(tail_of("a")).value();
  ASSERT_TRUE(hub.open(tail_of("b")).ok());
  const Result<TailHub::TailId> third = hub.open(tail_of("c"));
  ASSERT_FALSE(third.ok());
  EXPECT_EQ(third.error().code, ErrorCode::kResourceExhausted);
  hub.close(first);
  EXPECT_TRUE(hub.open(tail_of("c")).ok());
}

TEST(TailHub, RefusesFiltersThatMeanNothing) {
  TailHub hub;
  const auto refused = [&hub](auto change) {
    v1::TailRequest request = tail_of("shop");
    change(*request.mutable_filter());
    const Result<TailHub::TailId> outcome = hub.open(request);
    return !outcome.ok() && outcome.error().code == ErrorCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused([](v1::TailFilter& filter) { filter.set_sampling_rate(1.5); }));
  EXPECT_TRUE(refused([](v1::TailFilter& filter) { filter.set_sampling_rate(-0.1); }));
  EXPECT_TRUE(refused([](v1::TailFilter& filter) {
    filter.set_sampling_rate(std::numeric_limits<double>::quiet_NaN());
  }));
  EXPECT_TRUE(refused([](v1::TailFilter& filter) { filter.add_statuses(6); }));
  EXPECT_TRUE(refused([](v1::TailFilter& filter) { filter.add_statuses(600); }));
  EXPECT_TRUE(refused([](v1::TailFilter& filter) { filter.add_outcomes("fine"); }));
  EXPECT_TRUE(refused([](v1::TailFilter& filter) { filter.set_search(std::string(2'000, 'x')); }));
  EXPECT_FALSE(refused([](v1::TailFilter& filter) {
    filter.add_statuses(4);
    filter.add_statuses(503);
    filter.add_outcomes("error");
    filter.set_sampling_rate(0.5);
  }));
}

}  // namespace
}  // namespace isopop::control
