#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/rpc/rpc.h"
#include "control_plane/http/invoke_client.h"
#include "isopop/v1/control.grpc.pb.h"
#include "tests/integration/control_plane/control_process.h"
#include "tests/integration/control_plane/fake_pop.h"
#include "tests/support/wait.h"

namespace isopop::control::test {
namespace {

using isopop::test::wait_until;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

// Real isopop-control, real gRPC, real `isopop-executor --check`; the PoPs are played.
class DistributionTest : public ::testing::Test {
 protected:
  void SetUp() override { control_.start(); }

  void deploy(const std::string& name, const std::string& text,
              const std::vector<std::string>& more = {}) {
    const auto outcome = control_.deploy(
        name, "export default { async fetch() { return new Response('" + text + "'); } };", more);
    ASSERT_TRUE(outcome.success()) << outcome.describe() << control_.log();
  }
  std::unique_ptr<FakePop> connect(const FakePop::Options& options) {
    return std::make_unique<FakePop>(control_.endpoint(), options);
  }

  ControlProcess control_;
};

TEST_F(DistributionTest, DeployReachesEveryPopAndWaitPrintsHowLongItTook) {
  std::vector<std::unique_ptr<FakePop>> pops;
  pops.reserve(12);
  for (int i = 0; i < 12; ++i) {
    pops.push_back(connect({.id = "P" + std::to_string(i), .fetches_bundles = true}));
  }
  for (const auto& pop : pops) {
    ASSERT_TRUE(wait_until([&pop] { return pop->welcomed_with().has_value(); }));
  }
  const auto outcome = control_.deploy(
      "hello", "export default { fetch() { return new Response('hi'); } }", {"--wait"});
  EXPECT_TRUE(outcome.success()) << outcome.describe();
  EXPECT_THAT(outcome.output, HasSubstr("hello v1 live at 12/12 PoPs  p50 "));
  EXPECT_THAT(outcome.output, HasSubstr("  max "));
  for (const auto& pop : pops) EXPECT_THAT(pop->versions(), ElementsAre(Pair("hello", 1U)));
}

TEST_F(DistributionTest, LargeBundleArrivesWhole) {
  const auto pop = connect({.fetches_bundles = true});
  deploy("large", std::string(3 << 20, 'x'), {"--wait"});
  ASSERT_EQ(pop->bundles().size(), 1U);
  EXPECT_GT(pop->bundles().begin()->second.size(), 3U << 20U);
  EXPECT_THAT(pop->versions(), ElementsAre(Pair("large", 1U)));
}

TEST_F(DistributionTest, ReconnectingPopGetsOnlyWhatItLacks) {
  deploy("a", "1");
  deploy("b", "1");
  std::vector<v1::HeldVersion> held;
  {
    const auto pop = connect({});
    ASSERT_TRUE(wait_until([&pop] { return pop->versions().size() == 2; }));
    held = pop->held();
  }
  deploy("b", "2");
  const auto pop = connect({.held = held});
  ASSERT_TRUE(wait_until([&pop] { return pop->versions().at("b") == 2; }));
  EXPECT_EQ(pop->welcomed_with(), 1U);
  EXPECT_EQ(pop->pushes().size(), 1U);
}

TEST_F(DistributionTest, SixtyPopsThatComeBackAfterARestartAreSentNothing) {
  deploy("a", "1");
  deploy("b", "1");
  const auto connect_all = [this](const std::vector<v1::HeldVersion>& held) {
    std::vector<std::unique_ptr<FakePop>> pops;
    for (int i = 0; i < 60; ++i) {
      pops.push_back(connect({.id = "P" + std::to_string(i), .held = held}));
    }
    return pops;
  };
  std::vector<v1::HeldVersion> held;
  {
    const auto pops = connect_all({});
    for (const auto& pop : pops) {
      ASSERT_TRUE(wait_until([&pop] { return pop->versions().size() == 2; }));
    }
    held = pops.front()->held();
    static_cast<void>(control_.stop(SIGKILL));
  }
  control_.start();
  const auto pops = connect_all(held);
  for (const auto& pop : pops) {
    ASSERT_TRUE(wait_until([&pop] { return pop->welcomed_with().has_value(); }));
    EXPECT_EQ(pop->welcomed_with(), 0U);
  }
  // What comes next is a push that all get: had there been others, they would have come before.
  deploy("c", "1", {"--wait"});
  for (const auto& pop : pops) {
    ASSERT_EQ(pop->pushes().size(), 1U);
    EXPECT_EQ(pop->pushes()[0].live().worker(), "c");
    EXPECT_EQ(pop->pushes()[0].sequence(), 1U);
  }
}

TEST_F(DistributionTest, StuckPopHoldsUpNobodyElse) {
  const auto stuck = connect({.id = "STUCK", .answer = FakePop::Answer::kNothing});
  const auto fine = connect({.id = "FINE"});
  ASSERT_TRUE(wait_until([&] { return stuck->welcomed_with() && fine->welcomed_with(); }));
  const auto outcome =
      control_.deploy("a", "export default { fetch() {} }", {"--wait", "--timeout", "1500ms"});
  EXPECT_EQ(outcome.status.code, 7) << outcome.describe();
  EXPECT_THAT(outcome.errors, HasSubstr("1 of 2 PoPs"));
  EXPECT_THAT(fine->versions(), ElementsAre(Pair("a", 1U)));
}

// A `deploy --wait` that cannot end by itself, in the background.
class StuckRolloutTest : public DistributionTest {
 protected:
  void SetUp() override {
    DistributionTest::SetUp();
    stuck_ = connect({.id = "STUCK", .answer = FakePop::Answer::kNothing});
    ASSERT_TRUE(wait_until([this] { return stuck_->welcomed_with().has_value(); }));
    const auto file = control_.write("code/index.js", "export default { fetch() {} }");
    Result<Child> child =
        isopop::test::start_server("popctl",
                                   {"--state", control_.state().string(), "deploy",
                                    file.parent_path().string(), "--name", "a", "--wait"},
                                   control_.folder() / "popctl.log");
    ASSERT_TRUE(child.ok()) << child.error().message;
    waiting_.emplace(std::move(child).value());
    ASSERT_TRUE(wait_until([this] { return stuck_->pushes().size() == 1; }));
  }

