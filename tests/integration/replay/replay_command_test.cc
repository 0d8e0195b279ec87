// `isopop replay` as a person types it, against a server in this process.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/process/child.h"
#include "tests/integration/replay/fake_router.h"
#include "tests/support/command.h"
#include "tests/support/wait.h"

namespace isopop::sim {
namespace {

using nlohmann::json;
using test::CommandOutcome;
using testing::HasSubstr;

const std::string kOneMinute =
    std::string(ISOPOP_SOURCE_DIR) + "/configs/traces/one_minute.combined.log";

FakeAnswer worker_answer(const http::RequestHead&) {
  FakeAnswer answer;
  answer.head.headers = {
      {"isopop-pop", "AMS"}, {"isopop-start", "fresh"}, {"isopop-net", "account"}};
  return answer;
}

class ReplayCommandTest : public testing::Test {
 protected:
  CommandOutcome replay(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "replay");
    arguments.insert(arguments.end(), {"--state", (folder_.path() / "state").string()});
    return test::run_command(test::program_path("isopop"), arguments);
  }
  std::string write(const std::string& name, const std::string& content) {
    const std::string path = (folder_.path() / name).string();
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }
  std::string report() { return (folder_.path() / "report").string(); }

  TempFolder folder_ = TempFolder::create("isopop-replay-command").value();
};

TEST_F(ReplayCommandTest, ReplaysTheBundledMinute) {
  FakeRouter router(worker_answer);
  const CommandOutcome outcome =
      replay({"--trace", kOneMinute, "--speed", "max", "--worker", "shop", "--router",
              router.address(), "--report", report()});
  ASSERT_EQ(outcome.status.code, 0) << outcome.describe();
  EXPECT_THAT(outcome.output, HasSubstr("offered 136 · issued 136 · completed 136 · failed 0"));
  const json run = json::parse(read_file(folder_.path() / "report" / "run.json").value());
  EXPECT_EQ(run.at("completed"), 136);
  EXPECT_TRUE(run.at("valid").get<bool>());
  EXPECT_EQ(run.at("trace").at("sha256"),
            "d5e78da6fc6246a8ffeca2effef8307728bdb435f56a3607fece69d1a0ba13c3");
  router.stop();
  for (const http::RequestHead& request : router.requests()) {
    EXPECT_EQ(request.headers.get("host").value_or(""),
              request.target.starts_with("/__isopop/") ? router.address() : "shop.isopop.test");
  }
}

TEST_F(ReplayCommandTest, ExitsWith4AndTheLineForABadTrace) {
  const std::string good = "1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1\n";
  const CommandOutcome strict =
      replay({"--trace", write("a.log", good + "1.2.3.4 - - [17/Ma\n" + good), "--strict"});
  EXPECT_EQ(strict.status.code, 4) << strict.describe();
  EXPECT_THAT(strict.errors, HasSubstr("a.log:2: there is no [time]"));
  const CommandOutcome binary = replay({"--trace", write("b", std::string(100, '\0'))});
  EXPECT_EQ(binary.status.code, 4) << binary.describe();
  EXPECT_THAT(binary.errors, HasSubstr("b:1: a binary file?"));
  EXPECT_EQ(replay({"--trace", "/nowhere"}).status.code, 4);
}

TEST_F(ReplayCommandTest, ExitsWith2ForWrongOptions) {
  EXPECT_EQ(replay({}).status.code, 2);
  EXPECT_EQ(replay({"--trace", kOneMinute, "--speed", "fast"}).status.code, 2);
  EXPECT_EQ(replay({"--trace", kOneMinute, "--duration", "90"}).status.code, 2);
  EXPECT_EQ(replay({"--trace", kOneMinute, "--format", "xml"}).status.code, 2);
}

TEST_F(ReplayCommandTest, ExitsWith1AndAdviceWhenNoNetworkRuns) {
  const CommandOutcome outcome = replay({"--trace", kOneMinute});
  EXPECT_EQ(outcome.status.code, 1) << outcome.describe();
  EXPECT_THAT(outcome.errors, HasSubstr("isopop up"));
}

TEST_F(ReplayCommandTest, ExitsWith3WhenTheRateWasNotHeld) {
  FakeRouter router([](const http::RequestHead& request) {
    FakeAnswer answer = worker_answer(request);
    if (!request.target.starts_with("/__isopop/")) answer.delay = std::chrono::milliseconds(400);
    return answer;
  });
  const CommandOutcome outcome = replay({"--trace", kOneMinute, "--speed", "120x", "--max-inflight",
                                         "4", "--router", router.address(), "--report", report()});
  EXPECT_EQ(outcome.status.code, 3) << outcome.describe();
  EXPECT_THAT(outcome.output, HasSubstr("INVALID"));
}

TEST_F(ReplayCommandTest, AnInterruptGivesAPartialReportAnd105) {
  std::atomic<int> seen = 0;
  FakeRouter router([&seen](const http::RequestHead& request) {
    ++seen;
    return worker_answer(request);
  });
  Child child = test::start_server("isopop",
                                   {"replay", "--trace", kOneMinute, "--speed", "1x", "--router",
                                    router.address(), "--report", report()},
                                   folder_.path() / "log")
                    .value();
  ASSERT_TRUE(test::wait_until([&] { return seen > 2; }));
  child.send_signal(SIGINT);
  const auto status = child.wait_exit(std::chrono::seconds(20));
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->code, 105) << read_file(folder_.path() / "log").value();
  const json run = json::parse(read_file(folder_.path() / "report" / "run.json").value());
  EXPECT_TRUE(run.at("aborted").get<bool>());
  EXPECT_LT(run.at("issued").get<int>(), 136);
}

}  // namespace
}  // namespace isopop::sim
