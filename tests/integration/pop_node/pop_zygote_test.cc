// What a PoP does with the process that its executors are forked from, when that misbehaves or
// ends, and with executors that end after a limit. Zygote and executors are scripted_executor.cc.

#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "common/text/text.h"
#include "tests/integration/pop_node/pop_process.h"
#include "tests/support/wait.h"

namespace isopop::pop {
namespace {

using test::wait_until;

class PopZygoteTest : public ::testing::Test {
 protected:
  PopProcess& start(const std::string& zygote_script, std::vector<std::string> arguments = {}) {
    pop_.emplace(control_.address(), PopProcessOptions{.executor = scripted_executor(),
                                                       .arguments = std::move(arguments),
                                                       .zygote_script = zygote_script});
    EXPECT_FALSE(pop_->address().empty()) << pop_->log();
    EXPECT_TRUE(control_.wait_connected());
    return *pop_;
  }
  void deploy(const std::string& name, const std::string& script,
              v1::Isolation isolation = v1::ISOLATION_PRISTINE) {
    const auto answer = control_.deploy(make_worker(name, 1, script, isolation));
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    ASSERT_TRUE(answer.value().acked) << answer.value().error;
  }
  RawResponse get(const std::string& name) {
    const Result<RawResponse> response = request(pop_->address(), name + ".example");
    EXPECT_TRUE(response.ok()) << response.error().message << "\n" << pop_->log();
    return response.ok() ? response.value() : RawResponse{};
  }
  bool has_logged(const std::string& text) const {
    return wait_until([&] { return pop_->log().find(text) != std::string::npos; });
  }

  // Whether the PoP has heard of that process from its zygote: it holds a descriptor that stands
  // for it.
  bool holds(pid_t executor) {
    const std::string line = "\nPid:\t" + std::to_string(executor) + "\n";
    std::error_code ignored;
    const std::string folder = "/proc/" + std::to_string(pop_->child().pid()) + "/fdinfo";
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
      std::ifstream file(entry.path());
      const std::string text(std::istreambuf_iterator<char>(file), {});
      if (text.find(line) != std::string::npos) return true;
    }
    return false;
  }