  int exit_code() {
    const std::optional<ExitStatus> status = waiting_->wait_exit(std::chrono::seconds(20));
    return status && status->signal == 0 ? status->code : -1;
  }

  std::unique_ptr<FakePop> stuck_;
  std::optional<Child> waiting_;
};

TEST_F(StuckRolloutTest, InterruptedWaitExitsWith130AndTheVersionStays) {
  waiting_->send_signal(SIGINT);
  EXPECT_EQ(exit_code(), 130);
  EXPECT_THAT(control_.popctl({"list"}).output, HasSubstr("0/1"));
}

TEST_F(StuckRolloutTest, NewerVersionEndsTheWaitForTheOlderOne) {
  deploy("a", "newer");
  EXPECT_EQ(exit_code(), 10);
}

TEST_F(StuckRolloutTest, DeletionEndsTheWait) {
  EXPECT_TRUE(control_.popctl({"delete", "a"}).success());
  EXPECT_EQ(exit_code(), 10);
}

TEST_F(StuckRolloutTest, ControlPlaneThatGoesAwayEndsTheWait) {
  static_cast<void>(control_.stop(SIGKILL));
  EXPECT_EQ(exit_code(), 6);
}

TEST_F(DistributionTest, RejectionsAreReportedWithTheirReason) {
  const auto bad = connect({.id = "BAD", .answer = FakePop::Answer::kNack});
  ASSERT_TRUE(wait_until([&bad] { return bad->welcomed_with().has_value(); }));
  const auto outcome = control_.deploy("a", "export default { fetch() {} }", {"--wait"});
  EXPECT_EQ(outcome.status.code, 8) << outcome.describe();
  EXPECT_THAT(outcome.errors, HasSubstr("BAD: not here"));
}

TEST_F(DistributionTest, SilentPopIsDownWithinSeconds) {
  const auto silent = connect({.id = "SIL", .heartbeats = false});
  const auto fine = connect({.id = "FIN"});
  ASSERT_TRUE(wait_until([&silent] { return !silent->is_open(); }, std::chrono::seconds(10)));
  const auto outcome = control_.popctl({"pops"});
  EXPECT_THAT(outcome.output, HasSubstr("down"));
  EXPECT_TRUE(fine->is_open());
}

TEST_F(DistributionTest, WrongProtocolVersionIsRefusedInWords) {
  const auto pop = connect({.protocol_version = 9});
  ASSERT_TRUE(wait_until([&pop] { return !pop->is_open(); }));
  EXPECT_THAT(pop->refusal(), HasSubstr("speaks distribution protocol 9"));
  EXPECT_THAT(pop->refusal(), HasSubstr("update"));
}

TEST_F(DistributionTest, NewestStreamOfAPopWins) {
  const auto old = connect({.id = "AMS"});
  ASSERT_TRUE(wait_until([&old] { return old->welcomed_with().has_value(); }));
  const auto fresh = connect({.id = "AMS"});
  ASSERT_TRUE(wait_until([&old] { return !old->is_open(); }));
  EXPECT_THAT(control_.log(), HasSubstr("same id"));
  deploy("a", "1", {"--wait"});
  EXPECT_THAT(fresh->versions(), ElementsAre(Pair("a", 1U)));
}

TEST_F(DistributionTest, DeletedWorkerLeavesThePops) {
  const auto pop = connect({});
  deploy("a", "1", {"--wait"});
  EXPECT_TRUE(control_.popctl({"delete", "a"}).success());
  EXPECT_TRUE(wait_until([&pop] { return pop->versions().empty(); }));
}

TEST_F(DistributionTest, PopsComeBackAfterARestart) {
  deploy("a", "1");
  EXPECT_TRUE(control_.stop(SIGKILL).signal == SIGKILL);
  control_.start();
  const auto pop = connect({});
  EXPECT_TRUE(wait_until([&pop] { return pop->versions().contains("a"); }));
}

// Reads PoP updates as a router does.
class RouterView {
 public:
  explicit RouterView(const std::string& endpoint)
      : stub_(v1::Control::NewStub(rpc::connect(endpoint))) {
    v1::WatchPopsRequest request;
    request.set_router_http_address("127.0.0.1:4242");
    reader_ = stub_->WatchPops(&context_, request);
  }
  ~RouterView() {
    context_.TryCancel();
    v1::PopsUpdate ignored;
    while (reader_->Read(&ignored)) {
    }
    reader_->Finish();
  }
  RouterView(const RouterView&) = delete;
  RouterView& operator=(const RouterView&) = delete;

