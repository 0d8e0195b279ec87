#include "control_plane/cli/arguments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control_plane/cli/rollout_options.h"
#include "control_plane/cli/tail_text.h"

namespace isopop::control::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string shares(const std::vector<std::string>& given) {
  const auto parsed = parse_shares(given);
  if (!parsed.ok()) return parsed.error().message;
  v1::Deployment deployment;
  for (const v1::VersionShare& share : parsed.value()) *deployment.add_shares() = share;
  return format_shares(deployment);
}

TEST(Versions, AreWrittenInThreeWays) {
  EXPECT_EQ(parse_version("v3").value(), 3U);
  EXPECT_EQ(parse_version("V3").value(), 3U);
  EXPECT_EQ(parse_version("3").value(), 3U);
  for (const char* bad : {"", "v", "0", "v0", "-1", "3.0", "vv3", "99999999999999999999", "v3 "}) {
    EXPECT_THAT(parse_version(bad).error().message, HasSubstr("as v3 or 3")) << bad;
  }
}

TEST(Shares, AreInPercentAndTheHeaviestFirst) {
  EXPECT_EQ(shares({"v3"}), "v3");
  EXPECT_EQ(shares({"V2@10", "V1@90"}), "v1@90% v2@10%");
  EXPECT_EQ(shares({"1@99.5", "2@0.5%"}), "v1@99.5% v2@0.5%");
  EXPECT_EQ(shares({"v1", "v2@10", "v3@20"}), "v1@70% v3@20% v2@10%");
}

TEST(Shares, ThatMakeNoSenseAreRefused) {
  EXPECT_THAT(shares({"v1@90", "v2@20"}), HasSubstr("must make 100 %"));
  EXPECT_THAT(shares({"v1@50", "v1@50"}), HasSubstr("given twice"));
  EXPECT_THAT(shares({"v1", "v2"}), HasSubstr("only one version"));
  EXPECT_THAT(shares({"v1", "v2@100"}), HasSubstr("nothing is left for v1"));
  for (const char* bad : {"v1@", "v1@0", "v1@-5", "v1@101", "v1@1.234", "v1@x", "v1@nan"}) {
    EXPECT_THAT(shares({bad}), HasSubstr("VERSION@PERCENT")) << bad;
  }
}

TEST(Stickiness, IsByHeaderOrByClient) {
  EXPECT_EQ(format_stickiness(parse_stickiness("header:X-User").value()), "header:x-user");
  EXPECT_EQ(format_stickiness(parse_stickiness("client").value()), "client");
  EXPECT_EQ(format_stickiness(parse_stickiness("").value()), "");
  EXPECT_FALSE(parse_stickiness("header:").ok());
  EXPECT_FALSE(parse_stickiness("header:a b").ok());
  EXPECT_FALSE(parse_stickiness("cookie").ok());
}

TEST(WaitGoal, CountsPops) {
  EXPECT_EQ(parse_wait_goal("all").value().needed(330), 330U);
  EXPECT_EQ(parse_wait_goal("quorum").value().needed(330), 166U);
  EXPECT_EQ(parse_wait_goal("quorum").value().needed(5), 3U);
  EXPECT_EQ(parse_wait_goal("quorum").value().needed(1), 1U);
  EXPECT_EQ(parse_wait_goal("95%").value().needed(20), 19U);
  EXPECT_EQ(parse_wait_goal("95%").value().needed(21), 20U);
  EXPECT_EQ(parse_wait_goal("0.1%").value().needed(10), 1U);
  EXPECT_EQ(parse_wait_goal("50%").value().needed(0), 0U);
  for (const char* bad : {"", "some", "0%", "101%", "%", "95"}) {
    EXPECT_FALSE(parse_wait_goal(bad).ok()) << bad;
  }
}

v1::RolloutPlan file_plan() {
  v1::RolloutPlan plan;
  const auto add = [&plan](const char* name, const char* selector) {
    plan.add_waves()->set_name(name);
    plan.mutable_waves(plan.waves_size() - 1)->set_selector(selector);
  };
  add("canary", "AMS,FRA");
  add("eu", "region=eu");
  plan.add_abort_on("nack");
  plan.set_bake_ms(5000);
  return plan;
}

std::vector<std::string> waves(const Result<v1::RolloutPlan>& plan) {
  if (!plan.ok()) return {plan.error().message};
  std::vector<std::string> texts;
  for (const auto& wave : plan.value().waves())
    texts.push_back(wave.name() + "=" + wave.selector());
  return texts;
}

TEST(Waves, ComeFromTheFileUnlessFlagsSayOtherwise) {
  const v1::RolloutPlan file = file_plan();
  EXPECT_THAT(waves(plan_of({}, file)), ElementsAre("canary=AMS,FRA", "eu=region=eu"));
  EXPECT_THAT(waves(plan_of({.at_once = true}, file)), ElementsAre());
  EXPECT_THAT(waves(plan_of({.waves = "canary,all"}, file)),
              ElementsAre("canary=AMS,FRA", "all=all"));
  EXPECT_THAT(waves(plan_of({.waves = "first=10%; eu; all"}, file)),
              ElementsAre("first=10%", "eu=region=eu", "all=all"));
  EXPECT_THAT(waves(plan_of({.waves = "canary", .wave = {"br=country=BR"}}, file)),
              ElementsAre("canary=AMS,FRA", "br=country=BR"));
  const auto plan =
      plan_of({.abort_on = {"nack|p99>+20%", "cpu>50ms,error-rate>1%"}, .bake = "2s"}, file);
  ASSERT_TRUE(plan.ok()) << plan.error().message;
  EXPECT_THAT(plan.value().abort_on(),
              ElementsAre("nack", "p99>+20%", "cpu>50ms", "error-rate>1%"));
  EXPECT_EQ(plan.value().bake_ms(), 2000U);
}

