#include "pop_node/http/tails.h"

#include <gtest/gtest.h>

#include <string>

namespace isopop::pop {
namespace {

v1::TailEvent event_of(const std::string& worker = "site") {
  v1::TailEvent event;
  event.set_worker(worker);
  event.set_ray("0123456789abcdef-AMS");
  event.set_method("GET");
  event.set_status(404);
  event.set_outcome("ok");
  event.add_logs()->set_text("the quick brown fox");
  event.set_exception("Error: lazy dog");
  return event;
}

v1::TailStart tail_of(std::uint64_t id, const std::string& worker = "site") {
  v1::TailStart tail;
  tail.set_id(id);
  tail.set_worker(worker);
  return tail;
}

TEST(TailFilterTest, AnEmptyOneLetsEverythingThrough) {
  EXPECT_TRUE(passes({}, event_of()));
}

TEST(TailFilterTest, OutcomesAreFineCanceledOrErrors) {
  v1::TailFilter filter;
  filter.add_outcomes("error");
  v1::TailEvent event = event_of();
  EXPECT_FALSE(passes(filter, event));
  for (const char* outcome : {"exception", "exceededCpu", "crashed", "overloaded"}) {
    event.set_outcome(outcome);
    EXPECT_TRUE(passes(filter, event)) << outcome;
  }
  event.set_outcome("canceled");
  EXPECT_FALSE(passes(filter, event));
  filter.add_outcomes("canceled");
  EXPECT_TRUE(passes(filter, event));
}

TEST(TailFilterTest, StatusesAreMeantExactlyOrAsAClass) {
  v1::TailFilter filter;
  filter.add_statuses(5);
  EXPECT_FALSE(passes(filter, event_of()));
  filter.add_statuses(4);
  EXPECT_TRUE(passes(filter, event_of()));
  filter.clear_statuses();
  filter.add_statuses(404);
  EXPECT_TRUE(passes(filter, event_of()));
  filter.set_statuses(0, 403);
  EXPECT_FALSE(passes(filter, event_of()));
}

TEST(TailFilterTest, MethodsAndTextMustMatch) {
  v1::TailFilter filter;
  filter.add_methods("POST");
  EXPECT_FALSE(passes(filter, event_of()));
  filter.add_methods("GET");
  EXPECT_TRUE(passes(filter, event_of()));
  filter.set_search("brown");
  EXPECT_TRUE(passes(filter, event_of()));
  filter.set_search("lazy");
  EXPECT_TRUE(passes(filter, event_of()));
  filter.set_search("cat");
  EXPECT_FALSE(passes(filter, event_of()));
}

TEST(TailFilterTest, SamplingKeepsAPartAndTheSameOneEachTime) {
  v1::TailFilter filter;
  filter.set_sampling_rate(0.1);
  int kept = 0;
  v1::TailEvent event = event_of();
  for (int i = 0; i < 10'000; ++i) {
    event.set_ray("ray" + std::to_string(i));
    const bool is_kept = passes(filter, event);
    EXPECT_EQ(is_kept, passes(filter, event));
    kept += is_kept ? 1 : 0;
  }
  EXPECT_NEAR(kept, 1'000, 120);
}

TEST(TailsTest, WantOnlyTheWorkersThatAreAskedFor) {
  Tails tails;
  EXPECT_FALSE(tails.any());
  tails.start(tail_of(1));
  EXPECT_TRUE(tails.want("site"));
  EXPECT_FALSE(tails.want("other"));
  tails.offer(event_of("other"), Instant{});
  EXPECT_TRUE(tails.take().empty());
  tails.stop(1);
  EXPECT_FALSE(tails.any());
}

TEST(TailsTest, GiveEachTailItsEventsOnce) {
  Tails tails;
  tails.start(tail_of(1));
  tails.start(tail_of(2));
  tails.offer(event_of(), Instant{});
  const std::vector<v1::TailEvents> batches = tails.take();
  ASSERT_EQ(batches.size(), 2U);
  EXPECT_EQ(batches[0].id(), 1U);
  EXPECT_EQ(batches[0].events_size(), 1);
  EXPECT_EQ(batches[1].id(), 2U);
  EXPECT_TRUE(tails.take().empty());
}

TEST(TailsTest, CountWhatIsBeyondTheBoundOfASecond) {
  Tails tails;
  tails.start(tail_of(1));
  const Instant now{std::chrono::hours(1)};
  for (int i = 0; i < 150; ++i) tails.offer(event_of(), now);
  std::vector<v1::TailEvents> batches = tails.take();
  ASSERT_EQ(batches.size(), 1U);
  EXPECT_EQ(batches[0].events_size(), 100);
  EXPECT_EQ(batches[0].dropped(), 50U);
  tails.offer(event_of(), now);  // the same second
  batches = tails.take();
  ASSERT_EQ(batches.size(), 1U);
  EXPECT_EQ(batches[0].events_size(), 0);
  EXPECT_EQ(batches[0].dropped(), 1U);
  tails.offer(event_of(), now + std::chrono::seconds(1));
  batches = tails.take();
  ASSERT_EQ(batches.size(), 1U);
  EXPECT_EQ(batches[0].events_size(), 1);
  EXPECT_EQ(batches[0].dropped(), 0U);
}

TEST(TailsTest, CountWhatIsTooMuchText) {
  Tails tails;
  tails.start(tail_of(1));
  v1::TailEvent event = event_of();
  event.set_exception(std::string(100 * 1024, 'x'));
  for (int i = 0; i < 3; ++i) tails.offer(event, Instant{});
  const std::vector<v1::TailEvents> batches = tails.take();
  ASSERT_EQ(batches.size(), 1U);
  EXPECT_EQ(batches[0].events_size(), 2);
  EXPECT_EQ(batches[0].dropped(), 1U);
}

TEST(TailsTest, HoldNoMoreThanABoundWhenNobodyTakes) {
  Tails tails;
  tails.start(tail_of(1));
  for (int second = 0; second < 10; ++second) {
    for (int i = 0; i < 100; ++i) tails.offer(event_of(), Instant{std::chrono::seconds(second)});
  }
  const std::vector<v1::TailEvents> batches = tails.take();
  ASSERT_EQ(batches.size(), 1U);
  EXPECT_EQ(batches[0].events_size(), static_cast<int>(Tails::kWaitingMax));
  EXPECT_EQ(batches[0].dropped(), 1'000 - Tails::kWaitingMax);
}

}  // namespace
}  // namespace isopop::pop
