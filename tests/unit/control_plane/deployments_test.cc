#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "control_plane/registry/deployment_rules.h"
#include "control_plane/registry/registry.h"
#include "tests/unit/control_plane/registry_fixture.h"

namespace isopop::control {
namespace {

using ::testing::HasSubstr;

using DeploymentsTest = RegistryFixture;

TEST_F(DeploymentsTest, DeployOfAWorkerIsLiveFromItsCommitOn) {
  const v1::Deployment made = deploy(version_of("a", "1")).deployment;
  EXPECT_EQ(made.number(), 1U);
  EXPECT_EQ(made.state(), v1::DEPLOYMENT_STATE_LIVE);
  EXPECT_EQ(made.base(), 0U);
  EXPECT_EQ(made.shares(0).weight(), kWeightTotal);
  reopen();
  const CurrentWorker now = registry_->current("a").value();
  EXPECT_EQ(now.base->SerializeAsString(), made.SerializeAsString());
  EXPECT_FALSE(now.rolling);
  EXPECT_EQ(now.versions.at(1).number(), 1U);
}

TEST_F(DeploymentsTest, SplitsAmongVersionsTheHeaviestFirst) {
  upload(version_of("a", "1", {"one.example/*"}));
  upload(version_of("a", "2", {"two.example/*"}));
  NewDeployment wanted = deployment_of("a", {{1, 1'000}, {2, 9'000}});
  wanted.stickiness.set_header("x-user");
  const v1::Deployment made = create(wanted).value();
  reopen();
  const v1::Deployment kept = registry_->deployment("a", 0).value();
  EXPECT_EQ(kept.SerializeAsString(), made.SerializeAsString());
  ASSERT_EQ(kept.shares_size(), 2);
  EXPECT_EQ(kept.shares(0).number(), 2U);
  EXPECT_EQ(kept.stickiness().header(), "x-user");
  EXPECT_EQ(live_number("a"), 2U);
  // The routes of both are the worker's.
  for (const char* route : {"one.example/*", "two.example/*"}) {
    EXPECT_EQ(
        registry_->deploy(version_of("b", "1", {route}), {}, std::nullopt, Write::kKeep, actor_)
            .error()
            .code,
        ErrorCode::kAlreadyExists);
  }
}

TEST_F(DeploymentsTest, SharesMustMakeAHundredPercent) {
  upload(version_of("a", "1"));
  upload(version_of("a", "2"));
  const auto refused = [this](const std::vector<Weighted>& shares) {
    const Result<v1::Deployment> made = create(deployment_of("a", shares));
    EXPECT_FALSE(made.ok());
    return made.ok() ? "" : made.error().message;
  };
  EXPECT_THAT(refused({}), HasSubstr("at least one"));
  EXPECT_THAT(refused({{1, 9'000}}), HasSubstr("sum up to 90 %"));
  EXPECT_THAT(refused({{1, 9'000}, {2, 1'001}}), HasSubstr("100.01 %"));
  EXPECT_THAT(refused({{1, 5'000}, {1, 5'000}}), HasSubstr("twice"));
  EXPECT_THAT(refused({{1, 10'000}, {2, 0}}), HasSubstr("leave it out"));
  EXPECT_THAT(refused({{1, 4'294'967'295U}, {2, 10'001}}), HasSubstr("100 %"));
  EXPECT_THAT(refused({{3, 10'000}}), HasSubstr("no a v3"));
  EXPECT_THAT(refused(std::vector<Weighted>(17, {1, 1})), HasSubstr("17 versions"));
  EXPECT_EQ(registry_->newest_deployment("a").value(), 0U);
}

TEST_F(DeploymentsTest, PlanAndStickinessHaveBounds) {
  upload(version_of("a", "1"));
  const auto refused = [this](const NewDeployment& wanted) {
    const Result<v1::Deployment> made = create(wanted);
    EXPECT_FALSE(made.ok());
    return made.ok() ? "" : made.error().message;
  };
  NewDeployment wanted = deployment_of("a", {{1, 10'000}});
  wanted.plan = waved();
  wanted.plan.mutable_waves(0)->set_selector(std::string(10'000, 'x'));
  EXPECT_THAT(refused(wanted), HasSubstr("its selector"));
  wanted.plan = waved();
  for (int i = 0; i < 40; ++i) wanted.plan.add_waves();
  EXPECT_THAT(refused(wanted), HasSubstr("41 waves"));
  wanted.plan = waved();
  wanted.plan.add_abort_on("");
  EXPECT_THAT(refused(wanted), HasSubstr("condition"));
  wanted.plan = waved();
  wanted.plan.set_bake_ms(4'000'000'000U);
  EXPECT_THAT(refused(wanted), HasSubstr("24 h"));
  wanted.plan = {};
  for (const std::string& name : {std::string(), std::string("X-User"), std::string("a\0b", 3),
                                  std::string(10'000, 'x'), std::string("a: b")}) {
    wanted.stickiness.set_header(name);
    EXPECT_THAT(refused(wanted), HasSubstr("sticky header"));
  }
}

TEST_F(DeploymentsTest, RolloutLeavesWhatIsLiveUntilItEnds) {
  deploy(version_of("a", "1", {"one.example/*"}));
  const v1::Deployment rolling =
      deploy(version_of("a", "2", {"two.example/*"}), waved()).deployment;
  EXPECT_EQ(rolling.state(), v1::DEPLOYMENT_STATE_ROLLING_OUT);
  EXPECT_EQ(rolling.base(), 1U);
  const CurrentWorker now = registry_->current("a").value();
  EXPECT_EQ(now.base->number(), 1U);
  EXPECT_EQ(now.rolling->number(), 2U);
  EXPECT_EQ(now.versions.size(), 2U);

  ASSERT_TRUE(bring(rolling, v1::DEPLOYMENT_STATE_LIVE).ok());
  EXPECT_EQ(live_number("a"), 2U);
  EXPECT_EQ(registry_->deployment("a", 1).value().state(), v1::DEPLOYMENT_STATE_SUPERSEDED);
  // Only the new one's route is still claimed.
  deploy(version_of("b", "1", {"one.example/*"}));
  EXPECT_FALSE(
      registry_
          ->deploy(version_of("b", "2", {"two.example/*"}), {}, std::nullopt, Write::kKeep, actor_)
          .ok());
}

TEST_F(DeploymentsTest, AbortedRolloutLeavesWhatWasLive) {
  deploy(version_of("a", "1"));
  const v1::Deployment rolling =
      deploy(version_of("a", "2", {"two.example/*"}), waved()).deployment;
  clock_.advance(std::chrono::seconds(3));
  const v1::Deployment aborted =
      bring(rolling, v1::DEPLOYMENT_STATE_ABORTED, "nack at AMS").value();
  EXPECT_EQ(aborted.ended_at_ms() - aborted.created_at_ms(), 3'000);
  EXPECT_EQ(registry_->deployment("a", 2).value().reason(), "nack at AMS");
  EXPECT_EQ(live_number("a"), 1U);
  deploy(version_of("b", "1", {"two.example/*"}));
  // An end is an end.
  for (const v1::DeploymentState state :
       {v1::DEPLOYMENT_STATE_LIVE, v1::DEPLOYMENT_STATE_PAUSED, v1::DEPLOYMENT_STATE_ABORTED}) {
    EXPECT_EQ(bring(rolling, state).error().code, ErrorCode::kFailedPrecondition);
  }
  EXPECT_EQ(bring(registry_->deployment("a", 1).value(), v1::DEPLOYMENT_STATE_ABORTED).error().code,
            ErrorCode::kFailedPrecondition);
}

TEST_F(DeploymentsTest, NewerDeploymentTakesThePlaceOfOneUnderWay) {
  deploy(version_of("a", "1"));
  const v1::Deployment first = deploy(version_of("a", "2"), waved()).deployment;
  ASSERT_TRUE(bring(first, v1::DEPLOYMENT_STATE_PAUSED).ok());
  const v1::Deployment second = deploy(version_of("a", "3"), waved()).deployment;
  EXPECT_EQ(second.base(), 1U);
  EXPECT_EQ(registry_->deployment("a", 2).value().state(), v1::DEPLOYMENT_STATE_SUPERSEDED);
  EXPECT_EQ(bring(first, v1::DEPLOYMENT_STATE_LIVE).error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(registry_->current("a").value().rolling->number(), 3U);
}

TEST_F(DeploymentsTest, SameDeployAgainAmidItsRolloutChangesNothing) {
  deploy(version_of("a", "1"));
  deploy(version_of("a", "2"), waved());
  const Registry::Deployed again = deploy(version_of("a", "2"), waved());
  EXPECT_TRUE(again.unchanged);
  EXPECT_EQ(again.deployment.number(), 2U);
  // By another plan it is news.
  EXPECT_EQ(deploy(version_of("a", "2")).deployment.number(), 3U);
  EXPECT_EQ(live_number("a"), 2U);
}

TEST_F(DeploymentsTest, DeployOfWhatIsLiveTakesBackWhatRollsOut) {
  deploy(version_of("a", "1"));
  deploy(version_of("a", "2"), waved());
  const Registry::Deployed again = deploy(version_of("a", "1"));
  EXPECT_FALSE(again.unchanged);
  EXPECT_EQ(again.version.number(), 1U);
  EXPECT_FALSE(registry_->current("a").value().rolling);
}

TEST_F(DeploymentsTest, SecondOfTwoWhoBeganAtOnceIsRefused) {
  deploy(version_of("a", "1"));
  const std::uint64_t seen = registry_->newest_deployment("a").value();
  NewVersion mine = version_of("a", "2");
  mine.author = "alice";
  ASSERT_TRUE(registry_->deploy(mine, {}, seen, Write::kKeep, actor_).ok());
  const auto refused = registry_->deploy(version_of("a", "3"), {}, seen, Write::kKeep, actor_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kAborted);
  EXPECT_THAT(refused.error().message, HasSubstr("deployment 2 (v2 by alice at "));
  NewDeployment split = deployment_of("a", {{1, 10'000}});
  split.expected = seen;
  EXPECT_EQ(create(split).error().code, ErrorCode::kAborted);
  EXPECT_EQ(
      registry_->rollback({.worker = "a", .expected = seen}, Write::kKeep, actor_).error().code,
      ErrorCode::kAborted);
  EXPECT_EQ(registry_->upload(version_of("a", "3"), seen, Write::kKeep, actor_).error().code,
            ErrorCode::kAborted);
  EXPECT_EQ(registry_->versions("a").value().versions.size(), 2U);
}

TEST_F(DeploymentsTest, ExpectingADeploymentThatNeverWasIsRefused) {
  const auto refused = registry_->deploy(version_of("a", "1"), {}, 7, Write::kKeep, actor_);
  EXPECT_EQ(refused.error().code, ErrorCode::kAborted);
  EXPECT_THAT(refused.error().message, HasSubstr("has no deployment 7"));
}

TEST_F(DeploymentsTest, RollsBackStepByStep) {
  for (const char* code : {"1", "2", "3"}) deploy(version_of("a", code));
  const v1::Deployment first = roll_back("a").value();
  EXPECT_EQ(first.rolled_back_from(), 3U);
  EXPECT_EQ(live_number("a"), 2U);
  const v1::Deployment second = roll_back("a").value();
  EXPECT_EQ(second.rolled_back_from(), 4U);
  EXPECT_EQ(live_number("a"), 1U);
  const auto third = roll_back("a");
  EXPECT_EQ(third.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(third.error().message, HasSubstr("no earlier deployment that was good"));
  // What was taken back once may be deployed again, and is good again then.
  deploy(version_of("a", "3"));
  deploy(version_of("a", "4"));
  ASSERT_TRUE(roll_back("a").ok());
  EXPECT_EQ(live_number("a"), 3U);
}

TEST_F(DeploymentsTest, RollsBackToASplitWithItsStickiness) {
  upload(version_of("a", "1"));
  upload(version_of("a", "2"));
  NewDeployment split = deployment_of("a", {{1, 5'000}, {2, 5'000}});
  split.stickiness.set_client(true);
  ASSERT_TRUE(create(split).ok());
  deploy(version_of("a", "3"));
  const v1::Deployment back = roll_back("a").value();
  EXPECT_EQ(back.shares_size(), 2);
  EXPECT_TRUE(back.stickiness().client());
}

TEST_F(DeploymentsTest, RollsBackToTheVersionThatIsNamed) {
  for (const char* code : {"1", "2", "3"}) deploy(version_of("a", code));
  EXPECT_TRUE(roll_back("a", 1).ok());
  EXPECT_EQ(live_number("a"), 1U);
  EXPECT_EQ(roll_back("a", 9).error().code, ErrorCode::kNotFound);
}

TEST_F(DeploymentsTest, RollbackAmidARolloutGoesBackToWhatIsLive) {
  deploy(version_of("a", "1"));
  deploy(version_of("a", "2"));
  deploy(version_of("a", "3"), waved());
  const v1::Deployment back = roll_back("a").value();
  EXPECT_EQ(back.rolled_back_from(), 3U);
  EXPECT_EQ(live_number("a"), 2U);
  EXPECT_FALSE(registry_->current("a").value().rolling);
}

TEST_F(DeploymentsTest, AbortedDeploymentsAreNothingToGoBackTo) {
  deploy(version_of("a", "1"));
  ASSERT_TRUE(
      bring(deploy(version_of("a", "2"), waved()).deployment, v1::DEPLOYMENT_STATE_ABORTED).ok());
  deploy(version_of("a", "3"));
  ASSERT_TRUE(roll_back("a").ok());
  EXPECT_EQ(live_number("a"), 1U);
}

TEST_F(DeploymentsTest, RollbackWithNothingBeforeIsRefused) {
  EXPECT_EQ(roll_back("a").error().code, ErrorCode::kNotFound);
  upload(version_of("a", "1"));
  EXPECT_EQ(roll_back("a").error().code, ErrorCode::kFailedPrecondition);
  deploy(version_of("a", "1"), waved());
  EXPECT_EQ(roll_back("a").error().code, ErrorCode::kFailedPrecondition);
}

TEST_F(DeploymentsTest, DeletedWorkerIsNothingToGoBackTo) {
  deploy(version_of("a", "1"));
  deploy(version_of("a", "2"), waved());
  ASSERT_TRUE(registry_->remove("a", actor_).ok());
  const CurrentWorker now = registry_->current("a").value();
  EXPECT_FALSE(now.base);
  EXPECT_FALSE(now.rolling);
  EXPECT_EQ(registry_->deployments("a", 10).error().code, ErrorCode::kNotFound);
  // Numbers go on; what was before is history.
  const Registry::Deployed again = deploy(version_of("a", "3"));
  EXPECT_EQ(again.version.number(), 3U);
  EXPECT_EQ(again.deployment.number(), 3U);
  EXPECT_EQ(again.deployment.base(), 0U);
  EXPECT_EQ(roll_back("a").error().code, ErrorCode::kFailedPrecondition);
}

TEST_F(DeploymentsTest, ListsTheNewestFirst) {
  deploy(version_of("a", "1"));
  clock_.advance(std::chrono::seconds(1));
  deploy(version_of("b", "1"));
  clock_.advance(std::chrono::seconds(1));
  deploy(version_of("a", "2"));
  const auto of_a = registry_->deployments("a", 10).value();
  ASSERT_EQ(of_a.size(), 2U);
  EXPECT_EQ(of_a[0].number(), 2U);
  EXPECT_EQ(registry_->deployments("a", 1).value().size(), 1U);
  const auto of_all = registry_->deployments("", 10).value();
  ASSERT_EQ(of_all.size(), 3U);
  EXPECT_EQ(of_all[1].worker(), "b");
  EXPECT_EQ(registry_->deployment("a", 9).error().code, ErrorCode::kNotFound);
}

TEST_F(DeploymentsTest, DryRunsChangeNothing) {
  deploy(version_of("a", "1"));
  deploy(version_of("a", "2"));
  const auto split = registry_->create_deployment(deployment_of("a", {{1, 5'000}, {2, 5'000}}),
                                                  Write::kDryRun, actor_);
  EXPECT_EQ(split.value().number(), 3U);
  EXPECT_EQ(registry_->rollback({.worker = "a"}, Write::kDryRun, actor_).value().shares(0).number(),
            1U);
  EXPECT_EQ(registry_->newest_deployment("a").value(), 2U);
  EXPECT_EQ(live_number("a"), 2U);
}

TEST_F(DeploymentsTest, RouteThatAnotherTookMeanwhileStandsInTheWay) {
  deploy(version_of("a", "1", {"shop.example/*"}));
  deploy(version_of("a", "2"));
  deploy(version_of("b", "1", {"shop.example/*"}));
  const auto refused = roll_back("a");
  EXPECT_EQ(refused.error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(refused.error().message, HasSubstr("belongs to worker b"));
  EXPECT_EQ(live_number("a"), 2U);
}

}  // namespace
}  // namespace isopop::control
