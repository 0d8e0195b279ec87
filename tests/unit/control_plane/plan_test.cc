#include "control_plane/rollout/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace isopop::control {
namespace {

using ::testing::HasSubstr;

v1::RolloutPlan plan_of(const std::vector<std::string>& selectors,
                        const std::vector<std::string>& guards = {}) {
  v1::RolloutPlan plan;
  for (const std::string& selector : selectors) plan.add_waves()->set_selector(selector);
  for (const std::string& guard : guards) plan.add_abort_on(guard);
  return plan;
}

v1::PopIdentity pop(const std::string& id, const std::string& region = "eu") {
  v1::PopIdentity identity;
  identity.set_id(id);
  identity.set_region(region);
  return identity;
}

std::string refusal(const v1::RolloutPlan& plan) {
  const Result<Plan> parsed = Plan::parse(plan);
  return parsed.ok() ? "none" : parsed.error().message;
}

TEST(Plan, WithoutWavesIsOneOfAll) {
  const Plan plan = Plan::parse({}).value();
  EXPECT_EQ(plan.waves().size(), 1U);
  EXPECT_EQ(plan.wave_of(pop("AMS")), 0U);
  EXPECT_FALSE(plan.is_trial(0));
  EXPECT_EQ(plan.bake(), std::chrono::seconds(10));
}

TEST(Plan, APopBelongsToTheFirstWaveThatSelectsIt) {
  const Plan plan = Plan::parse(plan_of({"AMS", "region=eu", "all"})).value();
  ASSERT_EQ(plan.waves().size(), 3U);
  EXPECT_EQ(plan.wave_of(pop("AMS")), 0U);
  EXPECT_EQ(plan.wave_of(pop("FRA")), 1U);
  EXPECT_EQ(plan.wave_of(pop("GRU", "sa")), 2U);
  EXPECT_TRUE(plan.is_trial(0));
  EXPECT_TRUE(plan.is_trial(1));
  EXPECT_FALSE(plan.is_trial(2));
}

TEST(Plan, WhatNoWaveSelectsComesLast) {
  const Plan plan = Plan::parse(plan_of({"AMS"})).value();
  ASSERT_EQ(plan.waves().size(), 2U);
  EXPECT_EQ(plan.waves()[1].name, "rest");
  EXPECT_EQ(plan.wave_of(pop("FRA")), 1U);
  EXPECT_TRUE(plan.is_trial(0));
}

TEST(Plan, WavesWithoutNamesAreCalledByTheirSelectors) {
  v1::RolloutPlan plan = plan_of({"AMS", "all"});
  plan.mutable_waves(1)->set_name("everybody");
  const Plan parsed = Plan::parse(plan).value();
  EXPECT_EQ(parsed.waves()[0].name, "AMS");
  EXPECT_EQ(parsed.waves()[1].name, "everybody");
}

TEST(Plan, NamesThePartThatIsWrong) {
  EXPECT_THAT(refusal(plan_of({"AMS", "regoin=eu"})), HasSubstr("wave \"regoin=eu\""));
  EXPECT_THAT(refusal(plan_of({"all", "AMS"})), HasSubstr("none is left for it"));
  EXPECT_THAT(refusal(plan_of({}, {"sometimes"})), HasSubstr("no reason to abort"));
  EXPECT_THAT(refusal(plan_of(std::vector<std::string>(33, "AMS"))), HasSubstr("at most 32 waves"));
  EXPECT_THAT(refusal(plan_of({}, std::vector<std::string>(17, "nack"))),
              HasSubstr("16 reasons to abort"));
  v1::RolloutPlan slow = plan_of({"all"});
  slow.set_bake_ms(24 * 3'600'000 + 1);
  EXPECT_THAT(refusal(slow), HasSubstr("at most 24 h"));
  v1::RolloutPlan named = plan_of({"all"});
  named.mutable_waves(0)->set_name(std::string(65, 'n'));
  EXPECT_THAT(refusal(named), HasSubstr("at most 64 bytes"));
}

}  // namespace
}  // namespace isopop::control
