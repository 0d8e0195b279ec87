#include "control_plane/rollout/rollout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control_plane/rollout/traffic_history.h"

namespace isopop::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using Action = Rollout::Action;

constexpr Instant kStart{std::chrono::hours(1)};

v1::Deployment deployment_of(std::uint64_t number, std::vector<std::uint64_t> versions) {
  v1::Deployment deployment;
  deployment.set_worker("a");
  deployment.set_number(number);
  deployment.set_state(v1::DEPLOYMENT_STATE_ROLLING_OUT);
  for (const std::uint64_t version : versions) deployment.add_shares()->set_number(version);
  return deployment;
}

v1::PopIdentity pop(const std::string& id) {
  v1::PopIdentity identity;
  identity.set_id(id);
  return identity;
}

// Version 2 on its way in waves AMS, FRA and the rest, in place of version 1; `bake` 10 s.
class RolloutTest : public ::testing::Test {
 protected:
  void begin(const std::vector<std::string>& guards = {}) {
    deployment_ = deployment_of(2, {2});
    v1::RolloutPlan& plan = *deployment_.mutable_plan();
    plan.add_waves()->set_selector("AMS");
    plan.add_waves()->set_selector("FRA");
    plan.add_waves()->set_selector("all");
    for (const std::string& guard : guards) plan.add_abort_on(guard);
    start();
  }
  void start() {
    rollout_.emplace(deployment_, deployment_of(1, {1}), Plan::parse(deployment_.plan()).value(),
                     kStart);
  }
  Rollout::Step step_at(std::chrono::nanoseconds after) {
    return rollout_->step(answers_, kStart + after);
  }
  // As the control plane does what step() says.
  void go_to(std::uint32_t wave, std::chrono::nanoseconds after) {
    deployment_.set_wave(wave);
    rollout_->update(deployment_, kStart + after);
  }
  void set_state(v1::DeploymentState state, std::chrono::nanoseconds after) {
    deployment_.set_state(state);
    rollout_->update(deployment_, kStart + after);
  }
  void count(const std::string& id, std::uint64_t version, std::uint64_t requests,
             std::uint64_t errors) {
    v1::WorkerFigures figures;
    figures.set_worker("a");
    figures.set_number(version);
    figures.set_requests(requests);
    figures.set_errors(errors);
    rollout_->count(pop(id), figures);
  }

  v1::Deployment deployment_;
  std::optional<Rollout> rollout_;
  std::vector<WaveAnswers> answers_{
      {.known = 1, .connected = 1}, {.known = 1, .connected = 1}, {.known = 5, .connected = 5}};
};

TEST_F(RolloutTest, WaitsForEveryConnectedPopOfTheWave) {
  begin();
  answers_[0].connected = 2;
  answers_[0].acked = 1;
  EXPECT_EQ(step_at(seconds(1)).action, Action::kWait);
  answers_[0].acked = 2;
  EXPECT_EQ(step_at(seconds(2)).action, Action::kWait) << "it is watched first";
  EXPECT_EQ(step_at(seconds(12) - milliseconds(1)).action, Action::kWait);
  EXPECT_EQ(step_at(seconds(12)).action, Action::kNextWave);
  EXPECT_EQ(step_at(seconds(13)).action, Action::kNextWave) << "until it was done";
}

TEST_F(RolloutTest, GoesThroughAllWavesToTheEnd) {
  begin();
  answers_[0].acked = 1;
  EXPECT_EQ(step_at(seconds(0)).action, Action::kWait);
  EXPECT_EQ(step_at(seconds(10)).action, Action::kNextWave);
  go_to(1, seconds(10));
  EXPECT_EQ(step_at(seconds(40) - milliseconds(1)).action, Action::kWait) << "pushed anew";
  answers_[1].acked = 1;
  EXPECT_EQ(step_at(seconds(41)).action, Action::kWait);
  EXPECT_EQ(step_at(seconds(51)).action, Action::kNextWave);
  go_to(2, seconds(51));
  answers_[2].acked = 4;
  EXPECT_EQ(step_at(seconds(52)).action, Action::kWait);
  answers_[2].nacked = 1;
  EXPECT_EQ(step_at(seconds(53)).action, Action::kLive) << "nothing left to watch for";
}

TEST_F(RolloutTest, LastWaveIsWatchedWhenAGuardIsAboutTraffic) {
  begin({"error-rate>1%"});
  go_to(2, seconds(0));
  answers_[2].acked = 5;
  EXPECT_EQ(step_at(seconds(1)).action, Action::kWait);
  EXPECT_EQ(step_at(seconds(11)).action, Action::kLive);
}

TEST_F(RolloutTest, SilentPopDoesNotHoldAWaveForEver) {
  begin();
  answers_[0].connected = 2;
  answers_[0].acked = 1;
  EXPECT_EQ(step_at(seconds(30) - milliseconds(1)).action, Action::kWait);
  EXPECT_EQ(step_at(seconds(30)).action, Action::kWait) << "watched from here";
  EXPECT_EQ(step_at(seconds(40)).action, Action::kNextWave);
}

