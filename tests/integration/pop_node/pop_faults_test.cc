// What a PoP does when executors, clients or the control plane misbehave. The executor is
// scripted_executor.cc, everything else is real.

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>

#include "common/text/text.h"
#include "tests/integration/pop_node/pop_process.h"
#include "tests/support/wait.h"

namespace isopop::pop {
namespace {

using test::wait_until;

class PopFaultsTest : public ::testing::Test {
 protected:
  PopProcess& start(std::vector<std::string> arguments = {}) {
    pop_.emplace(control_.address(),
                 PopProcessOptions{.executor = scripted_executor(), .arguments = arguments});
    EXPECT_FALSE(pop_->address().empty()) << pop_->log();
    EXPECT_TRUE(control_.wait_connected());
    return *pop_;
  }
  void deploy(const std::string& name, const std::string& script,
              v1::Isolation isolation = v1::ISOLATION_FRESH) {
    const auto answer = control_.deploy(make_worker(name, 1, script, isolation));
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    ASSERT_TRUE(answer.value().acked) << answer.value().error;
  }
  RawResponse get(const std::string& name, const std::string& path = "/") {
    const Result<RawResponse> response = request(pop_->address(), name + ".example", path);
    EXPECT_TRUE(response.ok()) << response.error().message << "\n" << pop_->log();
    return response.ok() ? response.value() : RawResponse{};
  }

