// What keeps workers and requests apart, through a real isopop-pop with the real zygote and
// executors: no state between requests, no harm to a neighbour, memory within its budget.

#include <gtest/gtest.h>

#include <csignal>
#include <set>

#include "tests/integration/pop_node/pop_process.h"
#include "tests/support/wait.h"

namespace isopop::pop {
namespace {

using test::wait_until;

constexpr char kCounter[] =
    "let n = 0; export default { fetch() { return new Response(`${++n}`) } }";
constexpr char kHello[] = "export default { fetch() { return new Response('hello') } }";
constexpr char kLoop[] = "export default { fetch() { for (;;); } }";

class PopIsolationTest : public ::testing::Test {
 protected:
  PopProcess& start(std::vector<std::string> arguments = {}) {
    pop_.emplace(control_.address(), PopProcessOptions{.arguments = std::move(arguments)});
    EXPECT_FALSE(pop_->address().empty()) << pop_->log();
    EXPECT_TRUE(control_.wait_connected());
    return *pop_;
  }
  void deploy(const std::string& name, const std::string& source,
              v1::Isolation isolation = v1::ISOLATION_UNSPECIFIED) {
    const auto answer = control_.deploy(make_worker(name, 1, source, isolation));
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    ASSERT_TRUE(answer.value().acked) << answer.value().error;
  }
  RawResponse get(const std::string& name) {
    const Result<RawResponse> response = request(pop_->address(), name + ".example");
    EXPECT_TRUE(response.ok()) << response.error().message << "\n" << pop_->log();
    return response.ok() ? response.value() : RawResponse{};
  }

  TestControlPlane control_;
  std::optional<PopProcess> pop_;
};

TEST_F(PopIsolationTest, PristineIsTheDefaultAndEveryRequestSeesTheFirstState) {
  start();
  deploy("count", kCounter);
  EXPECT_EQ(get("count").headers.at("isopop-start"), "cold");
  for (int i = 0; i < 50; ++i) {
    const RawResponse answer = get("count");
    EXPECT_EQ(answer.body, "1");
    EXPECT_EQ(answer.headers.at("isopop-start"), "pristine");
  }
  EXPECT_EQ(pop_->executors().size(), 1U);
  EXPECT_GE(pop_->metric("isopop_pop_worker_restores_total{worker=\"count\"}"), 49);
}

TEST_F(PopIsolationTest, AContainerKeepsItsStateAndServesOneRequestAtATime) {
  start({"--container-start-p50", "20 ms", "--container-start-min", "10 ms",
         "--container-start-max", "30 ms"});
  deploy("count", kCounter, v1::ISOLATION_CONTAINER);
  EXPECT_EQ(get("count").body, "1");
  const RawResponse second = get("count");
  EXPECT_EQ(second.body, "2");
  EXPECT_EQ(second.headers.at("isopop-start"), "warm");
}

TEST_F(PopIsolationTest, AWorkerThatKeepsReachingItsLimitIsServedOnAndHurtsNobody) {
  start();
  deploy("loop", kLoop);
  deploy("hello", kHello);
  EXPECT_EQ(get("hello").body, "hello");
  const std::vector<pid_t> neighbour = pop_->executors();
  for (int i = 0; i < 4; ++i) {
    const RawResponse limited = get("loop");
    EXPECT_EQ(limited.status, 503U);
    EXPECT_TRUE(limited.body.starts_with("error code: 1102\n")) << limited.body;
    EXPECT_NE(limited.body.find("CPU time limit of 50 ms"), std::string::npos) << limited.body;
    EXPECT_EQ(get("hello").body, "hello");
  }
  EXPECT_TRUE(wait_until([&] { return pop_->executors() == neighbour; }));
  EXPECT_EQ(pop_->metric("isopop_pop_executors_crashed_total"), 0);
  EXPECT_EQ(pop_->metric("isopop_pop_worker_limit_breaches_total{worker=\"loop\",limit=\"cpu\"}"),
            4);
}

TEST_F(PopIsolationTest, AnExecutorThatIsKilledIsReplacedAndItsNeighbourFeelsNothing) {
  start();
  deploy("hello", kHello);
  EXPECT_EQ(get("hello").body, "hello");
  const std::set<pid_t> neighbour = [&] {
    const std::vector<pid_t> pids = pop_->executors();
    return std::set<pid_t>(pids.begin(), pids.end());
  }();
  deploy("victim", kHello);
  EXPECT_EQ(get("victim").body, "hello");
  for (const pid_t pid : pop_->executors()) {
    if (!neighbour.contains(pid)) kill(pid, SIGKILL);
  }
  for (int i = 0; i < 10; ++i) {
    const RawResponse answer = get("hello");
    EXPECT_EQ(answer.status, 200U);
    EXPECT_EQ(answer.headers.at("isopop-start"), "pristine");
  }
  EXPECT_TRUE(wait_until([&] { return get("victim").status == 200; }));
  EXPECT_EQ(pop_->metric("isopop_pop_executors_crashed_total"), 1);
}

TEST_F(PopIsolationTest, WhenTheZygoteIsKilledAllRecover) {
  start();
  deploy("a", kHello);
  deploy("b", kCounter);
  EXPECT_EQ(get("a").body, "hello");
  EXPECT_EQ(get("b").body, "1");
  const pid_t before = pop_->zygote().value();
  kill(before, SIGKILL);
  EXPECT_TRUE(wait_until([&] { return pop_->metric("isopop_pop_zygote_restarts_total") == 1; }));
  EXPECT_TRUE(wait_until([&] { return get("a").status == 200 && get("b").status == 200; }));
  EXPECT_TRUE(wait_until([&] { return pop_->executors().size() == 2; }));
  EXPECT_NE(pop_->zygote().value(), before);
}

TEST_F(PopIsolationTest, NothingIsLeftOfAPopThatIsKilled) {
  start();
  deploy("hello", kHello);
  EXPECT_EQ(get("hello").body, "hello");
  EXPECT_EQ(pop_->processes().size(), 2U);
  ASSERT_TRUE(pop_->stop(SIGKILL).has_value());
  EXPECT_TRUE(wait_until([&] { return pop_->processes().empty(); }));
}

TEST_F(PopIsolationTest, ManyWorkersCalledOnceEachStayWithinTheMemoryBudget) {
  start({"--memory-budget", "24 MiB"});
  for (int i = 0; i < 30; ++i) {
    const std::string name = "worker" + std::to_string(i);
    deploy(name, "export default { fetch() { return new Response('" + name + "') } }");
    EXPECT_EQ(get(name).body, name);
    // One that is larger than was expected is in it until another has gone.
    EXPECT_TRUE(wait_until(
        [&] { return pop_->metric("isopop_pop_executor_memory_bytes") <= 24.0 * 1024 * 1024; }));
  }
  EXPECT_GT(pop_->metric("isopop_pop_executors_evicted_total"), 0);
  EXPECT_EQ(get("worker0").body, "worker0");
}

}  // namespace
}  // namespace isopop::pop