TEST_F(RolloutTest, PausesWhenNobodyOfAWaveAnswers) {
  begin();
  EXPECT_EQ(step_at(seconds(29)).action, Action::kWait);
  const Rollout::Step step = step_at(seconds(30));
  EXPECT_EQ(step.action, Action::kPause);
  EXPECT_THAT(step.reason, HasSubstr("none of its 1 PoP(s) answered within 30"));
}

TEST_F(RolloutTest, PausesWhenAllOfAWaveRejectIt) {
  begin();
  answers_[0].nacked = 1;
  answers_[0].first_nack = "AMS: full";
  const Rollout::Step step = step_at(seconds(0));
  EXPECT_EQ(step.action, Action::kPause);
  EXPECT_THAT(step.reason, HasSubstr("AMS: full"));
}

TEST_F(RolloutTest, RejectionAbortsOnlyWhenAGuardSaysSo) {
  begin({"nack"});
  answers_[0] = {.known = 9, .connected = 9, .acked = 3, .nacked = 1, .first_nack = "AMS: no"};
  const Rollout::Step step = step_at(seconds(0));
  EXPECT_EQ(step.action, Action::kAbort);
  EXPECT_THAT(step.reason, HasSubstr("wave AMS: nack: 1 PoP(s) rejected it, AMS: no"));
}

TEST_F(RolloutTest, EmptyFirstWaveIsNotTakenForASuccess) {
  begin();
  answers_[0] = {};
  const Rollout::Step step = step_at(seconds(0));
  EXPECT_EQ(step.action, Action::kPause);
  EXPECT_THAT(step.reason, HasSubstr("selects no PoP that is connected"));
  set_state(v1::DEPLOYMENT_STATE_PAUSED, seconds(1));
  EXPECT_EQ(step_at(seconds(2)).action, Action::kWait);
  set_state(v1::DEPLOYMENT_STATE_ROLLING_OUT, seconds(3));
  EXPECT_EQ(step_at(seconds(3)).action, Action::kNextWave) << "people said: without it";
}

TEST_F(RolloutTest, WaveWhosePopsAreAwayIsWaitedForAWhile) {
  begin();
  answers_[0] = {.known = 1};
  EXPECT_EQ(step_at(seconds(29)).action, Action::kWait);
  EXPECT_EQ(step_at(seconds(30)).action, Action::kPause);
}

TEST_F(RolloutTest, LaterEmptyWaveIsPassedOver) {
  begin();
  answers_[0].acked = 1;
  answers_[1] = {};
  go_to(1, seconds(0));
  EXPECT_EQ(step_at(seconds(0)).action, Action::kNextWave);
}

TEST_F(RolloutTest, AbortsAtOnceWhenAGuardBreaks) {
  begin({"error-rate>1%"});
  answers_[0].acked = 1;
  EXPECT_EQ(step_at(seconds(0)).action, Action::kWait);
  count("AMS", 2, 100, 1);
  EXPECT_EQ(step_at(seconds(1)).action, Action::kWait);
  count("AMS", 2, 100, 9);
  const Rollout::Step step = step_at(seconds(1));
  EXPECT_EQ(step.action, Action::kAbort);
  EXPECT_THAT(step.reason, HasSubstr("10 of 200 requests failed"));
}

TEST_F(RolloutTest, GuardsHoldWhilePausedToo) {
  begin({"error-rate>1%"});
  answers_[0].acked = 1;
  set_state(v1::DEPLOYMENT_STATE_PAUSED, seconds(0));
  EXPECT_EQ(step_at(seconds(100)).action, Action::kWait);
  count("AMS", 2, 100, 50);
  EXPECT_EQ(step_at(seconds(101)).action, Action::kAbort);
}

TEST_F(RolloutTest, EarlierWavesGoOnBeingJudged) {
  begin({"error-rate>1%"});
  answers_[0].acked = 1;
  go_to(1, seconds(0));
  count("AMS", 2, 100, 50);
  const Rollout::Step step = step_at(seconds(1));
  EXPECT_EQ(step.action, Action::kAbort);
  EXPECT_THAT(step.reason, HasSubstr("wave AMS"));
}

TEST_F(RolloutTest, ErrorsOfTheBaseAndOfOtherPopsAreNotHeldAgainstIt) {
  begin({"error-rate>1%"});
  answers_[0].acked = 1;
  count("AMS", 1, 100, 50);
  count("FRA", 1, 100, 50);
  count("GRU", 2, 100, 50);  // not its turn: of some earlier attempt
  count("AMS", 7, 100, 50);
  EXPECT_EQ(step_at(seconds(1)).action, Action::kWait);
}

