#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/rpc/rpc.h"
#include "isopop/v1/control.grpc.pb.h"
#include "isopop/v1/rollout.grpc.pb.h"
#include "tests/integration/control_plane/control_process.h"
#include "tests/integration/control_plane/fake_pop.h"
#include "tests/support/wait.h"

namespace isopop::control::test {
namespace {

using isopop::test::wait_until;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// Real isopop-control, real gRPC, real `isopop-executor --check`; the PoPs are played. Version 1 of
// worker "a" is live at AMS, FRA and GRU; version 2 is to roll out.
class RolloutsTest : public ::testing::Test {
 protected:
  void begin(const FakePop::Options& canary) {
    control_.start();
    connect_stubs();
    const auto first = control_.deploy("a", "export default { fetch() {} }");
    ASSERT_TRUE(first.success()) << first.describe() << control_.log();
    connect_pops(canary, {});
    for (const auto* pop : {&ams_, &fra_, &gru_}) {
      ASSERT_TRUE(wait_until([pop] { return (*pop)->versions().contains("a"); }));
    }
  }
  void connect_stubs() {
    control_stub_ = v1::Control::NewStub(rpc::connect(control_.endpoint()));
    rollouts_stub_ = v1::Rollouts::NewStub(rpc::connect(control_.endpoint()));
  }
  void connect_pops(FakePop::Options canary,
                    const std::vector<std::vector<v1::HeldVersion>>& held) {
    canary.id = "AMS";
    if (!held.empty()) canary.held = held[0];
    ams_ = std::make_unique<FakePop>(control_.endpoint(), canary);
    fra_ = std::make_unique<FakePop>(
        control_.endpoint(),
        FakePop::Options{.id = "FRA", .region = "eu", .held = held.empty() ? Held() : held[1]});
    gru_ = std::make_unique<FakePop>(
        control_.endpoint(),
        FakePop::Options{.id = "GRU", .region = "sa", .held = held.empty() ? Held() : held[2]});
  }

  // A deployment of new code.
  grpc::Status roll_out(const v1::RolloutPlan& plan) {
    v1::Bundle bundle;
    bundle.set_main_module("index.js");
    v1::Module& module = *bundle.add_modules();
    module.set_name("index.js");
    module.set_type(v1::MODULE_TYPE_ES_MODULE);
    module.set_content("export default { fetch() { return new Response('2'); } }");
    grpc::ClientContext context;
    v1::DeployResponse response;
    const auto writer = control_stub_->Deploy(&context, &response);
    v1::DeployRequest request;
    request.mutable_start()->set_worker("a");
    request.mutable_start()->set_bundle_bytes(bundle.ByteSizeLong());
    *request.mutable_start()->mutable_plan() = plan;
    writer->Write(request);
    request.set_bundle_data(bundle.SerializeAsString());
    writer->Write(request);
    writer->WritesDone();
    return writer->Finish();
  }
  static v1::RolloutPlan plan(const std::vector<std::string>& waves,
                              const std::vector<std::string>& guards, std::uint32_t bake_ms) {
    v1::RolloutPlan plan;
    for (const std::string& wave : waves) plan.add_waves()->set_selector(wave);
    for (const std::string& guard : guards) plan.add_abort_on(guard);
    plan.set_bake_ms(bake_ms);
    return plan;
  }

  // The newest one, until it fits or ends.
  v1::Rollout watch_until(const std::function<bool(const v1::Rollout&)>& fits) {
    grpc::ClientContext context;
    v1::GetDeploymentRequest request;
    request.set_worker("a");
    const auto reader = rollouts_stub_->WatchRollout(&context, request);
    v1::Rollout now;
    while (reader->Read(&now) && !fits(now)) {
    }
    context.TryCancel();
    v1::Rollout ignored;
    while (reader->Read(&ignored)) {
    }
    reader->Finish();
    return now;
  }
  v1::Rollout watch_to_the_end() {
    return watch_until([](const v1::Rollout&) { return false; });
  }

  using Change = grpc::Status (v1::Rollouts::Stub::*)(grpc::ClientContext*,
                                                      const v1::ChangeRolloutRequest&,
                                                      v1::Rollout*);
  grpc::Status change(Change method, v1::Rollout* answer = nullptr) {
    grpc::ClientContext context;
    v1::ChangeRolloutRequest request;
    request.set_worker("a");
    request.set_reason("because");
    v1::Rollout ignored;
    return ((*rollouts_stub_).*method)(&context, request, answer == nullptr ? &ignored : answer);
  }
  v1::Convergence convergence(std::uint64_t number) {
    grpc::ClientContext context;
    v1::GetDeploymentRequest request;
    request.set_worker("a");
    request.set_number(number);
    v1::Convergence answer;
    EXPECT_TRUE(rollouts_stub_->GetConvergence(&context, request, &answer).ok());
    return answer;
  }
  static bool saw(const FakePop& pop, std::uint64_t number) {
    for (const v1::Push& push : pop.pushes()) {
      if (push.has_live() && push.live().shares(0).version().number() == number) return true;
    }
    return false;
  }

