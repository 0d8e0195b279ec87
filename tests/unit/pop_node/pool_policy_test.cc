#include "pop_node/pool/pool_policy.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/random/random.h"
#include "tests/unit/pop_node/pool_policy_words.h"

namespace isopop::pop {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::executor;
using test::Gone;
using test::kA;
using test::kB;
using test::kC;
using test::PoolPolicyTest;
using test::Sharing;
using test::ticket;
using test::Words;

TEST_F(PoolPolicyTest, StartsTheFirstExecutorAtOnceAndCallsTheRequestCold) {
  policy_.add_group(kA, Sharing::kOneRequest);
  policy_.submit(kA, ticket(1), now_);
  EXPECT_EQ(actions(), Words({"start 1 of 1"}));
  now_ += milliseconds(60);
  policy_.executor_ready(executor(1), now_);
  EXPECT_EQ(actions(), Words({"assign 1 to 1 cold"}));
  policy_.finished(executor(1), ticket(1), now_);
  policy_.submit(kA, ticket(2), now_);
  EXPECT_EQ(actions(), Words({"assign 2 to 1"}));
}

TEST_F(PoolPolicyTest, GivesAFreshExecutorOneRequestAtATimeInOrder) {
  policy_.add_group(kA, Sharing::kOneRequest);
  warm_up(kA, executor(1), ticket(1));
  for (std::uint64_t n = 2; n <= 4; ++n) policy_.submit(kA, ticket(n), now_);
  EXPECT_EQ(actions(), Words({"assign 2 to 1"}));
  policy_.finished(executor(1), ticket(2), now_);
  EXPECT_EQ(actions(), Words({"assign 3 to 1"}));
}

TEST_F(PoolPolicyTest, GivesASharedExecutorManyRequests) {
  PoolLimits limits;
  limits.shared_requests_max = 2;
  make(limits);
  policy_.add_group(kA, Sharing::kManyRequests);
  warm_up(kA, executor(1), ticket(1));
  for (std::uint64_t n = 2; n <= 4; ++n) policy_.submit(kA, ticket(n), now_);
  EXPECT_EQ(actions(), Words({"assign 2 to 1", "assign 3 to 1"}));
  EXPECT_EQ(policy_.figures().running, 2U);
  EXPECT_EQ(policy_.figures().waiting, 1U);
}

TEST_F(PoolPolicyTest, GrowsOnlyWhenTheOldestRequestHasWaited) {
  policy_.add_group(kA, Sharing::kOneRequest);
  warm_up(kA, executor(1), ticket(1));
  policy_.submit(kA, ticket(2), now_);
  policy_.submit(kA, ticket(3), now_);
  actions();
  EXPECT_EQ(policy_.next_tick(), now_ + milliseconds(50));
  pass(milliseconds(49));
  EXPECT_EQ(actions(), Words());
  pass(milliseconds(1));
  EXPECT_EQ(actions(), Words({"start 2 of 1"}));
  // One at a time: no third while the second starts.
  policy_.submit(kA, ticket(4), now_);
  pass(milliseconds(60));
  EXPECT_EQ(actions(), Words());
  policy_.executor_ready(executor(2), now_);
  EXPECT_EQ(actions(), Words({"assign 3 to 2 cold"}));
  // The wait counts anew from when the second one was ready.
  pass(milliseconds(49));
  EXPECT_EQ(actions(), Words());
  pass(milliseconds(1));
  EXPECT_EQ(actions(), Words({"start 3 of 1"}));
}

TEST_F(PoolPolicyTest, NeverExceedsTheBoundOfAWorker) {
  PoolLimits limits;
  limits.executors_per_worker_max = 2;
  make(limits);
  policy_.add_group(kA, Sharing::kOneRequest);
  for (std::uint64_t n = 1; n <= 5; ++n) policy_.submit(kA, ticket(n), now_);
  policy_.executor_ready(executor(1), now_);
  pass(milliseconds(50));
  policy_.executor_ready(executor(2), now_);
  actions();
  pass(seconds(5));
  EXPECT_EQ(actions(), Words());
  EXPECT_EQ(policy_.figures().executors, 2U);
}

TEST_F(PoolPolicyTest, StopsWhatIsIdleForTooLong) {
  policy_.add_group(kA, Sharing::kOneRequest);
  warm_up(kA, executor(1), ticket(1));
  EXPECT_EQ(policy_.next_tick(), now_ + seconds(60));
  pass(seconds(59));
  EXPECT_EQ(actions(), Words());
  pass(seconds(1));
  EXPECT_EQ(actions(), Words({"stop 1"}));
  policy_.executor_gone(executor(1), Gone::kAsAsked, now_);
  EXPECT_EQ(policy_.figures().executors, 0U);
  EXPECT_EQ(policy_.next_tick(), std::nullopt);
  // It comes back when it is needed.
  policy_.submit(kA, ticket(2), now_);
  EXPECT_EQ(actions(), Words({"start 2 of 1"}));
}

TEST_F(PoolPolicyTest, GivesWorkToTheExecutorUsedLastSoThatOthersShrink) {
  policy_.add_group(kA, Sharing::kOneRequest);
  warm_up(kA, executor(1), ticket(1));
  policy_.submit(kA, ticket(2), now_);
  policy_.submit(kA, ticket(3), now_);
  pass(milliseconds(50));
  policy_.executor_ready(executor(2), now_);
  policy_.finished(executor(2), ticket(3), now_);
  now_ += milliseconds(1);
  policy_.finished(executor(1), ticket(2), now_);
  actions();
  policy_.submit(kA, ticket(4), now_);
  EXPECT_EQ(actions(), Words({"assign 4 to 1"}));
}

TEST_F(PoolPolicyTest, ShedsWhenTheQueueIsFull) {
  PoolLimits limits;
  limits.queue_per_worker_max = 2;
  limits.queue_max = 3;
  make(limits);
  policy_.add_group(kA, Sharing::kOneRequest);
  policy_.add_group(kB, Sharing::kOneRequest);
  for (std::uint64_t n = 1; n <= 3; ++n) policy_.submit(kA, ticket(n), now_);
  EXPECT_EQ(actions(), Words({"start 1 of 1", "reject 3 full"}));
  policy_.submit(kB, ticket(4), now_);
  policy_.submit(kB, ticket(5), now_);  // within its own bound, but not the PoP's
  EXPECT_EQ(actions(), Words({"start 2 of 2", "reject 5 full"}));
}

TEST_F(PoolPolicyTest, RejectsWhatWaitedPastTheDeadline) {
  PoolLimits limits;
  limits.queue_deadline = seconds(2);
  make(limits);
  policy_.add_group(kA, Sharing::kOneRequest);
  policy_.submit(kA, ticket(1), now_);
  pass(seconds(1));
  policy_.submit(kA, ticket(2), now_);
  actions();
  EXPECT_EQ(policy_.next_tick(), now_ + seconds(1));
  pass(seconds(1));
  EXPECT_EQ(actions(), Words({"reject 1 deadline"}));
  pass(seconds(1));
  EXPECT_EQ(actions(), Words({"reject 2 deadline"}));
}

TEST_F(PoolPolicyTest, RequestsThatWaitForTheirOwnWorkerDoNotBlockIt) {
  make({.executors_per_worker_max = 1, .grow_after = milliseconds(10)});
  policy_.add_group(kA, Sharing::kOneRequest);
  warm_up(kA, executor(1), ticket(1));
  policy_.submit(kA, ticket(2), now_);
  policy_.submit(kA, ticket(3), now_);
  EXPECT_EQ(actions(), Words({"assign 2 to 1"}));
  policy_.submit(kA, ticket(4), now_, PoolPolicy::Turn::kFirst);
  pass(milliseconds(10));
  EXPECT_EQ(actions(), Words({"start 2 of 1"}));
  policy_.executor_ready(executor(2), now_);
  EXPECT_EQ(actions(), Words({"assign 4 to 2 cold"}));
  policy_.finished(executor(2), ticket(4), now_);
  EXPECT_EQ(actions(), Words()) << "the others stay within their own bound";
  policy_.finished(executor(1), ticket(2), now_);
  EXPECT_EQ(actions().size(), 1U) << "ticket 3 runs";
}

TEST_F(PoolPolicyTest, WhatARunningRequestWaitsForOvertakesAndSharesThePatience) {
  make({.executors_max = 1, .queue_deadline = seconds(5)});
  policy_.add_group(kA, Sharing::kOneRequest);
  warm_up(kA, executor(1), ticket(1));
  policy_.submit(kA, ticket(2), now_);
  policy_.submit(kA, ticket(3), now_);
  pass(seconds(3));
  policy_.submit(kA, ticket(4), now_, PoolPolicy::Turn::kFirst);
  EXPECT_EQ(actions(), Words({"assign 2 to 1"}));
  policy_.finished(executor(1), ticket(2), now_);
  EXPECT_EQ(actions(), Words({"assign 4 to 1"}));
  policy_.submit(kA, ticket(5), now_, PoolPolicy::Turn::kFirst);
  pass(seconds(2));
  EXPECT_EQ(actions(), Words({"reject 5 deadline", "reject 3 deadline"}));
}

TEST_F(PoolPolicyTest, ForgetsARequestThatWasWithdrawnWhileItWaited) {
  policy_.add_group(kA, Sharing::kOneRequest);
  policy_.submit(kA, ticket(1), now_);
  policy_.submit(kA, ticket(2), now_);
  policy_.withdraw(ticket(1), now_);
  policy_.executor_ready(executor(1), now_);
  EXPECT_EQ(actions(), Words({"start 1 of 1", "assign 2 to 1 cold"}));
}

TEST_F(PoolPolicyTest, MakesRoomByStoppingTheLeastRecentlyUsedIdleExecutor) {
  PoolLimits limits;
  limits.executors_max = 2;
  make(limits);
  policy_.add_group(kA, Sharing::kOneRequest);
  policy_.add_group(kB, Sharing::kOneRequest);
  policy_.add_group(kC, Sharing::kOneRequest);
  warm_up(kA, executor(1), ticket(1));
  now_ += seconds(1);
  warm_up(kB, executor(2), ticket(2));
  policy_.submit(kC, ticket(3), now_);
  EXPECT_EQ(actions(), Words({"stop 1"}));
  EXPECT_EQ(policy_.figures().executors, 2U);  // it is still there
  pass(milliseconds(10));
  EXPECT_EQ(actions(), Words());  // and one is enough
  policy_.executor_gone(executor(1), Gone::kAsAsked, now_);
  EXPECT_EQ(actions(), Words({"start 3 of 3"}));
}

TEST_F(PoolPolicyTest, TakesAPlaceFromTheBusiestWorkerForOneThatHasNone) {
  PoolLimits limits;
  limits.executors_max = 2;
  make(limits);
  policy_.add_group(kA, Sharing::kOneRequest);
  policy_.add_group(kB, Sharing::kOneRequest);
  for (std::uint64_t n = 1; n <= 6; ++n) policy_.submit(kA, ticket(n), now_);
  policy_.executor_ready(executor(1), now_);
  pass(milliseconds(50));
  policy_.executor_ready(executor(2), now_);
  actions();  // 1 runs on one, 2 on the other, four wait
  policy_.submit(kB, ticket(10), now_);
  EXPECT_EQ(actions(), Words());
  policy_.finished(executor(1), ticket(1), now_);
  policy_.finished(executor(2), ticket(2), now_);
  // One of the two went on with A's queue, the other takes no more.
  EXPECT_EQ(actions(), Words({"stop 1", "assign 3 to 2"}));
  policy_.executor_gone(executor(1), Gone::kAsAsked, now_);
  EXPECT_EQ(actions(), Words({"start 3 of 2"}));
}

TEST_F(PoolPolicyTest, DoesNotTakeAWorkersLastExecutorWhileItIsBusy) {
  PoolLimits limits;
  limits.executors_max = 1;
  make(limits);
  policy_.add_group(kA, Sharing::kOneRequest);
  policy_.add_group(kB, Sharing::kOneRequest);
  policy_.submit(kA, ticket(1), now_);
  policy_.executor_ready(executor(1), now_);
  actions();
  policy_.submit(kB, ticket(2), now_);
  EXPECT_EQ(actions(), Words());
  policy_.finished(executor(1), ticket(1), now_);
  EXPECT_EQ(actions(), Words({"stop 1"}));
}

TEST_F(PoolPolicyTest, ReplacesACrashedExecutorAtOnceTheFirstTime) {
  policy_.add_group(kA, Sharing::kOneRequest);
  policy_.submit(kA, ticket(1), now_);
  policy_.executor_ready(executor(1), now_);
  policy_.submit(kA, ticket(2), now_);
  actions();
  policy_.executor_gone(executor(1), Gone::kCrashed, now_);
  EXPECT_EQ(actions(), Words({"start 2 of 1"}));
}

TEST_F(PoolPolicyTest, BacksOffFromCrashAfterCrash) {
  policy_.add_group(kA, Sharing::kOneRequest);
  for (std::uint64_t n = 1; n <= 2; ++n) {
    policy_.submit(kA, ticket(n), now_);
    policy_.executor_ready(executor(n), now_);
    policy_.executor_gone(executor(n), Gone::kCrashed, now_);
  }
  actions();
  policy_.submit(kA, ticket(3), now_);
  EXPECT_EQ(actions(), Words({"reject 3 cannot start"}));
  now_ += milliseconds(200);
  policy_.submit(kA, ticket(4), now_);
  EXPECT_EQ(actions(), Words({"start 3 of 1"}));
  policy_.executor_ready(executor(3), now_);
  policy_.executor_gone(executor(3), Gone::kCrashed, now_);
  now_ += milliseconds(399);
  actions();
  policy_.submit(kA, ticket(5), now_);
  EXPECT_EQ(actions(), Words({"reject 5 cannot start"}));
}

TEST_F(PoolPolicyTest, ARequestThatFinishedEndsTheBackoff) {
  policy_.add_group(kA, Sharing::kOneRequest);
  policy_.submit(kA, ticket(1), now_);
  policy_.executor_ready(executor(1), now_);
  policy_.executor_gone(executor(1), Gone::kCrashed, now_);
  policy_.submit(kA, ticket(2), now_);
  policy_.executor_ready(executor(2), now_);
  policy_.finished(executor(2), ticket(2), now_);
  policy_.executor_gone(executor(2), Gone::kCrashed, now_);
  actions();
  policy_.submit(kA, ticket(3), now_);
  EXPECT_EQ(actions(), Words({"start 3 of 1"}));
}

TEST_F(PoolPolicyTest, RejectsEverybodyWhenTheExecutorCannotStart) {
  policy_.add_group(kA, Sharing::kOneRequest);
  policy_.add_group(kB, Sharing::kOneRequest);
  policy_.submit(kA, ticket(1), now_);
  policy_.submit(kA, ticket(2), now_);
  policy_.submit(kB, ticket(3), now_);
  actions();
  policy_.executor_gone(executor(1), Gone::kFailedToStart, now_);
  EXPECT_EQ(actions(), Words({"reject 1 cannot start", "reject 2 cannot start"}));
  policy_.executor_ready(executor(2), now_);
  EXPECT_EQ(actions(), Words({"assign 3 to 2 cold"}));  // the neighbour feels nothing
}

TEST_F(PoolPolicyTest, OneThatBreaksWhileItStartsIsFollowedByAnotherOnlyWhenItIsKnownWhy) {
  policy_.add_group(kA, Sharing::kOneRequest);
  policy_.submit(kA, ticket(1), now_);
  policy_.executor_broken(executor(1), now_);
  EXPECT_EQ(actions(), Words({"start 1 of 1"}));
  policy_.executor_gone(executor(1), Gone::kFailedToStart, now_);
  EXPECT_EQ(actions(), Words({"reject 1 cannot start"}));
}

TEST_F(PoolPolicyTest, BackoffIsBounded) {
  policy_.add_group(kA, Sharing::kOneRequest);
  for (std::uint64_t n = 1; n <= 40; ++n) {
    policy_.submit(kA, ticket(n), now_);
    policy_.executor_gone(executor(n), Gone::kFailedToStart, now_);
    now_ += seconds(30);
  }
  actions();
  policy_.submit(kA, ticket(41), now_);
  EXPECT_EQ(actions(), Words({"start 41 of 1"}));
}

TEST_F(PoolPolicyTest, ARetiredVersionServesWhatItHasThenStops) {
  policy_.add_group(kA, Sharing::kOneRequest);
  policy_.submit(kA, ticket(1), now_);
  policy_.executor_ready(executor(1), now_);
  policy_.submit(kA, ticket(2), now_);
  actions();
  policy_.retire_group(kA, now_);
  EXPECT_EQ(actions(), Words());
  policy_.finished(executor(1), ticket(1), now_);
  EXPECT_EQ(actions(), Words({"assign 2 to 1"}));
  policy_.finished(executor(1), ticket(2), now_);
  EXPECT_EQ(actions(), Words({"stop 1"}));
  policy_.executor_gone(executor(1), Gone::kAsAsked, now_);
  EXPECT_EQ(actions(), Words({"forget 1"}));
}

TEST_F(PoolPolicyTest, ARetiredVersionThatWasNeverUsedIsForgottenAtOnce) {
  policy_.add_group(kA, Sharing::kOneRequest);
  policy_.retire_group(kA, now_);
  EXPECT_EQ(actions(), Words({"forget 1"}));
}

TEST_F(PoolPolicyTest, ARetiredVersionStopsAnExecutorThatNobodyWaitsForAnyMore) {
  policy_.add_group(kA, Sharing::kOneRequest);
  policy_.submit(kA, ticket(1), now_);
  policy_.withdraw(ticket(1), now_);
  actions();
  policy_.retire_group(kA, now_);
  EXPECT_EQ(actions(), Words({"stop 1"}));
  policy_.executor_ready(executor(1), now_);  // its answer crossed ours
  EXPECT_EQ(actions(), Words());
}

TEST_F(PoolPolicyTest, DrainingRejectsWhatWaitsAndLetsRunningRequestsEnd) {
  policy_.add_group(kA, Sharing::kOneRequest);
  policy_.submit(kA, ticket(1), now_);
  policy_.executor_ready(executor(1), now_);
  policy_.submit(kA, ticket(2), now_);
  actions();
  policy_.drain(now_);
  EXPECT_EQ(actions(), Words({"reject 2 draining"}));
  policy_.submit(kA, ticket(3), now_);
  EXPECT_EQ(actions(), Words({"reject 3 draining"}));
  policy_.finished(executor(1), ticket(1), now_);
  EXPECT_EQ(actions(), Words({"stop 1"}));
}

// Ten thousand random events against the promises of the class comment.
TEST_F(PoolPolicyTest, KeepsItsPromisesUnderRandomEvents) {
  PoolLimits limits;
  limits.executors_max = 5;
  limits.executors_per_worker_max = 3;
  limits.shared_requests_max = 3;
  limits.queue_per_worker_max = 4;
  limits.queue_deadline = milliseconds(500);
  limits.memory_budget_bytes = 1000;
  limits.executor_bytes_expected = 150;
  make(limits);
  RandomStream random(7, "pool_policy_test");
  policy_.add_group(kA, Sharing::kOneRequest);
  policy_.add_group(kB, Sharing::kManyRequests);
  policy_.add_group(kC, Sharing::kContainer);

  std::map<ExecutorId, GroupId> starting;
  std::map<ExecutorId, GroupId> ready;
  std::set<ExecutorId> stopping;
  std::map<TicketId, ExecutorId> running;
  std::set<TicketId> waiting;
  std::uint64_t tickets = 0;
  std::uint64_t answered = 0;

  const auto apply = [&] {
    policy_.tick(now_);
    for (const PoolAction& action : policy_.take_actions()) {
      if (const auto* start = std::get_if<StartExecutor>(&action)) {
        starting[start->executor] = start->group;
        ASSERT_TRUE(policy_.figures().memory_bytes <= limits.memory_budget_bytes ||
                    policy_.figures().executors == 1)
            << "started beyond the budget";
      } else if (const auto* stop = std::get_if<StopExecutor>(&action)) {
        for (const auto& [t, e] : running) ASSERT_NE(e, stop->executor) << "stopped while it works";
        starting.erase(stop->executor);
        ready.erase(stop->executor);
        stopping.insert(stop->executor);
      } else if (const auto* assign = std::get_if<AssignTicket>(&action)) {
        ASSERT_EQ(waiting.erase(assign->ticket), 1U) << "answered twice";
        ASSERT_TRUE(ready.contains(assign->executor));
        running[assign->ticket] = assign->executor;
        ++answered;
      } else if (const auto* reject = std::get_if<RejectTicket>(&action)) {
        ASSERT_EQ(waiting.erase(reject->ticket), 1U) << "answered twice";
        ++answered;
      }
    }
    ASSERT_LE(starting.size() + ready.size() + stopping.size(), limits.executors_max);
    std::map<ExecutorId, std::size_t> load;
    for (const auto& [t, e] : running) ++load[e];
    for (const auto& [e, n] : load) ASSERT_LE(n, ready.at(e) == kB ? 3U : 1U);
    ASSERT_LE(waiting.size(), 12U);
    const PoolFigures figures = policy_.figures();
    ASSERT_EQ(figures.executors, starting.size() + ready.size() + stopping.size());
    ASSERT_EQ(figures.executors_starting, starting.size());
    ASSERT_EQ(figures.running, running.size());
    ASSERT_EQ(figures.waiting, waiting.size());
    if (const auto next = policy_.next_tick()) {
      ASSERT_GT(*next, now_) << "would spin";
    }
  };

  for (int step = 0; step < 10'000; ++step) {
    now_ += milliseconds(random.below(30));
    switch (random.below(8)) {
      case 0:
      case 1: {
        const TicketId id = ticket(++tickets);
        waiting.insert(id);
        policy_.submit(GroupId{1 + random.below(3)}, id, now_);
        break;
      }
      case 2:
        if (!starting.empty()) {
          const auto [id, group] = *starting.begin();
          starting.erase(id);
          ready[id] = group;
          policy_.executor_ready(id, now_);
        }
        break;
      case 3:
        if (!running.empty()) {
          const auto [t, e] = *running.begin();
          running.erase(t);
          policy_.finished(e, t, now_);
        }
        break;
      case 4:
        if (!stopping.empty()) {
          const ExecutorId id = *stopping.begin();
          stopping.erase(id);
          policy_.executor_gone(id, Gone::kAsAsked, now_);
        }
        break;
      case 5:
        if (!ready.empty() && random.below(10) == 0) {
          const ExecutorId id = ready.begin()->first;
          ready.erase(id);
          std::erase_if(running, [id](const auto& entry) { return entry.second == id; });
          policy_.executor_gone(id, random.below(2) == 0 ? Gone::kCrashed : Gone::kSpent, now_);
        }
        break;
      case 6:
        if (!ready.empty()) {
          policy_.executor_memory(ready.rbegin()->first, random.below(400), now_);
        }
        break;
      default:
        policy_.tick(now_);
    }
    ASSERT_NO_FATAL_FAILURE(apply());
  }
  EXPECT_EQ(answered + waiting.size(), tickets);
  EXPECT_GT(answered, 2'000U);
}

}  // namespace
}  // namespace isopop::pop