  TestControlPlane control_;
  std::optional<PopProcess> pop_;
};

TEST_F(PopFaultsTest, ServesAWorkerAndSaysHowItWasStarted) {
  start();
  deploy("hello", "hello");
  const RawResponse cold = get("hello");
  EXPECT_EQ(cold.status, 200U);
  EXPECT_EQ(cold.body, "hello 1");
  EXPECT_EQ(cold.headers.at("isopop-start"), "cold");
  EXPECT_TRUE(cold.headers.at("isopop-ray").ends_with("-AMS"));
  EXPECT_TRUE(cold.headers.at("server-timing").starts_with("pop;dur="));
  const RawResponse next = get("hello");
  EXPECT_EQ(next.body, "hello 2");
  EXPECT_EQ(next.headers.at("isopop-start"), "fresh");
  EXPECT_NE(next.headers.at("isopop-ray"), cold.headers.at("isopop-ray"));
}

TEST_F(PopFaultsTest, AnExecutorThatCrashesCostsOnlyItsRequest) {
  start();
  deploy("crash", "crash");
  deploy("hello", "hello");
  EXPECT_EQ(get("hello").status, 200U);
  const RawResponse answer = get("crash");
  EXPECT_EQ(answer.status, 500U);
  EXPECT_TRUE(answer.body.starts_with("error code: 1101\n")) << answer.body;
  EXPECT_EQ(get("hello").body, "hello 2");  // the same process as before
  EXPECT_TRUE(wait_until([&] { return pop_->metric("isopop_pop_executors_crashed_total") == 1; }));
}

TEST_F(PopFaultsTest, BacksOffFromAWorkerThatKeepsCrashing) {
  start();
  deploy("crash", "crash");
  bool refused = false;
  for (int i = 0; i < 6 && !refused; ++i) {
    const RawResponse answer = get("crash");
    refused = answer.status == 503;
    if (refused) {
      EXPECT_TRUE(answer.headers.contains("retry-after"));
    }
  }
  EXPECT_TRUE(refused);
}

TEST_F(PopFaultsTest, EndsAnExecutorThatBreaksTheProtocol) {
  start();
  for (const std::string script : {"garbage", "foreign"}) {
    deploy(script, script);
    const RawResponse answer = get(script);
    EXPECT_EQ(answer.status, 500U) << script;
    EXPECT_TRUE(answer.body.starts_with("error code: 1101\n")) << answer.body;
  }
  EXPECT_TRUE(wait_until([&] { return pop_->metric("isopop_pop_executors_crashed_total") == 2; }));
  EXPECT_TRUE(wait_until([&] { return pop_->executors().empty(); }));
}

TEST_F(PopFaultsTest, EndsAnExecutorThatSendsMoreThanItsCredit) {
  PopProcess& pop = start();
  deploy("flood", "flood");
  RawClient client(pop.address());  // takes nothing, so no credit is given
  client.send("GET / HTTP/1.1\r\nhost: flood.example\r\n\r\n");
  EXPECT_TRUE(wait_until([&] {
    return pop.log().find("more body than it had credit for") != std::string::npos;
  })) << pop.log();
  const Result<RawResponse> cut = client.read_response();
  ASSERT_TRUE(cut.ok());
  EXPECT_FALSE(cut.value().complete);
}

TEST_F(PopFaultsTest, CutsAnAnswerThatBreaksOff) {
  start();
  deploy("half", "half");
  const RawResponse answer = get("half");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_EQ(answer.body, "half of ");
  EXPECT_FALSE(answer.complete);
}

TEST_F(PopFaultsTest, LetsNoWorkerSplitAResponse) {
  start();
  deploy("forge", "forge");
  const RawResponse answer = get("forge");
  EXPECT_EQ(answer.status, 500U);
  EXPECT_FALSE(answer.headers.contains("set-cookie"));
}

TEST_F(PopFaultsTest, KillsAnExecutorThatIsSilentPastTheWallLimit) {
  start({"--wall-limit", "200 ms"});
  deploy("silent", "silent");
  const RawResponse answer = get("silent");
  EXPECT_EQ(answer.status, 503U);
  EXPECT_TRUE(answer.body.starts_with("error code: 1102\n")) << answer.body;
  EXPECT_TRUE(wait_until([&] { return pop_->executors().empty(); }));
}

TEST_F(PopFaultsTest, AnswersInTimeWhenAnExecutorNeverGetsReady) {
  start({"--executor-start-timeout", "300 ms"});
  deploy("deaf", "deaf");
  const RawResponse answer = get("deaf");
  EXPECT_EQ(answer.status, 503U);
  EXPECT_TRUE(answer.headers.contains("retry-after"));
}

TEST_F(PopFaultsTest, TellsTheClientNothingOfAWorkersStack) {
  start();
  deploy("fault", "fault");
  const RawResponse answer = get("fault");
  EXPECT_EQ(answer.status, 500U);
  EXPECT_TRUE(answer.body.starts_with("error code: 1101\n")) << answer.body;
  EXPECT_EQ(answer.body.find("secret"), std::string::npos);
  EXPECT_EQ(answer.body.find("top level threw"), std::string::npos);
  EXPECT_NE(pop_->log().find("the top level threw"), std::string::npos);
}

TEST_F(PopFaultsTest, SaysSoWhenTheExecutorProgramIsMissing) {
  pop_.emplace(control_.address(), PopProcessOptions{.executor = "/nowhere/isopop-executor"});
  ASSERT_TRUE(control_.wait_connected());
  deploy("hello", "hello");
  const RawResponse answer = get("hello");
  EXPECT_EQ(answer.status, 503U);
  EXPECT_TRUE(answer.headers.contains("retry-after"));
  EXPECT_NE(pop_->log().find("/nowhere/isopop-executor"), std::string::npos);
}

TEST_F(PopFaultsTest, AnExecutorKilledAmidARequestIsReplaced) {
  PopProcess& pop = start();
  const std::filesystem::path gate = pop.state() / "gate";
  deploy("hold", "hold " + gate.string());
  RawClient client(pop.address());
  client.send("GET / HTTP/1.1\r\nhost: hold.example\r\n\r\n");
  ASSERT_TRUE(wait_until([&] { return pop.metric("isopop_pop_requests_running") == 1; }));
  const std::vector<pid_t> executors = pop.executors();
  ASSERT_EQ(executors.size(), 1U);
  kill(executors.front(), SIGKILL);
  const Result<RawResponse> lost = client.read_response();
  ASSERT_TRUE(lost.ok());
  EXPECT_EQ(lost.value().status, 500U);
  std::ofstream(gate) << "open";
  EXPECT_EQ(get("hold").body, "held");
}

TEST_F(PopFaultsTest, AClientThatGoesAwayCancelsItsRequest) {
  PopProcess& pop = start();
  const std::filesystem::path gate = pop.state() / "gate";
  deploy("hold", "hold " + gate.string());
  RawClient client(pop.address());
  client.send("GET / HTTP/1.1\r\nhost: hold.example\r\n\r\n");
  ASSERT_TRUE(wait_until([&] { return pop.metric("isopop_pop_requests_running") == 1; }));
  client.close();
  EXPECT_TRUE(wait_until([&] { return std::filesystem::exists(gate.string() + ".cancelled"); }));
  EXPECT_TRUE(wait_until([&] { return pop.metric("isopop_pop_requests_running") == 0; }));
}

TEST_F(PopFaultsTest, AClientThatDoesNotReadHoldsTheExecutorBack) {
  PopProcess& pop = start();
  constexpr std::size_t kBytes = 64 * 1024 * 1024;
  deploy("download", "download " + std::to_string(kBytes));
  RawClient slow(pop.address());
  slow.send("GET / HTTP/1.1\r\nhost: download.example\r\n\r\n");
  // It sends until nothing moves any more: the socket buffers are full and no credit comes.
  std::size_t lines = 0;
  ASSERT_TRUE(wait_until([&] {
    const std::size_t now = pop.log().size();
    const bool still = now == lines && now > 0 && pop.log().find(": sent ") != std::string::npos;
    lines = now;
    return still;
  }));
  const std::string log = pop.log();
  const std::size_t last = log.rfind(": sent ");
  const std::size_t sent =
      parse_unsigned(log.substr(last + 7, log.find('\n', last) - last - 7)).value_or(0);
  EXPECT_LT(sent, kBytes / 2) << "the executor was not held back";
  // And goes on when the client reads.
  const Result<RawResponse> whole = slow.read_response();
  ASSERT_TRUE(whole.ok());
  EXPECT_TRUE(whole.value().complete);
  EXPECT_EQ(whole.value().body.size(), kBytes);
}

TEST_F(PopFaultsTest, ShedsWithRetryAfterWhenAllPlacesAndTheQueueAreFull) {
  PopProcess& pop = start({"--executors-per-worker-max", "1", "--queue-max", "1"});
  const std::filesystem::path gate = pop.state() / "gate";
  deploy("hold", "hold " + gate.string());
  RawClient running(pop.address());
  running.send("GET / HTTP/1.1\r\nhost: hold.example\r\n\r\n");
  ASSERT_TRUE(wait_until([&] { return pop.metric("isopop_pop_requests_running") == 1; }));
  RawClient waiting(pop.address());
  waiting.send("GET / HTTP/1.1\r\nhost: hold.example\r\n\r\n");
  ASSERT_TRUE(wait_until([&] { return pop.metric("isopop_pop_requests_waiting") == 1; }));
  const RawResponse shed = get("hold");
  EXPECT_EQ(shed.status, 503U);
  EXPECT_EQ(shed.headers.at("retry-after"), "1");
  std::ofstream(gate) << "open";
  EXPECT_EQ(running.read_response().value().body, "held");
  EXPECT_EQ(waiting.read_response().value().body, "held");
}

TEST_F(PopFaultsTest, IdleExecutorsAreStopped) {
  PopProcess& pop = start({"--executor-idle-timeout", "200 ms"});
  deploy("hello", "hello");
  EXPECT_EQ(get("hello").status, 200U);
  EXPECT_TRUE(wait_until([&] { return pop.executors().empty(); }));
  EXPECT_TRUE(wait_until([&] { return pop.metric("isopop_pop_executors_stopped_total") == 1; }));
  const RawResponse again = get("hello");
  EXPECT_EQ(again.headers.at("isopop-start"), "cold");
}

TEST_F(PopFaultsTest, ARequestInFlightEndsOnTheVersionItBeganWith) {
  PopProcess& pop = start();
  const std::filesystem::path gate = pop.state() / "gate";
  deploy("site", "hold " + gate.string());
  RawClient old_client(pop.address());
  old_client.send("GET / HTTP/1.1\r\nhost: site.example\r\n\r\n");
  ASSERT_TRUE(wait_until([&] { return pop.metric("isopop_pop_requests_running") == 1; }));
  ASSERT_TRUE(control_.deploy(make_worker("site", 2, "hello")).value().acked);
  EXPECT_EQ(get("site").body, "hello 1");
  std::ofstream(gate) << "open";
  EXPECT_EQ(old_client.read_response().value().body, "held");
  // And then the old version's executor goes.
  EXPECT_TRUE(wait_until([&] { return pop.executors().size() == 1; }));
}

TEST_F(PopFaultsTest, DrainsOnSigtermAndLeavesNoExecutor) {
  PopProcess& pop = start();
  const std::filesystem::path gate = pop.state() / "gate";
  deploy("hold", "hold " + gate.string());
  RawClient client(pop.address());
  client.send("GET / HTTP/1.1\r\nhost: hold.example\r\n\r\n");
  ASSERT_TRUE(wait_until([&] { return pop.metric("isopop_pop_requests_running") == 1; }));
  pop.child().send_signal(SIGTERM);
  ASSERT_TRUE(wait_until([&] { return pop.log().find("draining") != std::string::npos; }));
  std::ofstream(gate) << "open";
  EXPECT_EQ(client.read_response().value().body, "held");
  const auto status = pop.child().wait_exit(std::chrono::seconds(6));
  ASSERT_TRUE(status.has_value());
  EXPECT_TRUE(status->success()) << status->describe();
  EXPECT_TRUE(wait_until([&] { return pop.processes().empty(); }));
}

TEST_F(PopFaultsTest, StopsWithinFiveSecondsWhenRequestsDoNotEnd) {
  PopProcess& pop = start();
  deploy("silent", "silent");
  RawClient client(pop.address());
  client.send("GET / HTTP/1.1\r\nhost: silent.example\r\n\r\n");
  ASSERT_TRUE(wait_until([&] { return pop.metric("isopop_pop_requests_running") == 1; }));
  const auto began = std::chrono::steady_clock::now();
  const auto status = pop.stop(SIGTERM);
  ASSERT_TRUE(status.has_value());
  EXPECT_TRUE(status->success()) << status->describe();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(6));
}

TEST_F(PopFaultsTest, ExecutorsDieWithAPopThatIsKilled) {
  PopProcess& pop = start();
  deploy("hello", "hello");
  EXPECT_EQ(get("hello").status, 200U);
  ASSERT_EQ(pop.executors().size(), 1U);
  ASSERT_TRUE(pop.stop(SIGKILL).has_value());
  EXPECT_TRUE(wait_until([&] { return pop.processes().empty(); }));
}

}  // namespace
}  // namespace isopop::pop