TEST(Waves, HaveGuardsUnlessSomebodySaysNone) {
  const RolloutOptions canary{.wave = {"canary=AMS"}};
  EXPECT_THAT(plan_of(canary, {}).value().abort_on(), ElementsAre("nack", "crashes>0"));
  EXPECT_THAT(plan_of({}, {}).value().abort_on(), ElementsAre());
  RolloutOptions none = canary;
  none.abort_on = {"none"};
  EXPECT_THAT(plan_of(none, {}).value().abort_on(), ElementsAre());
  EXPECT_THAT(plan_of({.abort_on = {"none"}}, file_plan()).value().abort_on(), ElementsAre());
  RolloutOptions own = canary;
  own.abort_on = {"cpu>50ms"};
  EXPECT_THAT(plan_of(own, {}).value().abort_on(), ElementsAre("cpu>50ms"));
  v1::RolloutPlan unguarded = file_plan();
  unguarded.clear_abort_on();
  EXPECT_THAT(plan_of({.waves = "canary"}, unguarded).value().abort_on(), ElementsAre());
  RolloutOptions both = canary;
  both.abort_on = {"nack,none"};
  EXPECT_THAT(waves(plan_of(both, {}))[0], HasSubstr("goes alone"));
}

TEST(Waves, ThatMakeNoSenseAreRefused) {
  const v1::RolloutPlan file = file_plan();
  EXPECT_THAT(waves(plan_of({.waves = "canry"}, file))[0], HasSubstr("did you mean canary?"));
  EXPECT_THAT(waves(plan_of({.waves = "canary"}, {}))[0], HasSubstr("--wave canary=AMS,FRA"));
  EXPECT_THAT(waves(plan_of({.wave = {"canary"}}, {}))[0], HasSubstr("NAME=SELECTOR"));
  EXPECT_THAT(waves(plan_of({.wave = {"x=200%"}}, {}))[0], HasSubstr("wave"));
  EXPECT_THAT(waves(plan_of({.bake = "5"}, {}))[0], HasSubstr("--bake"));
  EXPECT_THAT(waves(plan_of({.bake = "25h"}, {}))[0], HasSubstr("24 h"));
  EXPECT_THAT(waves(plan_of({.waves = "all", .at_once = true}, {}))[0], HasSubstr("--at-once"));
  EXPECT_FALSE(plan_of({.abort_on = {"weather>bad"}}, {}).ok());
}

TEST(TailFilter, UnderstandsStatusesOfBothKinds) {
  const auto filter = filter_of({.pops = {"AMS, FRA", "SYD"},
                                 .statuses = {"error,404", "5xx"},
                                 .methods = {"get,Post"},
                                 .sampling_rate = "10%"});
  ASSERT_TRUE(filter.ok()) << filter.error().message;
  EXPECT_THAT(filter.value().pops(), ElementsAre("AMS", "FRA", "SYD"));
  EXPECT_THAT(filter.value().outcomes(), ElementsAre("error"));
  EXPECT_THAT(filter.value().statuses(), ElementsAre(404U, 5U));
  EXPECT_THAT(filter.value().methods(), ElementsAre("GET", "POST"));
  EXPECT_DOUBLE_EQ(filter.value().sampling_rate(), 0.1);
  for (const char* bad : {"fine", "600", "6xx", "40", "4x4", "xxx"}) {
    EXPECT_FALSE(filter_of({.statuses = {bad}}).ok()) << bad;
  }
  for (const char* bad : {"0", "2", "101%", "x"}) {
    EXPECT_FALSE(filter_of({.sampling_rate = bad}).ok()) << bad;
  }
}

TEST(TailText, KeepsEscapeSequencesFromTheTerminal) {
  EXPECT_EQ(printable("a\x1b[2Jb\r\x7f"), "a\xef\xbf\xbd[2Jb\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(printable("line\n\ttab Zürich \xc2\x9b"), "line\n\ttab Zürich \xef\xbf\xbd");
  v1::TailEvent event;
  event.set_pop("AMS");
  event.set_number(3);
  event.set_method("GET");
  event.set_url("https://shop.example/");
  event.set_status(500);
  event.set_outcome("exception");
  event.set_exception("Error: boom\n  at index.js:1");
  event.add_logs()->set_level("log");
  event.mutable_logs(0)->set_text("\x1b[31mred");
  const std::string text = describe(event, Paint::kPlain);
  EXPECT_THAT(text, HasSubstr("AMS  v3  GET https://shop.example/  500 exception"));
  EXPECT_THAT(text, HasSubstr("    Error: boom\n      at index.js:1\n"));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(describe(event, Paint::kColours).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace isopop::control::cli