  using Held = std::vector<v1::HeldVersion>;
  ControlProcess control_;
  std::unique_ptr<v1::Control::Stub> control_stub_;
  std::unique_ptr<v1::Rollouts::Stub> rollouts_stub_;
  std::unique_ptr<FakePop> ams_;
  std::unique_ptr<FakePop> fra_;
  std::unique_ptr<FakePop> gru_;
};

TEST_F(RolloutsTest, GoesFromTheCanaryToEverybody) {
  begin({});
  ASSERT_TRUE(roll_out(plan({"AMS", "region=eu"}, {"nack"}, 300)).ok());
  const v1::Rollout end = watch_to_the_end();
  EXPECT_EQ(end.deployment().state(), v1::DEPLOYMENT_STATE_LIVE) << control_.log();
  ASSERT_EQ(end.waves_size(), 3);
  EXPECT_EQ(end.waves(0).pops(), 1U);
  EXPECT_EQ(end.waves(1).name(), "region=eu");
  EXPECT_EQ(end.waves(2).name(), "rest");
  for (const auto* pop : {&ams_, &fra_, &gru_}) {
    EXPECT_THAT((*pop)->versions(), ElementsAre(Pair("a", 2U)));
    ASSERT_EQ((*pop)->pushes().size(), 2U) << "nothing is pushed again when it becomes live";
  }
  EXPECT_TRUE(ams_->pushes()[1].live().trial());
  EXPECT_TRUE(fra_->pushes()[1].live().trial());
  EXPECT_FALSE(gru_->pushes()[1].live().trial());
  const v1::Convergence times = convergence(2);
  EXPECT_EQ(times.acked_size(), 3);
  EXPECT_EQ(times.acked(0).id(), "AMS");
  EXPECT_EQ(times.laggards_size(), 0);
}

TEST_F(RolloutsTest, CanaryThatRejectsAbortsAndOthersNeverSawIt) {
  begin({.rejects = {2}});
  ASSERT_TRUE(roll_out(plan({"AMS"}, {"nack"}, 60'000)).ok());
  const v1::Rollout end = watch_to_the_end();
  EXPECT_EQ(end.deployment().state(), v1::DEPLOYMENT_STATE_ABORTED);
  EXPECT_THAT(end.deployment().reason(), HasSubstr("AMS: not here"));
  EXPECT_EQ(end.waves(0).state(), "aborted");
  EXPECT_EQ(end.waves(0).nacked(), 1U);
  EXPECT_TRUE(saw(*ams_, 2));
  EXPECT_THAT(ams_->versions(), ElementsAre(Pair("a", 1U)));
  // What comes next reaches all; had they been sent version 2, it would have been before.
  ASSERT_TRUE(control_.deploy("b", "export default { fetch() {} }", {"--wait"}).success());
  EXPECT_FALSE(saw(*fra_, 2));
  EXPECT_FALSE(saw(*gru_, 2));
  const v1::Convergence answers = convergence(2);
  ASSERT_EQ(answers.rejections_size(), 1);
  EXPECT_EQ(answers.rejections(0).error(), "not here");
}

TEST_F(RolloutsTest, ErrorRateOfTheCanaryAbortsAndItGoesBackByItself) {
  v1::WorkerFigures bad;
  bad.set_requests(100);
  bad.set_errors(30);
  begin({.does = {{2, bad}}});
  ASSERT_TRUE(roll_out(plan({"AMS"}, {"error-rate>1%"}, 60'000)).ok());
  const v1::Rollout end = watch_to_the_end();
  EXPECT_EQ(end.deployment().state(), v1::DEPLOYMENT_STATE_ABORTED);
  EXPECT_THAT(end.deployment().reason(), HasSubstr("of 100 requests failed (30.00%)"));
  EXPECT_TRUE(wait_until([this] { return ams_->versions().at("a") == 1; }));
  ASSERT_TRUE(control_.deploy("b", "export default { fetch() {} }", {"--wait"}).success());
  EXPECT_TRUE(saw(*ams_, 2));
  EXPECT_FALSE(saw(*fra_, 2));
}

TEST_F(RolloutsTest, AbortByPeopleTakesItBack) {
  begin({});
  ASSERT_TRUE(roll_out(plan({"AMS"}, {}, 60'000)).ok());
  ASSERT_TRUE(wait_until([this] { return ams_->versions().at("a") == 2; }));
  v1::Rollout answer;
  ASSERT_TRUE(change(&v1::Rollouts::Stub::AbortRollout, &answer).ok());
  EXPECT_EQ(answer.deployment().state(), v1::DEPLOYMENT_STATE_ABORTED);
  EXPECT_EQ(answer.deployment().reason(), "because");
  EXPECT_TRUE(wait_until([this] { return ams_->versions().at("a") == 1; }));
  EXPECT_EQ(change(&v1::Rollouts::Stub::AbortRollout).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(RolloutsTest, PausedRolloutStaysWhereItIsOverARestartAndGoesOnWhenResumed) {
  begin({});
  ASSERT_TRUE(roll_out(plan({"AMS"}, {}, 20'000)).ok());
  ASSERT_TRUE(wait_until([this] { return ams_->versions().at("a") == 2; }));
  EXPECT_EQ(change(&v1::Rollouts::Stub::ResumeRollout).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  ASSERT_TRUE(change(&v1::Rollouts::Stub::PauseRollout).ok());
  const std::vector<Held> held = {ams_->held(), fra_->held(), gru_->held()};
  static_cast<void>(control_.stop(SIGKILL));
  control_.start();
  connect_stubs();
  connect_pops({}, held);
  for (const auto* pop : {&ams_, &fra_, &gru_}) {
    ASSERT_TRUE(wait_until([pop] { return (*pop)->welcomed_with().has_value(); }));
    EXPECT_EQ((*pop)->welcomed_with(), 0U) << "each has what it is to have";
  }
  const v1::Rollout now = watch_until([](const v1::Rollout&) { return true; });
  EXPECT_EQ(now.deployment().state(), v1::DEPLOYMENT_STATE_PAUSED);
  EXPECT_EQ(now.deployment().reason(), "because");
  EXPECT_EQ(now.waves(0).acked(), 1U);
  EXPECT_EQ(now.waves(1).state(), "waiting");
  ASSERT_TRUE(change(&v1::Rollouts::Stub::ResumeRollout).ok());
  const v1::Rollout resumed =
      watch_until([](const v1::Rollout& it) { return it.waves(0).state() == "baking"; });
  EXPECT_GT(resumed.waves(0).bake_left_ms(), 15'000U) << "it is watched anew";
  EXPECT_FALSE(saw(*fra_, 2));
}

TEST_F(RolloutsTest, WaveThatSelectsNobodyWaitsForPeople) {
  begin({});
  ASSERT_TRUE(roll_out(plan({"NOWHERE"}, {}, 100)).ok());
  const v1::Rollout stopped = watch_until(
      [](const v1::Rollout& it) { return it.deployment().state() == v1::DEPLOYMENT_STATE_PAUSED; });
  EXPECT_THAT(stopped.deployment().reason(), HasSubstr("selects no PoP that is connected"));
  ASSERT_TRUE(change(&v1::Rollouts::Stub::ResumeRollout).ok());
  EXPECT_EQ(watch_to_the_end().deployment().state(), v1::DEPLOYMENT_STATE_LIVE);
  EXPECT_THAT(gru_->versions(), ElementsAre(Pair("a", 2U)));
}

TEST_F(RolloutsTest, PlanThatMakesNoSenseIsRefusedBeforeAnythingIsKept) {
  begin({});
  const grpc::Status selector = roll_out(plan({"regoin=eu"}, {}, 0));
  EXPECT_EQ(selector.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(selector.error_message(), HasSubstr("did you mean region=?"));
  const grpc::Status guard = roll_out(plan({"AMS"}, {"eror-rate>1%"}, 0));
  EXPECT_EQ(guard.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(guard.error_message(), HasSubstr("did you mean error-rate?"));
  EXPECT_EQ(watch_to_the_end().deployment().number(), 1U);
}

TEST_F(RolloutsTest, UnknownWorkerIsNotFound) {
  control_.start();
  connect_stubs();
  grpc::ClientContext context;
  v1::GetDeploymentRequest request;
  request.set_worker("nobody");
  v1::Rollout answer;
  EXPECT_EQ(rollouts_stub_->GetRollout(&context, request, &answer).error_code(),
            grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(change(&v1::Rollouts::Stub::PauseRollout).error_code(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace isopop::control::test