  TestControlPlane control_;
  std::optional<PopProcess> pop_;
};

TEST_F(PopZygoteTest, IsThereBeforeTheFirstRequestAndSaysWhatConfinesExecutors) {
  const PopProcess& pop = start("");
  EXPECT_TRUE(has_logged("executors are confined by: script"));
  EXPECT_TRUE(has_logged("not confined by: walls (it is made of paper)"));
  EXPECT_TRUE(pop.zygote().has_value());
  EXPECT_TRUE(pop.executors().empty());
}

TEST_F(PopZygoteTest, ASpareExecutorIsTakenByAWorkerAndReplaced) {
  pop_.emplace(control_.address(),
               PopProcessOptions{.executor = scripted_executor(), .spare_executors = 1});
  ASSERT_TRUE(control_.wait_connected());
  EXPECT_TRUE(pop_->executors().empty());  // for whom?
  deploy("hello", "hello");
  ASSERT_TRUE(wait_until([&] { return pop_->executors().size() == 1; }));
  const pid_t spare = pop_->executors().front();
  EXPECT_EQ(get("hello").body, "hello 1");
  EXPECT_TRUE(wait_until([&] { return pop_->executors().size() == 2; }));
  // The worker runs in what was the spare: with it goes the state that it keeps.
  kill(spare, SIGKILL);
  EXPECT_TRUE(wait_until([&] { return pop_->metric("isopop_pop_executors_crashed_total") == 1; }));
  EXPECT_EQ(get("hello").body, "hello 1");
}

TEST_F(PopZygoteTest, ASpareExecutorThatHasEndedIsNotTaken) {
  pop_.emplace(control_.address(),
               PopProcessOptions{.executor = scripted_executor(), .spare_executors = 1});
  ASSERT_TRUE(control_.wait_connected());
  deploy("hello", "hello");
  ASSERT_TRUE(wait_until([&] { return pop_->executors().size() == 1; }));
  const pid_t spare = pop_->executors().front();
  ASSERT_TRUE(wait_until([&] { return holds(spare); }));
  kill(spare, SIGKILL);
  ASSERT_TRUE(wait_until([&] { return pop_->executors().empty(); }));
  EXPECT_EQ(get("hello").status, 200U);
  EXPECT_EQ(pop_->metric("isopop_pop_executor_start_failures_total"), 0);
}

TEST_F(PopZygoteTest, OneThatBreaksItsProtocolIsReplacedAndRequestsAreServed) {
  for (const auto& [script, reason] : std::vector<std::pair<std::string, std::string>>{
           {"early", "before it was ready"},
           {"noise", "does not parse"},
           {"ghost", "the end of a child that there was not"},
           {"stranger", "a child that nobody asked for"},
           {"bare", "a message with 0 descriptors"},
           {"forged", "without its process descriptor"}}) {
    start(script);
    deploy("hello", "hello");
    // Its executor works, so the first request may be answered before the message is read, or be
    // lost with it.
    const unsigned first = get("hello").status;
    EXPECT_TRUE(first == 200 || first == 500) << script << "\n" << pop_->log();
    EXPECT_TRUE(has_logged(reason)) << script << "\n" << pop_->log();
    EXPECT_EQ(get("hello").status, 200U) << script << "\n" << pop_->log();
    EXPECT_EQ(pop_->metric("isopop_pop_zygote_restarts_total"), 1) << script;
    EXPECT_EQ(pop_->executors().size(), 1U) << script;
    pop_.reset();
  }
}

TEST_F(PopZygoteTest, AForkThatFailsIsAnExecutorThatCannotBeStarted) {
  start("refuse");
  deploy("hello", "hello");
  const RawResponse refused = get("hello");
  EXPECT_EQ(refused.status, 503U);
  EXPECT_TRUE(refused.headers.contains("retry-after"));
  EXPECT_TRUE(has_logged("an executor was not forked: not today"));
  EXPECT_TRUE(wait_until([&] { return get("hello").status == 200; }));
  EXPECT_EQ(pop_->metric("isopop_pop_zygote_restarts_total"), 0);
}

TEST_F(PopZygoteTest, OneThatIsKilledTakesItsExecutorsWithItAndThePopGoesOn) {
  PopProcess& pop = start("");
  const std::filesystem::path gate = pop.state() / "gate";
  deploy("hold", "hold " + gate.string());
  deploy("hello", "hello");
  EXPECT_EQ(get("hello").body, "hello 1");
  RawClient held(pop.address());
  held.send("GET / HTTP/1.1\r\nhost: hold.example\r\n\r\n");
  ASSERT_TRUE(wait_until([&] {
    return pop.executors().size() == 2 && pop.metric("isopop_pop_requests_running") == 1 &&
           pop.metric("isopop_pop_executors_starting") == 0;
  }));
  const std::vector<pid_t> before = pop.executors();
  kill(pop.zygote().value(), SIGKILL);

  const Result<RawResponse> lost = held.read_response();
  ASSERT_TRUE(lost.ok());
  EXPECT_EQ(lost.value().status, 500U);
  ASSERT_TRUE(wait_until([&] { return pop.metric("isopop_pop_executors_spent_total") == 2; }));
  const RawResponse next = get("hello");
  EXPECT_EQ(next.status, 200U) << next.body << pop.log();
  EXPECT_EQ(next.headers.at("isopop-start"), "cold");
  std::ofstream(gate) << "open";
  EXPECT_EQ(get("hold").body, "held");
  for (const pid_t pid : pop.executors()) {
    EXPECT_EQ(std::count(before.begin(), before.end(), pid), 0);
  }
  EXPECT_EQ(pop.metric("isopop_pop_executors_crashed_total"), 0);
  EXPECT_EQ(pop.metric("isopop_pop_zygote_restarts_total"), 1);
}

TEST_F(PopZygoteTest, OneThatKeepsEndingIsStartedEverMoreSeldom) {
  pop_.emplace(control_.address(), PopProcessOptions{.executor = "/bin/false"});
  ASSERT_TRUE(control_.wait_connected());
  deploy("hello", "hello");
  const RawResponse answer = get("hello");
  EXPECT_EQ(answer.status, 503U);
  EXPECT_TRUE(answer.headers.contains("retry-after"));
  // Four starts take 200 and 400 ms of pauses; without any there would be hundreds by then.
  EXPECT_TRUE(wait_until([&] { return pop_->metric("isopop_pop_zygote_restarts_total") >= 3; }));
  EXPECT_LT(pop_->metric("isopop_pop_zygote_restarts_total"), 10);
}

TEST_F(PopZygoteTest, AnExecutorThatEndsWithALimitIsReplacedAtOnceAndIsNoCrash) {
  start("");
  deploy("limit", "limit");
  for (int i = 0; i < 5; ++i) {
    const RawResponse answer = get("limit");
    EXPECT_EQ(answer.status, 503U);
    EXPECT_TRUE(answer.body.starts_with("error code: 1102\n")) << answer.body;
    EXPECT_NE(answer.body.find("50 ms"), std::string::npos) << answer.body;
  }
  EXPECT_TRUE(wait_until([&] { return pop_->metric("isopop_pop_executors_spent_total") == 5; }));
  EXPECT_EQ(pop_->metric("isopop_pop_executors_crashed_total"), 0);
  EXPECT_EQ(pop_->metric("isopop_pop_worker_limit_breaches_total{worker=\"limit\",limit=\"cpu\"}"),
            5);
  EXPECT_EQ(pop_->metric("isopop_pop_worker_executors_started_total{worker=\"limit\"}"), 5);
}

TEST_F(PopZygoteTest, ACrashAfterALimitIsACrash) {
  start("");
  deploy("overdrawn", "overdrawn");
  EXPECT_EQ(get("overdrawn").status, 503U);
  EXPECT_TRUE(wait_until([&] { return pop_->metric("isopop_pop_executors_crashed_total") == 1; }));
}

TEST_F(PopZygoteTest, RestoresAreCountedByWorkerAsLongAsItIsHeld) {
  start("");
  deploy("hello", "hello");
  EXPECT_EQ(get("hello").headers.at("isopop-start"), "cold");
  EXPECT_EQ(get("hello").headers.at("isopop-start"), "pristine");
  const std::string restores = "isopop_pop_worker_restores_total{worker=\"hello\"}";
  EXPECT_TRUE(wait_until([&] { return pop_->metric(restores) == 2; }));
  EXPECT_EQ(pop_->metric("isopop_pop_worker_pages_restored_total{worker=\"hello\"}"), 6);
  EXPECT_EQ(pop_->metric("isopop_pop_restore_seconds_count"), 2);
  EXPECT_EQ(pop_->metric("isopop_pop_restore_seconds_bucket{le=\"5e-06\"}"), 0);
  EXPECT_EQ(pop_->metric("isopop_pop_restore_seconds_bucket{le=\"1e-05\"}"), 2);
  ASSERT_TRUE(control_.remove("hello").value().acked);
  const std::string page = request(pop_->address(), "any", "/__isopop/metrics").value().body;
  EXPECT_EQ(page.find("worker=\"hello\""), std::string::npos) << page;
}

TEST_F(PopZygoteTest, ContainersAreSlowToStartAndThenWarm) {
  start("", {"--container-start-p50", "300 ms", "--container-start-min", "300 ms"});
  deploy("hello", "hello", v1::ISOLATION_CONTAINER);
  const RawResponse cold = get("hello");
  EXPECT_EQ(cold.headers.at("isopop-start"), "cold");
  const std::string timing = cold.headers.at("server-timing");
  const std::size_t at = timing.find("queue;dur=");
  ASSERT_NE(at, std::string::npos) << timing;
  // What it waited for is at least the shortest start.
  EXPECT_GE(parse_double(timing.substr(at + 10, timing.find(',', at) - at - 10)).value_or(0), 300.0)
      << timing;
  EXPECT_EQ(get("hello").headers.at("isopop-start"), "warm");
}

TEST_F(PopZygoteTest, WhatAnExecutorUsesIsMeasured) {
  PopProcess& pop = start("", {"--memory-budget", "1 GiB"});
  deploy("hello", "hello");
  EXPECT_EQ(get("hello").status, 200U);
  // Not what is expected before, and not nothing.
  EXPECT_TRUE(wait_until([&] {
    const double bytes = pop.metric("isopop_pop_executor_memory_bytes");
    return bytes > 0 && bytes != 1280.0 * 1024;
  }));
}

}  // namespace
}  // namespace isopop::pop