  v1::PopsUpdate read() {
    v1::PopsUpdate update;
    EXPECT_TRUE(reader_->Read(&update));
    return update;
  }

 private:
  std::unique_ptr<v1::Control::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::PopsUpdate>> reader_;
};

TEST_F(DistributionTest, RouterSeesAllPopsThenEachChange) {
  auto ams = connect({.id = "AMS"});
  ASSERT_TRUE(wait_until([&ams] { return ams->welcomed_with().has_value(); }));
  RouterView router(control_.endpoint());
  const v1::PopsUpdate first = router.read();
  EXPECT_TRUE(first.snapshot());
  ASSERT_EQ(first.pops_size(), 1);
  EXPECT_EQ(first.pops(0).identity().id(), "AMS");
  EXPECT_EQ(first.pops(0).state(), v1::POP_STATE_READY);
  EXPECT_THAT(control_.popctl({"status"}).output, HasSubstr("127.0.0.1:4242"));

  ams.reset();
  const v1::PopsUpdate second = router.read();
  EXPECT_FALSE(second.snapshot());
  ASSERT_EQ(second.pops_size(), 1);
  EXPECT_EQ(second.pops(0).state(), v1::POP_STATE_DOWN);
}

TEST_F(DistributionTest, AfterARestartTheListIsCompleteOnlyOncePopsAreBack) {
  {
    const auto ams = connect({.id = "AMS"});
    const auto fra = connect({.id = "FRA"});
    ASSERT_TRUE(wait_until([&] { return ams->welcomed_with() && fra->welcomed_with(); }));
    // The list of PoPs is written once a second.
    const auto written = [this] {
      const auto bytes = read_file(control_.state() / "control.db-wal");
      return bytes.ok() && bytes.value().find("AMS") != std::string::npos &&
             bytes.value().find("FRA") != std::string::npos;
    };
    ASSERT_TRUE(wait_until(written));
    static_cast<void>(control_.stop(SIGKILL));
  }
  control_.start();
  const auto ams = connect({.id = "AMS"});
  ASSERT_TRUE(wait_until([&ams] { return ams->welcomed_with().has_value(); }));
  RouterView router(control_.endpoint());
  const v1::PopsUpdate partial = router.read();
  EXPECT_FALSE(partial.snapshot());
  EXPECT_EQ(partial.pops_size(), 1);
  const auto fra = connect({.id = "FRA"});
  v1::PopsUpdate update = router.read();
  while (!update.snapshot()) update = router.read();
  EXPECT_EQ(update.pops_size(), 2);
}

TEST_F(DistributionTest, AnswersProbesAndScrapes) {
  deploy("a", "1");
  const auto pop = connect({});
  ASSERT_TRUE(wait_until([&pop] { return pop->versions().contains("a"); }));
  // "... listening on A (gRPC, plain text, --insecure) and B (HTTP)"
  const std::string log = control_.log();
  const std::size_t begin = log.find(") and ") + std::string(") and ").size();
  const std::string address = log.substr(begin, log.find(" (HTTP)") - begin);
  const auto get = [&address](const std::string& path) {
    http::RequestHead request{.target = path, .headers = {{"host", "control"}}};
    return invoke(address, request, "", std::chrono::seconds(10)).value();
  };
  EXPECT_EQ(get("/healthz").head.status, 200U);
  EXPECT_EQ(get("/readyz").head.status, 200U);
  EXPECT_EQ(get("/nothing").head.status, 404U);
  const auto metrics_say = [&get](const std::string& line) {
    return wait_until([&] { return get("/metrics").body.find(line) != std::string::npos; });
  };
  EXPECT_TRUE(metrics_say("isopop_control_workers 1"));
  EXPECT_TRUE(metrics_say("isopop_control_pops{state=\"ready\"} 1"));
  EXPECT_TRUE(metrics_say("isopop_control_deployments_total{outcome=\"done\"} 1"));
}

// Asked without its generated code: an empty request of grpc.health.v1.Health/Check is answered
// with {status: SERVING}, on the wire 08 01.
TEST_F(DistributionTest, ServesGrpcHealth) {
  grpc::GenericStub stub(rpc::connect(control_.endpoint()));
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const grpc::Slice empty;
  const grpc::ByteBuffer request(&empty, 1);
  const auto call =
      stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", request, &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, &queue);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  ASSERT_TRUE(status.ok()) << status.error_message();
  grpc::Slice bytes;
  ASSERT_TRUE(response.DumpToSingleSlice(&bytes).ok());
  EXPECT_EQ(std::string(bytes.begin(), bytes.end()), "\x08\x01");
}

TEST_F(DistributionTest, EndsInTimeWithStreamsOpen) {
  const auto pop = connect({});
  RouterView router(control_.endpoint());
  static_cast<void>(router.read());
  const auto begun = std::chrono::steady_clock::now();
  const ExitStatus status = control_.stop(SIGTERM);
  EXPECT_TRUE(status.success()) << status.describe() << control_.log();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(5));
  EXPECT_FALSE(std::filesystem::exists(control_.state() / "control.endpoint"));
}

}  // namespace
}  // namespace isopop::control::test
