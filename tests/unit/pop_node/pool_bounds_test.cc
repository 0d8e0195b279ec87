// The memory budget, containers, ends that are nobody's fault, and what events cost.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/unit/pop_node/pool_policy_words.h"

namespace isopop::pop {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using test::executor;
using test::Gone;
using test::kA;
using test::kB;
using test::kC;
using test::Sharing;
using test::ticket;
using test::Words;

constexpr std::uint64_t kMib = 1024ULL * 1024;

class PoolBudgetTest : public test::PoolPolicyTest {
 protected:
  PoolBudgetTest() {
    make({.memory_budget_bytes = 10 * kMib, .executor_bytes_expected = 4 * kMib});
    for (const GroupId group : {kA, kB, kC}) policy_.add_group(group, Sharing::kOneRequest);
  }
  // Runs its ticket, which has the executor's number.
  void start_running(GroupId group, std::uint64_t n) {
    policy_.submit(group, ticket(n), now_);
    policy_.executor_ready(executor(n), now_);
    actions();
  }
};

TEST_F(PoolBudgetTest, AStartThatDoesNotFitWaitsForTheLeastRecentlyUsedToGo) {
  warm_up(kA, executor(1), ticket(1));
  now_ += seconds(1);
  warm_up(kB, executor(2), ticket(2));
  policy_.submit(kC, ticket(3), now_);
  EXPECT_EQ(actions(), Words({"stop 1"}));
  policy_.executor_gone(executor(1), Gone::kAsAsked, now_);
  EXPECT_EQ(actions(), Words({"start 3 of 3"}));
  EXPECT_EQ(policy_.figures().memory_bytes, 8 * kMib);
  EXPECT_EQ(policy_.figures().evicted, 1U);
}

TEST_F(PoolBudgetTest, AStartThatDoesNotFitWaitsWhenNothingIsIdle) {
  start_running(kA, 1);
  start_running(kB, 2);
  policy_.submit(kC, ticket(3), now_);
  pass(seconds(1));
  EXPECT_EQ(actions(), Words());
  policy_.finished(executor(1), ticket(1), now_);
  EXPECT_EQ(actions(), Words({"stop 1"}));
}

TEST_F(PoolBudgetTest, WhatGrowsMakesIdleOnesGoButNothingThatRuns) {
  warm_up(kA, executor(1), ticket(1));
  start_running(kB, 2);
  policy_.executor_memory(executor(2), 9 * kMib, now_);
  EXPECT_EQ(actions(), Words({"stop 1"}));
  policy_.executor_gone(executor(1), Gone::kAsAsked, now_);
  policy_.executor_memory(executor(2), 50 * kMib, now_);
  EXPECT_EQ(actions(), Words());
  policy_.finished(executor(2), ticket(2), now_);
  EXPECT_EQ(actions(), Words({"stop 2"}));
}

TEST_F(PoolBudgetTest, ALittleIsKeptFreeSoThatTheNextStartNeedNotWait) {
  warm_up(kA, executor(1), ticket(1));
  warm_up(kB, executor(2), ticket(2));
  policy_.executor_memory(executor(1), 5 * kMib, now_);
  EXPECT_EQ(actions(), Words());
  policy_.executor_memory(executor(2), 5 * kMib - kMib / 16, now_);
  EXPECT_EQ(actions(), Words({"stop 1"}));
}

TEST_F(PoolBudgetTest, WhatAWorkerUsedIsExpectedOfItsNextExecutor) {
  start_running(kA, 1);
  policy_.executor_memory(executor(1), 7 * kMib, now_);
  policy_.submit(kA, ticket(2), now_);
  pass(seconds(1));
  EXPECT_EQ(actions(), Words());        // 14 do not fit
  policy_.submit(kB, ticket(3), now_);  // 11 do not either
  EXPECT_EQ(policy_.figures().executors, 1U);
  policy_.executor_memory(executor(1), 5 * kMib, now_);
  EXPECT_EQ(actions(), Words({"start 2 of 2"}));
}

TEST_F(PoolBudgetTest, OfAWorkerThatIsNewAsMuchIsExpectedAsOthersUse) {
  start_running(kA, 1);
  policy_.executor_memory(executor(1), 6 * kMib, now_);
  policy_.submit(kB, ticket(2), now_);
  EXPECT_EQ(actions(), Words());  // 4 MiB would fit, 6 do not
  policy_.executor_memory(executor(1), 5 * kMib, now_);
  EXPECT_EQ(actions(), Words({"start 2 of 2"}));
}

TEST_F(PoolBudgetTest, OneExecutorStartsHoweverSmallTheBudgetIs) {
  make({.memory_budget_bytes = 1});
  policy_.add_group(kA, Sharing::kOneRequest);
  policy_.add_group(kB, Sharing::kOneRequest);
  policy_.submit(kA, ticket(1), now_);
  policy_.submit(kB, ticket(2), now_);
  EXPECT_EQ(actions(), Words({"start 1 of 1"}));
  policy_.executor_ready(executor(1), now_);
  policy_.finished(executor(1), ticket(1), now_);
  EXPECT_EQ(actions(), Words({"assign 1 to 1 cold", "stop 1"}));
  policy_.executor_gone(executor(1), Gone::kAsAsked, now_);
  EXPECT_EQ(actions(), Words({"start 2 of 2"}));
}

TEST_F(PoolBudgetTest, AWorkerWithNoExecutorGoesBeforeOneThatWantsMore) {
  start_running(kA, 1);
  start_running(kB, 2);
  policy_.submit(kA, ticket(3), now_);
  pass(seconds(1));
  policy_.submit(kC, ticket(4), now_);
  EXPECT_EQ(actions(), Words());
  policy_.executor_gone(executor(2), Gone::kCrashed, now_);
  EXPECT_EQ(actions(), Words({"start 3 of 3"}));
}

// Calls so many workers once each; every executor uses 1 MiB. The most memory there ever was.
std::uint64_t call_each_once(PoolPolicy& policy, std::uint64_t workers) {
  Instant now{seconds(1000)};
  std::uint64_t most = 0;
  std::map<ExecutorId, TicketId> running;
  for (std::uint64_t n = 1; n <= workers; ++n) {
    policy.add_group(GroupId{n}, Sharing::kOneRequest);
    policy.submit(GroupId{n}, ticket(n), now);
    std::size_t assigned = 0;
    while (assigned == 0) {
      const std::vector<PoolAction> actions = policy.take_actions();
      if (actions.empty()) return 0;  // stuck
      for (const PoolAction& action : actions) {
        if (const auto* start = std::get_if<StartExecutor>(&action)) {
          policy.executor_ready(start->executor, now);
          policy.executor_memory(start->executor, kMib, now);
        } else if (const auto* stop = std::get_if<StopExecutor>(&action)) {
          policy.executor_gone(stop->executor, Gone::kAsAsked, now);
        } else if (const auto* assign = std::get_if<AssignTicket>(&action)) {
          policy.finished(assign->executor, assign->ticket, now);
          ++assigned;
        }
      }
      most = std::max(most, policy.figures().memory_bytes);
    }
    now += milliseconds(1);
  }
  return most;
}

TEST(PoolManyWorkersTest, AThousandWorkersCalledOnceStayWithinTheBudgetByEviction) {
  PoolPolicy policy({.memory_budget_bytes = 300 * kMib}, {1, "test"});
  const std::uint64_t most = call_each_once(policy, 1000);
  EXPECT_GT(most, 250 * kMib);
  EXPECT_LE(most, 300 * kMib);
  EXPECT_GE(policy.figures().evicted, 700U);
}

TEST(PoolManyWorkersTest, AThousandWorkersAllStayWhereThereIsRoom) {
  PoolPolicy policy({.memory_budget_bytes = 2048 * kMib}, {1, "test"});
  EXPECT_GT(call_each_once(policy, 1000), 0U);
  EXPECT_EQ(policy.figures().executors, 1000U);
  EXPECT_EQ(policy.figures().evicted, 0U);
}

// Steps of one request to a worker whose executor is idle, beside so many others of all kinds.
std::uint64_t steps_beside(std::uint64_t others) {
  PoolPolicy policy({.memory_budget_bytes = 1ULL << 40U,
                     .executors_max = 1'000'000,
                     .executors_per_worker_max = 1,
                     .queue_max = 1'000'000},
                    {1, "test"});
  const Instant now{seconds(1000)};
  policy.add_group(GroupId{1}, Sharing::kOneRequest);
  policy.submit(GroupId{1}, ticket(1), now);
  policy.executor_ready(executor(1), now);
  policy.finished(executor(1), ticket(1), now);
  std::uint64_t last_executor = 1;
  for (std::uint64_t n = 2; n <= others + 1; ++n) {
    policy.add_group(GroupId{n}, Sharing::kOneRequest);
    if (n % 4 == 0) continue;  // never called
    policy.submit(GroupId{n}, ticket(2 * n), now);
    ++last_executor;
    if (n % 4 == 1) continue;  // starting
    policy.executor_ready(executor(last_executor), now);
    if (n % 4 == 2) policy.submit(GroupId{n}, ticket(2 * n + 1), now);  // one runs, one waits
    if (n % 4 == 3) policy.finished(executor(last_executor), ticket(2 * n), now);  // idle
  }
  const std::uint64_t before = policy.steps();
  policy.submit(GroupId{1}, ticket(9'000'000), now);
  policy.finished(executor(1), ticket(9'000'000), now);
  policy.tick(now);
  return policy.steps() - before;
}

TEST(PoolManyWorkersTest, ARequestCostsAsManyStepsBesideTwoThousandWorkersAsBesideNone) {
  EXPECT_GT(steps_beside(0), 0U);
  EXPECT_EQ(steps_beside(2000), steps_beside(0));
}

// The same when the PoP is full and a thousand workers wait for room.
TEST(PoolManyWorkersTest, ARequestCostsNoMoreWhenAThousandWorkersWaitForRoom) {
  const auto steps_in_front_of = [](std::uint64_t others) {
    PoolPolicy policy({.executors_max = 2, .queue_max = 1'000'000}, {1, "test"});
    const Instant now{seconds(1000)};
    for (std::uint64_t n = 1; n <= others + 2; ++n) {
      policy.add_group(GroupId{n}, Sharing::kOneRequest);
      policy.submit(GroupId{n}, ticket(n), now);
    }
    policy.executor_ready(executor(1), now);
    policy.executor_ready(executor(2), now);
    const std::uint64_t before = policy.steps();
    policy.submit(GroupId{1}, ticket(9'000'000), now);
    policy.tick(now);
    return policy.steps() - before;
  };
  EXPECT_EQ(steps_in_front_of(1000), steps_in_front_of(1));
}

class PoolContainerTest : public test::PoolPolicyTest {
 protected:
  PoolContainerTest() { policy_.add_group(kA, Sharing::kContainer); }
  std::vector<nanoseconds> delays() {
    std::vector<nanoseconds> found;
    for (const PoolAction& action : policy_.take_actions()) {
      if (const auto* start = std::get_if<StartExecutor>(&action)) found.push_back(start->delay);
    }
    return found;
  }
};

TEST_F(PoolContainerTest, EachRequestThatFindsNoneIdleGetsOneOfItsOwnAtOnce) {
  for (std::uint64_t n = 1; n <= 3; ++n) policy_.submit(kA, ticket(n), now_);
  EXPECT_EQ(actions(), Words({"start 1 of 1", "start 2 of 1", "start 3 of 1"}));
  policy_.executor_ready(executor(2), now_);
  EXPECT_EQ(actions(), Words({"assign 1 to 2 cold"}));
  policy_.finished(executor(2), ticket(1), now_);
  EXPECT_EQ(actions(), Words({"assign 2 to 2"}));
  policy_.executor_ready(executor(1), now_);
  policy_.executor_ready(executor(3), now_);
  EXPECT_EQ(actions(), Words({"assign 3 to 1 cold"}));
  policy_.submit(kA, ticket(4), now_);
  EXPECT_EQ(actions(), Words({"assign 4 to 3"}));
}

TEST_F(PoolContainerTest, KeepsToTheBoundOfAWorker) {
  make({.executors_per_worker_max = 2});
  policy_.add_group(kA, Sharing::kContainer);
  for (std::uint64_t n = 1; n <= 5; ++n) policy_.submit(kA, ticket(n), now_);
  EXPECT_EQ(actions(), Words({"start 1 of 1", "start 2 of 1"}));
}

TEST_F(PoolContainerTest, OtherModesStartWithoutDelay) {
  policy_.add_group(kB, Sharing::kOneRequest);
  policy_.submit(kB, ticket(1), now_);
  EXPECT_EQ(delays(), std::vector<nanoseconds>({nanoseconds(0)}));
}

TEST_F(PoolContainerTest, DelaysAreLogNormalWithinTheirBoundsAndTheSameForTheSameSeed) {
  constexpr std::uint64_t kDraws = 10'000;
  const auto draw = [this] {
    make({.memory_budget_bytes = 1ULL << 50U,
          .executors_max = kDraws,
          .executors_per_worker_max = kDraws,
          .queue_max = kDraws,
          .queue_per_worker_max = kDraws});
    policy_.add_group(kA, Sharing::kContainer);
    for (std::uint64_t n = 1; n <= kDraws; ++n) policy_.submit(kA, ticket(n), now_);
    return delays();
  };
  std::vector<nanoseconds> drawn = draw();
  EXPECT_EQ(draw(), drawn);
  ASSERT_EQ(drawn.size(), kDraws);
  std::sort(drawn.begin(), drawn.end());
  EXPECT_EQ(drawn.front(), milliseconds(100));
  EXPECT_EQ(drawn.back(), milliseconds(1000));
  EXPECT_NEAR(static_cast<double>(drawn[kDraws / 2].count()), 250e6, 10e6);
  // The 99th percentile is the bound itself: about 1 % are cut off.
  EXPECT_LT(drawn[kDraws * 98 / 100], milliseconds(1000));
  EXPECT_GT(drawn[kDraws * 97 / 100], milliseconds(700));
}

TEST_F(PoolContainerTest, HasAnIdleTimeoutOfItsOwn) {
  make({.idle_timeout = seconds(60), .container_idle_timeout = seconds(5)});
  policy_.add_group(kA, Sharing::kContainer);
  policy_.add_group(kB, Sharing::kOneRequest);
  warm_up(kB, executor(1), ticket(1));
  warm_up(kA, executor(2), ticket(2));
  EXPECT_EQ(policy_.next_tick(), now_ + seconds(5));
  pass(seconds(5));
  EXPECT_EQ(actions(), Words({"stop 2"}));
}

TEST_F(PoolContainerTest, TheLeastRecentlyUsedOfBothKindsMakesRoom) {
  make({.executors_max = 2});
  policy_.add_group(kA, Sharing::kContainer);
  policy_.add_group(kB, Sharing::kOneRequest);
  policy_.add_group(kC, Sharing::kOneRequest);
  warm_up(kA, executor(1), ticket(1));
  now_ += seconds(1);
  warm_up(kB, executor(2), ticket(2));
  policy_.submit(kC, ticket(3), now_);
  EXPECT_EQ(actions(), Words({"stop 1"}));
}

TEST_F(PoolBudgetTest, WhatEndsWithALimitIsReplacedAtOnceHoweverOften) {
  for (std::uint64_t n = 1; n <= 20; ++n) {
    policy_.submit(kA, ticket(n), now_);
    policy_.executor_ready(executor(n), now_);
    policy_.executor_gone(executor(n), Gone::kSpent, now_);
  }
  actions();
  policy_.submit(kA, ticket(21), now_);
  EXPECT_EQ(actions(), Words({"start 21 of 1"}));
}

TEST_F(PoolBudgetTest, WhoWaitsForAnExecutorThatEndsWithItsZygoteWaitsForTheNext) {
  policy_.submit(kA, ticket(1), now_);
  policy_.executor_gone(executor(1), Gone::kSpent, now_);
  EXPECT_EQ(actions(), Words({"start 1 of 1", "start 2 of 1"}));
  EXPECT_EQ(policy_.figures().waiting, 1U);
}

}  // namespace
}  // namespace isopop::pop
