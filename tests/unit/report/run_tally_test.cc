#include "sim/report/run_tally.h"

#include <gtest/gtest.h>

#include "tests/unit/report/sample_run.h"

namespace isopop::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

PlannedRequest planned(milliseconds due) {
  return {.due = due};
}

TEST(RunTallyTest, AccountsForEveryRequest) {
  RunTally tally;
  tally.add_issued(planned(milliseconds(0)), milliseconds(1));
  tally.add_issued(planned(milliseconds(1)), milliseconds(1));
  tally.add_dropped(planned(milliseconds(2)));
  RequestOutcome good;
  good.status = 200;
  tally.add_outcome(planned(milliseconds(0)), good);
  RequestOutcome bad;
  bad.failure = "timeout";
  tally.add_outcome(planned(milliseconds(1)), bad);
  EXPECT_EQ(tally.offered(), 3U);
  EXPECT_EQ(tally.issued(), 2U);
  EXPECT_EQ(tally.completed(), 1U);
  EXPECT_EQ(tally.failed(), 1U);
  EXPECT_EQ(tally.dropped(), 1U);
  EXPECT_EQ(tally.failures().at("timeout"), 1U);
}

TEST(RunTallyTest, KeepsBothClocksAndAddsTheNetworkThatNobodyWaitedFor) {
  RunTally tally;
  const PlannedRequest request = planned(milliseconds(10));
  tally.add_issued(request, milliseconds(15));
  RequestOutcome outcome;
  outcome.sent = milliseconds(15);
  outcome.done = milliseconds(40);
  outcome.unwaited_network = milliseconds(100);
  tally.add_outcome(request, outcome);
  EXPECT_EQ(tally.latency_intended().max(), milliseconds(130));
  EXPECT_EQ(tally.latency_sent().max(), milliseconds(125));
  EXPECT_EQ(tally.schedule_slip().max(), milliseconds(5));
}

TEST(RunTallyTest, FailedRequestsHaveNoLatency) {
  const RunReport report = sample_run(1000);
  EXPECT_EQ(report.tally.failed(), 10U);
  EXPECT_EQ(report.tally.latency_sent().count(), 990U);
  EXPECT_EQ(report.tally.pops().at("GRU").requests, 334U);
  EXPECT_EQ(report.tally.pops().at("GRU").failed + report.tally.pops().at("AMS").failed, 10U);
}

TEST(RunTallyTest, TheRateIsHeldWhenSendingKeptUp) {
  RunTally tally;
  for (int i = 0; i < 101; ++i) {
    tally.add_issued(planned(milliseconds(100 * i)), milliseconds(100 * i + 3));
  }
  EXPECT_NEAR(tally.offered_per_s(), 10.0, 1e-9);
  EXPECT_NEAR(tally.issued_per_s(), 10.0, 0.01);
  EXPECT_TRUE(tally.rate_held());
}

TEST(RunTallyTest, TheRateIsNotHeldWhenSendingLags) {
  RunTally tally;
  for (int i = 0; i < 101; ++i)
    tally.add_issued(planned(milliseconds(100 * i)), milliseconds(130 * i));
  EXPECT_FALSE(tally.rate_held());
}

TEST(RunTallyTest, TheRateIsNotHeldWhenManyAreDropped) {
  RunTally tally;
  for (int i = 0; i < 100; ++i) {
    if (i % 4 == 0) {
      tally.add_dropped(planned(milliseconds(10 * i)));
    } else {
      tally.add_issued(planned(milliseconds(10 * i)), milliseconds(10 * i));
    }
  }
  EXPECT_FALSE(tally.rate_held());
}

TEST(RunTallyTest, ASingleRequestHasNoRateToMiss) {
  RunTally tally;
  tally.add_issued(planned(milliseconds(0)), seconds(1));
  EXPECT_TRUE(tally.rate_held());
}

TEST(RunTallyTest, TellsTheNetworkModeOfTheAnswers) {
  RunTally tally;
  EXPECT_EQ(tally.net_mode(), "none");
  for (const char* mode : {"real", "account"}) {
    tally.add_issued(planned(milliseconds(0)), milliseconds(0));
    RequestOutcome outcome;
    outcome.net_mode = mode;
    tally.add_outcome(planned(milliseconds(0)), outcome);
  }
  EXPECT_EQ(tally.net_mode(), "mixed");
}

}  // namespace
}  // namespace isopop::sim