TEST_F(RolloutTest, VersionThatTheBaseHasTooIsNotOnTrial) {
  begin({"error-rate>1%"});
  *deployment_.add_shares() = deployment_of(1, {1}).shares(0);
  start();
  answers_[0].acked = 1;
  count("AMS", 1, 1'000, 500);
  EXPECT_EQ(step_at(seconds(0)).action, Action::kWait);
  count("AMS", 2, 100, 50);
  EXPECT_EQ(step_at(seconds(0)).action, Action::kAbort);
}

TEST_F(RolloutTest, OtherSharesOfTheSameVersionsAreAllOnTrial) {
  begin({"error-rate>1%"});
  deployment_.mutable_shares(0)->set_number(1);
  start();
  answers_[0].acked = 1;
  count("FRA", 1, 100, 50);
  EXPECT_EQ(step_at(seconds(0)).action, Action::kWait);
  count("AMS", 1, 100, 50);
  EXPECT_EQ(step_at(seconds(0)).action, Action::kAbort);
}

TEST_F(RolloutTest, ComparesWithWhatTheBaseDidBefore) {
  begin({"p99>+20%"});
  answers_[0].acked = 1;
  v1::WorkerFigures slow;
  slow.set_worker("a");
  slow.set_number(2);
  v1::LatencyBucket& bucket = *slow.add_latency();
  bucket.set_index(80);
  bucket.set_count(100);
  slow.set_requests(100);
  rollout_->count(pop("AMS"), slow);
  EXPECT_EQ(step_at(seconds(1)).action, Action::kWait) << "nothing to compare with";
  TrafficSum before;
  before.requests = 100;
  before.latency.add(40, 100);
  rollout_->count_base(before);
  EXPECT_EQ(step_at(seconds(1)).action, Action::kAbort);
}

TEST_F(RolloutTest, WaitsAnewAfterAPause) {
  begin();
  answers_[0].acked = 1;
  EXPECT_EQ(step_at(seconds(0)).action, Action::kWait);
  set_state(v1::DEPLOYMENT_STATE_PAUSED, seconds(5));
  EXPECT_EQ(step_at(seconds(60)).action, Action::kWait);
  set_state(v1::DEPLOYMENT_STATE_ROLLING_OUT, seconds(60));
  EXPECT_EQ(step_at(seconds(60)).action, Action::kWait);
  EXPECT_EQ(step_at(seconds(70)).action, Action::kNextWave);
}

TEST_F(RolloutTest, GoesOnInTheWaveItWasInAfterARestart) {
  begin();
  deployment_.set_wave(1);
  start();
  answers_[1].acked = 1;
  EXPECT_EQ(step_at(seconds(0)).action, Action::kWait) << "watched anew";
  EXPECT_EQ(step_at(seconds(10)).action, Action::kNextWave);
}

TEST_F(RolloutTest, TellsPeopleHowFarItIs) {
  begin({"error-rate>1%"});
  answers_[0].acked = 1;
  EXPECT_EQ(rollout_->describe(answers_, kStart).waves(0).state(), "pushing");
  EXPECT_EQ(step_at(seconds(0)).action, Action::kWait);
  count("AMS", 2, 100, 1);
  v1::Rollout told = rollout_->describe(answers_, kStart + seconds(4));
  EXPECT_FALSE(told.done());
  EXPECT_EQ(told.waves(0).state(), "baking");
  EXPECT_EQ(told.waves(0).bake_left_ms(), 6'000U);
  EXPECT_EQ(told.waves(0).requests(), 100U);
  EXPECT_EQ(told.waves(0).errors(), 1U);
  EXPECT_EQ(told.waves(1).state(), "waiting");
  go_to(1, seconds(10));
  told = rollout_->describe(answers_, kStart + seconds(10));
  EXPECT_EQ(told.waves(0).state(), "done");
  EXPECT_EQ(told.waves(1).state(), "pushing");
  set_state(v1::DEPLOYMENT_STATE_ABORTED, seconds(11));
  told = rollout_->describe(answers_, kStart + seconds(11));
  EXPECT_TRUE(told.done());
  EXPECT_EQ(told.waves(0).state(), "aborted");
  EXPECT_EQ(told.waves(2).state(), "waiting");
}

TEST(TrafficHistory, RemembersOneToTwoMinutes) {
  TrafficHistory history(kStart);
  v1::WorkerFigures figures;
  figures.set_worker("a");
  figures.set_number(1);
  figures.set_requests(10);
  history.add(figures, kStart);
  EXPECT_EQ(history.recent("a", 1).requests, 10U);
  EXPECT_EQ(history.recent("a", 2).requests, 0U);
  history.add(figures, kStart + seconds(60));
  EXPECT_EQ(history.recent("a", 1).requests, 20U);
  history.add(figures, kStart + seconds(120));
  EXPECT_EQ(history.recent("a", 1).requests, 20U);
  history.add(figures, kStart + seconds(600));
  EXPECT_EQ(history.recent("a", 1).requests, 10U) << "nothing of long ago";
}

}  // namespace
}  // namespace isopop::control
