#include <fmt/format.h>
#include <gmock/gmock.h>
#include <signal.h>

#include <set>
#include <string>
#include <thread>

#include "common/text/text.h"
#include "tests/e2e/network.h"
#include "tests/support/wait.h"

namespace isopop::test {
namespace {

using ::testing::HasSubstr;

TEST(NetworkTest, ADeployedWorkerAnswersAtThePopNearestToTheClient) {
  const Network network;
  const CommandOutcome deployed = network.deploy(std::string(ISOPOP_SOURCE_DIR) + "/workers/hello");
  ASSERT_TRUE(deployed.success()) << deployed.describe();
  EXPECT_THAT(deployed.output, HasSubstr("12/12"));
  EXPECT_THAT(deployed.output, HasSubstr("p99"));

  const nlohmann::json pops = network.pops();
  ASSERT_EQ(pops.size(), kPops);
  for (const nlohmann::json& pop : pops) {
    EXPECT_EQ(pop.at("state"), "ready");
    EXPECT_EQ(pop.at("workers").at(0).at("name"), "hello");
    // Seen from where a PoP stands, that PoP is the nearest.
    const CommandOutcome answer =
        network.curl("/", {"--include", "--header", "host: hello.example", "--header",
                           fmt::format("isopop-client-location: {},{}", pop.at("lat").get<double>(),
                                       pop.at("lon").get<double>())});
    EXPECT_THAT(answer.output, HasSubstr("HTTP/1.1 200")) << answer.describe();
    EXPECT_THAT(
        to_lower(answer.output),
        HasSubstr(to_lower(fmt::format("isopop-pop: {}", pop.at("id").get<std::string>()))));
  }
}

TEST(NetworkTest, InvokeGoesThroughTheRouterAndPrintsTheBody) {
  const Network network;
  ASSERT_TRUE(network.deploy(network.write_worker("v1", versioned_worker(1))).success());
  const CommandOutcome answer = network.popctl({"invoke", "hello", "--from", "Nairobi"});
  ASSERT_TRUE(answer.success()) << answer.describe();
  EXPECT_THAT(answer.output, HasSubstr("version 1 at "));
  EXPECT_EQ(network.popctl({"invoke", "nobody", "--from", "Nairobi"}).status.code, 3);
  EXPECT_EQ(network.popctl({"invoke", "hello", "--from", "Nowhereville"}).status.code, 3);
}

TEST(NetworkTest, ANewVersionIsLiveEverywhereWhenWaitReturns) {
  const Network network;
  ASSERT_TRUE(network.deploy(network.write_worker("v1", versioned_worker(1))).success());
  ASSERT_TRUE(network.deploy(network.write_worker("v2", versioned_worker(2))).success());
  for (const nlohmann::json& pop : network.pops()) {
    const CommandOutcome answer =
        run_command("/usr/bin/curl", {"--silent", "--header", "host: hello.example",
                                      "http://" + pop.at("http_address").get<std::string>() + "/"});
    EXPECT_EQ(answer.output, "version 2 at " + pop.at("id").get<std::string>());
  }
}

TEST(NetworkTest, ABrokenWorkerIsRefusedWithItsLineAndTheOldOneStays) {
  const Network network;
  ASSERT_TRUE(network.deploy(network.write_worker("v1", versioned_worker(1))).success());
  const std::vector<std::pair<std::string, std::string>> broken = {
      {"export default {\n  async fetch(] {\n};\n", "index.js:2"},
      {"\nthrow new Error('no start');\n", "index.js:2"},
      {"\n\nfor (;;) {}\n", "index.js"},
  };
  for (const auto& [code, where] : broken) {
    const CommandOutcome refused = network.deploy(network.write_worker("broken", code));
    EXPECT_EQ(refused.status.code, 9) << refused.describe();
    EXPECT_THAT(refused.errors, HasSubstr(where));
  }
  EXPECT_THAT(network.popctl({"invoke", "hello", "--from", "Oslo"}).output, HasSubstr("version 1"));
}

TEST(NetworkTest, AReplayAccountsForEveryRequestOfItsTrace) {
  const Network network;
  ASSERT_TRUE(network.deploy(network.write_worker("v1", versioned_worker(1))).success());
  const std::string report = (network.folder() / "report").string();
  const CommandOutcome replayed =
      network.isopop({"replay", "--trace", network.write_trace(600, 5), "--host", "hello.example",
                      "--speed", "max", "--seed", "7", "--report", report});
  ASSERT_TRUE(replayed.success()) << replayed.describe();

  const nlohmann::json run = run_json(report);
  EXPECT_EQ(run.at("seed"), 7);
  EXPECT_EQ(run.at("valid"), true);
  EXPECT_EQ(run.at("net_mode"), "account");
  EXPECT_EQ(run.at("offered"), 600);
  EXPECT_EQ(run.at("issued"), 600);
  EXPECT_EQ(run.at("completed"), 600);
  EXPECT_EQ(run.at("failed"), 0);
  EXPECT_EQ(run.at("dropped"), 0);
  std::uint64_t at_pops = 0;
  for (const nlohmann::json& pop : run.at("pops"))
    at_pops += pop.at("requests").get<std::uint64_t>();
  EXPECT_EQ(at_pops, 600U);
  EXPECT_GT(run.at("latency_ms").at("sent").at("p50"), 0);
  for (const char* file : {"report.html", "requests.csv"}) {
    EXPECT_TRUE(std::filesystem::exists(report + "/" + file)) << file;
  }
}

TEST(NetworkTest, AKilledPopCostsNoClientAnError) {
  const Network network;
  ASSERT_TRUE(network.deploy(network.write_worker("v1", versioned_worker(1))).success());
  const std::string victim = network.pops().at(0).at("id");
  const pid_t pid = network.pop_pid(victim);
  const std::string report = (network.folder() / "report").string();
  const std::string trace = network.write_trace(1'200, 5);

  CommandOutcome replayed;
  std::thread replay([&] {
    replayed = network.isopop({"replay", "--trace", trace, "--host", "hello.example", "--speed",
                               "1x", "--report", report});
  });
  // Once the victim has served some of it.
  EXPECT_TRUE(wait_until([&] { return network.requests_at(victim) > 20; }));
  EXPECT_EQ(kill(pid, SIGKILL), 0);
  replay.join();

  EXPECT_EQ(run_json(report).at("failed"), 0) << replayed.describe();
  EXPECT_EQ(run_json(report).at("completed"), 1'200);
  EXPECT_TRUE(wait_until([&] {
    for (const nlohmann::json& pop : network.pops()) {
      if (pop.at("id") == victim) return pop.at("state") == "down";
    }
    return false;
  }));
}

TEST(NetworkTest, PopsGoOnServingWhenTheControlPlaneIsAway) {
  const Network network;
  ASSERT_TRUE(network.deploy(network.write_worker("v1", versioned_worker(1))).success());
  for (const pid_t pid : processes_with_argument(network.state())) {
    const std::string program = read_file(fmt::format("/proc/{}/comm", pid)).value();
    if (program.starts_with("isopop-control")) {
      EXPECT_EQ(kill(pid, SIGKILL), 0);
    }
  }
  EXPECT_TRUE(wait_until([&] { return network.popctl({"status"}).status.code == 6; }));
  for (int i = 0; i < 20; ++i) {
    const CommandOutcome answer =
        network.curl("/", {"--header", "host: hello.example", "--header",
                           fmt::format("isopop-client-id: client-{}", i)});
    EXPECT_THAT(answer.output, HasSubstr("version 1 at ")) << answer.describe();
  }
}

}  // namespace
}  // namespace isopop::test
