#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/integration/control_plane/control_process.h"
#include "tests/integration/control_plane/fake_pop.h"
#include "tests/support/wait.h"

namespace isopop::control::test {
namespace {

using isopop::test::CommandOutcome;
using isopop::test::wait_until;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr const char* kCode = "export default { fetch() { return new Response('hi'); } };";

// popctl as a person or a script uses it, against a real control plane with the real executor.
class PopctlTest : public ::testing::Test {
 protected:
  void SetUp() override { control_.start(); }

  void expect_refused(const CommandOutcome& outcome, int code, const std::string& words) {
    EXPECT_EQ(outcome.status.code, code) << outcome.describe();
    EXPECT_THAT(outcome.errors, StartsWith("error: "));
    EXPECT_THAT(outcome.errors, HasSubstr(words));
    EXPECT_THAT(outcome.output, IsEmpty());
  }
  void expect_nothing_live() {
    EXPECT_EQ(json::parse(control_.popctl({"list", "-o", "json"}).output).size(), 0U);
  }

  ControlProcess control_;
};

TEST_F(PopctlTest, DeploysListsAndDeletes) {
  const auto deployed = control_.deploy(
      "hello", kCode, {"--route", "Hello.Example/*", "--wait", "--message", "first"});
  EXPECT_TRUE(deployed.success()) << deployed.describe();
  EXPECT_THAT(deployed.output, HasSubstr("hello v1 live at 0/0 PoPs"));
  const json list = json::parse(control_.popctl({"list", "-o", "json"}).output);
  ASSERT_EQ(list.size(), 1U);
  EXPECT_EQ(list[0]["worker"], "hello");
  EXPECT_EQ(list[0]["routes"], json::array({"hello.example/*"}));
  EXPECT_THAT(control_.popctl({"list"}).output, HasSubstr("hello.example/*"));
  EXPECT_THAT(control_.popctl({"versions", "list", "hello"}).output, HasSubstr("first"));
  EXPECT_TRUE(control_.popctl({"delete", "hello"}).success());
  expect_nothing_live();
  expect_refused(control_.popctl({"delete", "hello"}), 3, "no worker 'hello'");
  expect_refused(control_.popctl({"versions", "list", "hello"}), 3, "no worker 'hello'");
}

TEST_F(PopctlTest, SameWorkerAgainIsUnchanged) {
  EXPECT_TRUE(control_.deploy("hello", kCode).success());
  const auto again = control_.deploy("hello", kCode, {"--wait"});
  EXPECT_TRUE(again.success());
  EXPECT_THAT(again.output, HasSubstr("unchanged"));
  const auto changed = control_.deploy("hello", kCode, {"--var", "A=1"});
  EXPECT_THAT(changed.output, HasSubstr("hello v2"));
}

TEST_F(PopctlTest, DryRunChecksAndKeepsNothing) {
  const auto dry = control_.deploy("hello", kCode, {"--dry-run"});
  EXPECT_TRUE(dry.success()) << dry.describe();
  EXPECT_THAT(dry.output, HasSubstr("index.js"));
  expect_nothing_live();
  expect_refused(control_.deploy("hello", "export default {", {"--dry-run"}), 9, "index.js:1");
}

TEST_F(PopctlTest, SyntaxErrorIsRefusedWithItsPlace) {
  expect_refused(control_.deploy("bad", "\n\n  const = 1;\nexport default {};"), 9, "index.js:3:");
  expect_nothing_live();
}

TEST_F(PopctlTest, ExceptionInTheTopLevelIsRefusedWithItsPlace) {
  const auto outcome =
      control_.deploy("bad", "const a = 1;\nthrow new Error('boom');\nexport default {};");
  expect_refused(outcome, 9, "boom");
  EXPECT_THAT(outcome.errors, HasSubstr("index.js:2"));
  expect_nothing_live();
}

TEST_F(PopctlTest, EndlessLoopInTheTopLevelIsRefusedAndOthersAreServedMeanwhile) {
  const auto begun = std::chrono::steady_clock::now();
  const auto outcome = control_.deploy("bad", "for (;;) {}\nexport default { fetch() {} };");
  EXPECT_EQ(outcome.status.code, 9) << outcome.describe();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(15));
  expect_nothing_live();
}

TEST_F(PopctlTest, MissingImportIsRefused) {
  expect_refused(control_.deploy("bad", "import x from './nowhere.js';\nexport default {};"), 9,
                 "nowhere.js");
}

TEST_F(PopctlTest, BadVersionLeavesTheLiveOneAlone) {
  EXPECT_TRUE(control_.deploy("hello", kCode).success());
  EXPECT_EQ(control_.deploy("hello", "export default {").status.code, 9);
  const json list = json::parse(control_.popctl({"list", "-o", "json"}).output);
  EXPECT_EQ(list[0]["number"], 1);
}

TEST_F(PopctlTest, RouteOfAnotherWorkerIsAConflict) {
  EXPECT_TRUE(control_.deploy("one", kCode, {"--route", "shop.example/*"}).success());
  expect_refused(control_.deploy("two", kCode, {"--route", "SHOP.example/*"}), 4,
                 "belongs to worker one");
}

TEST_F(PopctlTest, NamesAndRoutesFromHellAreUsageErrors) {
  const std::filesystem::path file = control_.write("ok.js", kCode);
  for (const std::string& name :
       {std::string("a/b"), std::string(".."), std::string("Hello"),
        std::string("\xf0\x9f\x98\x80"), std::string(10'000, 'x'), std::string("a\nb")}) {
    expect_refused(control_.popctl({"deploy", file.string(), "--name", name}), 2, "worker name");
  }
  expect_refused(control_.deploy("ok", kCode, {"--route", "no-path.example"}), 2, "host/*");
  expect_refused(control_.deploy("ok", kCode, {"--var", "novalue"}), 2, "NAME=VALUE");
  expect_refused(control_.deploy("ok", kCode, {"--isolation", "total"}), 2, "pristine");
  expect_nothing_live();
}

TEST_F(PopctlTest, FoldersThatHoldNoWorkerAreRefused) {
  std::filesystem::create_directories(control_.folder() / "empty");
  expect_refused(control_.popctl({"deploy", (control_.folder() / "empty").string()}), 9,
                 "holds no module");
  expect_refused(control_.popctl({"deploy", (control_.folder() / "none").string()}), 2, "No such");
  const auto big = control_.write("big/index.js", kCode).parent_path();
  for (int i = 0; i < 10; ++i) {
    const std::string name = "big/part" + std::to_string(i) + ".bin";
    static_cast<void>(control_.write(name, ""));
    std::filesystem::resize_file(control_.folder() / name, 10 << 20);
  }
  expect_refused(control_.popctl({"deploy", big.string()}), 9, "more than 10 MiB");
}

TEST_F(PopctlTest, FolderSaysHowItsWorkerIsRunAndFlagsBeatIt) {
  const auto folder = control_.write("shop/app.js", kCode).parent_path().string();
  static_cast<void>(control_.write("shop/worker.yaml",
                                   "name: market\n"
                                   "main: app.js\n"
                                   "isolation: warm\n"
                                   "routes: [market.example/*]\n"
                                   "vars: {A: one, B: two}\n"
                                   "limits: {cpu: 20 ms, memory: 256 MiB}\n"));
  const auto plain = control_.popctl({"deploy", folder});
  ASSERT_TRUE(plain.success()) << plain.describe();
  const auto changed = control_.popctl({"deploy", folder, "--limit", "cpu=30ms", "--limit",
                                        "subrequests=3", "--isolation", "fresh", "--var", "B=3"});
  ASSERT_TRUE(changed.success()) << changed.describe();
  const json versions =
      json::parse(control_.popctl({"versions", "list", "market", "-o", "json"}).output);
  ASSERT_EQ(versions.size(), 2U);
  for (const json& version : versions) {
    const bool first = version["number"] == 1;
    EXPECT_EQ(version["routes"], json::array({"market.example/*"}));
    EXPECT_EQ(version["isolation"], first ? "warm" : "fresh");
    EXPECT_EQ(version["variables"], json::array({"A", "B"}));
    EXPECT_EQ(version["limits"],
              json::parse(first ? R"({"cpu_ms": 20, "memory_mib": 256})"
                                : R"({"cpu_ms": 30, "memory_mib": 256, "subrequests": 3})"));
  }
}

TEST_F(PopctlTest, MistakesInLimitsAreRefusedWithTheirPlace) {
  const auto folder = control_.write("shop/index.js", kCode).parent_path().string();
  static_cast<void>(control_.write("shop/worker.yaml", "limits:\n  cpu: 20\n"));
  expect_refused(control_.popctl({"deploy", folder}), 9, "worker.yaml:2: limits.cpu: ");
  static_cast<void>(control_.write("shop/worker.yaml", ""));
  expect_refused(control_.popctl({"deploy", folder, "--limit", "cpu"}), 2, "NAME=VALUE");
  expect_refused(control_.popctl({"deploy", folder, "--limit", "cpu=1h"}), 2, "between 1 ms and");
  expect_refused(control_.popctl({"deploy", folder, "--limit", "cup=1s"}), 2, "did you mean 'cpu'");
  expect_nothing_live();
}

TEST_F(PopctlTest, CodeBeyondItsScriptLimitIsRefused) {
  const auto folder = control_.write("big/index.js", kCode).parent_path().string();
  static_cast<void>(control_.write("big/more.bin", std::string(2'000, 'x')));
  expect_refused(control_.popctl({"deploy", folder, "--limit", "script=2000 B"}), 9,
                 "limit script");
  EXPECT_TRUE(control_.popctl({"deploy", folder, "--limit", "script=3 kB"}).success());
}

TEST_F(PopctlTest, ExampleWorkersAreValid) {
  for (const char* name : {"hello", "echo", "gateway", "router-app", "wasm-add"}) {
    const auto outcome = control_.popctl(
        {"deploy", std::string(ISOPOP_SOURCE_DIR) + "/workers/" + name, "--dry-run"});
    EXPECT_TRUE(outcome.success()) << outcome.describe();
  }
}

TEST_F(PopctlTest, PopsAsJsonHaveTheirShape) {
  FakePop pop(control_.endpoint(), {.id = "AMS"});
  ASSERT_TRUE(wait_until([&pop] { return pop.welcomed_with().has_value(); }));
  EXPECT_TRUE(control_.deploy("hello", kCode, {"--wait"}).success());
  const json pops = json::parse(control_.popctl({"pops", "-o", "json"}).output);
  ASSERT_EQ(pops.size(), 1U);
  EXPECT_EQ(pops[0]["id"], "AMS");
  EXPECT_EQ(pops[0]["city"], "Amsterdam");
  EXPECT_EQ(pops[0]["country"], "NL");
  EXPECT_DOUBLE_EQ(pops[0]["lat"].get<double>(), 52.3);
  EXPECT_DOUBLE_EQ(pops[0]["lon"].get<double>(), 4.76);
  EXPECT_EQ(pops[0]["http_address"], "127.0.0.1:8080");
  EXPECT_EQ(pops[0]["state"], "ready");
  EXPECT_EQ(pops[0]["workers"], json::parse(R"([{"name": "hello", "version": 1}])"));
}

TEST_F(PopctlTest, TellsWhatConfinesExecutors) {
  v1::SandboxReport report;
  report.add_measures()->set_name("seccomp");
  report.mutable_measures(0)->set_active(true);
  report.add_measures()->set_name("user-namespace");
  report.mutable_measures(1)->set_detail("not permitted");
  const FakePop pop(control_.endpoint(), {.id = "AMS", .sandbox = report});
  json pops;
  ASSERT_TRUE(wait_until([&] {
    pops = json::parse(control_.popctl({"pops", "-o", "json"}).output);
    return pops.size() == 1 && !pops[0]["sandbox"].empty();
  }));
  EXPECT_EQ(pops[0]["sandbox"], json::parse(R"([{"name": "seccomp", "active": true, "detail": ""},
              {"name": "user-namespace", "active": false, "detail": "not permitted"}])"));
  const json status = json::parse(control_.popctl({"status", "-o", "json"}).output);
  EXPECT_EQ(status["sandbox"], json::parse(R"([
      {"name": "seccomp", "pops_active": 1, "pops_missing": 0, "reasons": []},
      {"name": "user-namespace", "pops_active": 0, "pops_missing": 1,
       "reasons": ["not permitted"]}])"));
}

TEST_F(PopctlTest, StatusSaysWhatThereIs) {
  const json status = json::parse(control_.popctl({"status", "-o", "json"}).output);
  EXPECT_EQ(status["endpoint"], control_.endpoint());
  EXPECT_EQ(status["pops"]["ready"], 0);
}

TEST_F(PopctlTest, InvokeOfAnUnknownWorkerIsNotFound) {
  EXPECT_TRUE(control_.deploy("hello", kCode).success());
  expect_refused(control_.popctl({"invoke", "helo"}), 3, "did you mean hello?");
  expect_refused(control_.popctl({"invoke", "hello"}), 1, "no router");
  expect_refused(control_.popctl({"invoke", "hello", "--path", "no-slash"}), 2, "must begin with");
}

TEST_F(PopctlTest, UsageErrorsExitWithTwo) {
  EXPECT_EQ(control_.popctl({"-o", "xml", "list"}).status.code, 2);
  EXPECT_EQ(control_.popctl({"conquer"}).status.code, 2);
  EXPECT_EQ(control_.popctl({}).status.code, 2);
  EXPECT_EQ(control_.deploy("a", kCode, {"--timeout", "soon"}).status.code, 2);
}

TEST_F(PopctlTest, EndpointComesFromFlagThenStateThenEnvironment) {
  const auto run = [](const std::vector<std::string>& arguments, const std::string& environment) {
    return isopop::test::run_command(isopop::test::program_path("popctl"), arguments,
                                     {.environment = {environment}});
  };
  const std::string good = "POPCTL_ENDPOINT=" + control_.endpoint();
  const std::string bad = "POPCTL_ENDPOINT=nonsense";
  EXPECT_TRUE(run({"list"}, good).success());
  EXPECT_TRUE(run({"list", "--endpoint", control_.endpoint()}, bad).success());
  EXPECT_TRUE(run({"list", "--state", control_.state().string()}, bad).success());
  EXPECT_EQ(run({"list"}, bad).status.code, 2);
}

}  // namespace
}  // namespace isopop::control::test
