#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "common/config/config_node.h"
#include "tests/integration/control_plane/control_process.h"
#include "tests/integration/control_plane/fake_pop.h"
#include "tests/support/wait.h"

namespace isopop::control::test {
namespace {

using isopop::test::CommandOptions;
using isopop::test::CommandOutcome;
using isopop::test::program_path;
using isopop::test::run_command;
using isopop::test::wait_until;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

std::string code(const std::string& says) {
  return "export default { fetch() { return new Response('" + says + "'); } };\n";
}

// Each command of popctl against a real control plane, as a script would use it.
class PopctlCommandsTest : public ::testing::Test {
 protected:
  void SetUp() override { control_.start(); }

  CommandOutcome run(const std::vector<std::string>& arguments) const {
    CommandOutcome outcome = control_.popctl(arguments);
    EXPECT_TRUE(outcome.success()) << outcome.describe();
    return outcome;
  }
  json run_json(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"-o", "json"});
    return json::parse(run(arguments).output, nullptr, false);
  }
  void deploy(const std::string& name, const std::string& says,
              const std::vector<std::string>& more = {}) const {
    const CommandOutcome outcome = control_.deploy(name, code(says), more);
    EXPECT_TRUE(outcome.success()) << outcome.describe();
  }
  void expect_refused(const std::vector<std::string>& arguments, int status,
                      const std::string& words) const {
    const CommandOutcome outcome = control_.popctl(arguments);
    EXPECT_EQ(outcome.status.code, status) << outcome.describe();
    EXPECT_THAT(outcome.errors, HasSubstr(words));
  }
  std::string path(const std::string& name) const { return (control_.folder() / name).string(); }

  ControlProcess control_;
};

TEST_F(PopctlCommandsTest, UploadedVersionIsKeptAndNotLive) {
  const auto file = control_.write("shop/index.js", code("one")).parent_path().string();
  const json uploaded = run_json(
      {"versions", "upload", file, "--tag", "v1.0", "-m", "first", "--var", "A=secretive"});
  EXPECT_EQ(uploaded["number"], 1);
  EXPECT_TRUE(run_json({"list"})[0]["number"].is_null());
  EXPECT_THAT(run({"list"}).output, HasSubstr("not live"));
  EXPECT_THAT(run({"versions", "list", "shop"}).output, HasSubstr("v1.0"));
  const std::string view = run({"versions", "view", "shop", "V1"}).output;
  EXPECT_THAT(view, HasSubstr("signed     yes, Ed25519"));
  EXPECT_THAT(view, HasSubstr("variables  A\n"));
  EXPECT_THAT(view, Not(HasSubstr("secretive")));
  run({"versions", "deploy", "shop", "v1", "--wait"});
  EXPECT_EQ(run_json({"list"})[0]["number"], 1);
}

TEST_F(PopctlCommandsTest, DownloadedVersionDeploysAsItself) {
  const auto folder = control_.write("shop/src/app.js", code("one")).parent_path().parent_path();
  static_cast<void>(control_.write("shop/notes.txt", "text"));
  static_cast<void>(control_.write("shop/worker.yaml",
                                   "main: src/app.js\nroutes: [shop.example/*]\n"
                                   "vars: {A: 'yes', B: {json: '[1]'}}\nlimits: {cpu: 20 ms}\n"));
  run({"deploy", folder.string()});
  run({"versions", "download", "shop", "--out", path("out")});
  EXPECT_EQ(read_file(path("out/src/app.js")).value(), code("one"));
  const CommandOutcome again = run({"deploy", path("out")});
  EXPECT_THAT(again.output, HasSubstr("shop v1 unchanged"));
  expect_refused({"versions", "download", "shop", "v1", "--out", path("out")}, 4, "not empty");
  expect_refused({"versions", "download", "shop", "v7", "--out", path("new")}, 3, "v7");
  EXPECT_FALSE(std::filesystem::exists(path("new")));
}

TEST_F(PopctlCommandsTest, DiffShowsCodeAndSettings) {
  deploy("shop", "one", {"--var", "A=1"});
  deploy("shop", "two", {"--var", "A=2"});
  const std::string diff = run({"versions", "diff", "shop", "v1"}).output;
  EXPECT_THAT(diff, HasSubstr("--- v1/index.js\n+++ v2/index.js\n@@ -1 +1 @@\n-" + code("one")));
  EXPECT_THAT(diff, HasSubstr("-  A: \"1\"\n+  A: \"2\"\n"));
  EXPECT_THAT(run({"versions", "diff", "shop", "1", "2", "--names-only"}).output,
              HasSubstr("changed  index.js\n"));
  EXPECT_EQ(run_json({"versions", "diff", "shop", "v1", "v2"})["files"].size(), 2U);
  const CommandOutcome same = run({"versions", "diff", "shop", "v2"});
  EXPECT_THAT(same.output, IsEmpty());
  EXPECT_THAT(same.errors, HasSubstr("no difference"));
}

TEST_F(PopctlCommandsTest, OnlyVersionsThatNothingNeedsCanBeDeleted) {
  deploy("shop", "one");
  deploy("shop", "two");
  expect_refused({"versions", "delete", "shop", "v2"}, 4, "v2");
  run({"versions", "delete", "shop", "v1"});
  EXPECT_EQ(run_json({"versions", "list", "shop"}).size(), 1U);
  expect_refused({"versions", "view", "shop", "v1"}, 3, "v1");
  expect_refused({"versions", "view", "shop", "first"}, 2, "as v3 or 3");
}

TEST_F(PopctlCommandsTest, VersionsShareRequests) {
  deploy("shop", "one");
  deploy("shop", "two");
  const json made = run_json({"versions", "deploy", "shop", "V1@90", "V2@10", "--sticky",
                              "header:X-User", "-m", "a tenth"});
  EXPECT_EQ(made["number"], 3);
  EXPECT_EQ(made["sticky"], "header:x-user");
  EXPECT_EQ(made["versions"], json::parse(R"([{"version": 1, "percent": 90.0},
                                              {"version": 2, "percent": 10.0}])"));
  EXPECT_THAT(run({"deployments", "list", "shop"}).output, HasSubstr("v1@90% v2@10%"));
  EXPECT_EQ(run_json({"deployments", "list", "shop"}).size(), 3U);
  const json status = run_json({"deployments", "status", "shop"});
  ASSERT_EQ(status.size(), 1U);
  EXPECT_EQ(status[0]["number"], 3);
  EXPECT_THAT(run({"deployments", "view", "shop", "3"}).output, HasSubstr("a tenth"));
  expect_refused({"versions", "deploy", "shop", "v1@50", "v2@20"}, 2, "must make 100 %");
  expect_refused({"versions", "deploy", "shop", "v9"}, 3, "v9");
  expect_refused({"versions", "deploy", "shpo", "v1"}, 3, "did you mean shop?");
}

TEST_F(PopctlCommandsTest, RollbackGoesBackAndSaysWhy) {
  deploy("shop", "one");
  deploy("shop", "two");
  expect_refused({"rollback", "shop"}, 2, "--message");
  EXPECT_THAT(run({"rollback", "shop", "-m", "broken", "--dry-run"}).output,
              HasSubstr("shop v1 would be deployed"));
  EXPECT_EQ(run_json({"list"})[0]["number"], 2);
  EXPECT_THAT(run({"rollback", "shop", "-m", "broken", "--wait"}).output,
              HasSubstr("shop v1 live at 0/0 PoPs"));
  EXPECT_EQ(run_json({"list"})[0]["number"], 1);
  EXPECT_THAT(run({"deployments", "list", "shop"}).output, HasSubstr("broken"));
  run({"rollback", "shop", "v2", "-m", "it was not"});
  EXPECT_EQ(run_json({"list"})[0]["number"], 2);
}

TEST_F(PopctlCommandsTest, WhoeverKnowsAnOldDeploymentIsRefused) {
  deploy("shop", "one");
  deploy("shop", "two");
  expect_refused({"versions", "deploy", "shop", "v1", "--if-deployment", "1"}, 4, "");
  run({"versions", "deploy", "shop", "v1", "--if-deployment", "2"});
}

TEST_F(PopctlCommandsTest, WavesRollOutAndAreShown) {
  const FakePop ams(control_.endpoint(), {.id = "AMS"});
  const FakePop fra(control_.endpoint(), {.id = "FRA"});
  ASSERT_TRUE(wait_until(
      [&] { return ams.welcomed_with().has_value() && fra.welcomed_with().has_value(); }));
  deploy("shop", "one", {"--wait"});
  const auto outcome = control_.deploy(
      "shop", code("two"), {"--waves", "canary=AMS;all", "--bake", "50ms", "--wait", "-o", "json"});
  ASSERT_TRUE(outcome.success()) << outcome.describe();
  EXPECT_EQ(json::parse(outcome.output)["deployment"]["state"], "live");
  const json status = run_json({"rollout", "status", "shop"});
  ASSERT_EQ(status["waves"].size(), 2U);
  EXPECT_EQ(status["waves"][0]["name"], "canary");
  EXPECT_EQ(status["done"], true);
  EXPECT_THAT(run({"rollout", "status", "shop", "--watch"}).output, HasSubstr("canary"));
  EXPECT_EQ(fra.versions().at("shop"), 2U);
  const json convergence = run_json({"convergence", "shop"});
  EXPECT_EQ(convergence["ack_ms"]["count"], 2);
  EXPECT_THAT(run({"convergence", "shop"}).output, HasSubstr("2 acknowledged"));
  expect_refused({"rollout", "pause", "shop"}, 4, "");
}

TEST_F(PopctlCommandsTest, RejectedCanaryTakesItBack) {
  const FakePop ams(control_.endpoint(), {.id = "AMS", .rejects = {2}});
  const FakePop fra(control_.endpoint(), {.id = "FRA"});
  ASSERT_TRUE(wait_until(
      [&] { return ams.welcomed_with().has_value() && fra.welcomed_with().has_value(); }));
  deploy("shop", "one", {"--wait"});
  const auto outcome =
      control_.deploy("shop", code("two"),
                      {"--wave", "canary=AMS", "--abort-on", "nack", "--bake", "50ms", "--wait"});
  EXPECT_EQ(outcome.status.code, 10) << outcome.describe();
  EXPECT_THAT(outcome.errors, HasSubstr("was taken back"));
  EXPECT_EQ(fra.versions().at("shop"), 1U);
  EXPECT_EQ(run_json({"deployments", "view", "shop"})["state"], "aborted");
  EXPECT_EQ(control_.popctl({"rollout", "status", "shop", "-w"}).status.code, 10);
  EXPECT_THAT(run({"convergence", "shop"}).output, HasSubstr("rejected:"));
}

TEST_F(PopctlCommandsTest, PausedRolloutGoesOnOrIsAborted) {
  const FakePop ams(control_.endpoint(), {.id = "AMS"});
  ASSERT_TRUE(wait_until([&] { return ams.welcomed_with().has_value(); }));
  deploy("shop", "one", {"--wait"});
  deploy("shop", "two", {"--wave", "canary=AMS", "--bake", "1h"});
  EXPECT_EQ(run_json({"rollout", "pause", "shop", "-m", "lunch"})["deployment"]["state"], "paused");
  EXPECT_EQ(run_json({"rollout", "resume", "shop"})["deployment"]["state"], "rolling-out");
  EXPECT_EQ(run_json({"rollout", "abort", "shop", "-m", "no"})["deployment"]["state"], "aborted");
  ASSERT_TRUE(wait_until([&] { return ams.versions().at("shop") == 1U; }));
}

TEST_F(PopctlCommandsTest, WaitKnowsHowManyAreEnough) {
  const FakePop ams(control_.endpoint(), {.id = "AMS"});
  const FakePop fra(control_.endpoint(), {.id = "FRA"});
  const FakePop mute(control_.endpoint(), {.id = "GRU", .answer = FakePop::Answer::kNothing});
  ASSERT_TRUE(wait_until([&] {
    return ams.welcomed_with().has_value() && fra.welcomed_with().has_value() &&
           mute.welcomed_with().has_value();
  }));
  deploy("shop", "one", {"--wait=quorum"});
  const auto all = control_.deploy("shop", code("two"), {"--wait", "--timeout", "300ms"});
  EXPECT_EQ(all.status.code, 7) << all.describe();
  EXPECT_THAT(all.errors, HasSubstr("live at 2 of 3 PoPs"));
  const auto more = control_.deploy("shop", code("three"),
                                    {"--wait=quorum", "--expected", "9", "--timeout", "300ms"});
  EXPECT_EQ(more.status.code, 7) << more.describe();
  const auto bad = control_.deploy("shop", code("four"), {"--wait=most"});
  EXPECT_EQ(bad.status.code, 2) << bad.describe();
}

TEST_F(PopctlCommandsTest, PopsAreDrainedAndFailedAndComeBack) {
  const FakePop ams(control_.endpoint(), {.id = "AMS"});
  ASSERT_TRUE(wait_until([&] { return ams.welcomed_with().has_value(); }));
  EXPECT_EQ(run_json({"pops", "drain", "AMS"})[0]["service"], "drained");
  EXPECT_THAT(run({"pops"}).output, HasSubstr("ready, drained"));
  EXPECT_EQ(run_json({"pops", "undrain", "AMS"})[0]["service"], "");
  EXPECT_EQ(run_json({"pops", "fail", "AMS"})[0]["service"], "failed");
  EXPECT_EQ(run_json({"pops", "restore", "AMS"})[0]["service"], "");
  EXPECT_EQ(run_json({"pops", "view", "AMS"})["city"], "Amsterdam");
  EXPECT_THAT(run({"pops", "list", "--no-headers"}).output, StartsWith("AMS  Amsterdam"));
  EXPECT_THAT(run({"pops", "-o", "wide"}).output, HasSubstr("REGION"));
  expect_refused({"pops", "view", "AMX"}, 3, "did you mean AMS?");
}

TEST_F(PopctlCommandsTest, EveryFormatCanBeRead) {
  deploy("shop", "one");
  const std::vector<std::vector<std::string>> commands = {
      {"list"},
      {"versions", "list", "shop"},
      {"versions", "view", "shop"},
      {"deployments", "list"},
      {"deployments", "view", "shop"},
      {"rollout", "status", "shop"},
      {"convergence", "shop"},
      {"pops"},
      {"status"},
      {"top", "-n", "1", "--interval", "500ms"}};
  for (std::vector<std::string> command : commands) {
    command.insert(command.end(), {"-o", ""});
    command.back() = "json";
    EXPECT_FALSE(json::parse(run(command).output, nullptr, false).is_discarded()) << command[0];
    command.back() = "yaml";
    std::string yaml = run(command).output;
    if (yaml.starts_with("---\n")) yaml.erase(0, 4);
    EXPECT_TRUE(ConfigNode::parse(yaml, command[0]).ok()) << yaml;
    command.back() = "ndjson";
    std::istringstream lines(run(command).output);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_TRUE(json::parse(line, nullptr, false).is_object()) << line;
    }
    command.back() = "wide";
    EXPECT_THAT(run(command).output, Not(IsEmpty()));
  }
}

TEST_F(PopctlCommandsTest, BackupIsRestored) {
  deploy("shop", "one");
  const json backup = run_json({"backup", path("control.backup")});
  EXPECT_EQ(backup["bytes"], std::filesystem::file_size(path("control.backup")));
  EXPECT_FALSE(std::filesystem::exists(path("control.backup.part")));
  run({"delete", "shop"});
  const CommandOutcome running = control_.popctl({"restore", path("control.backup")});
  EXPECT_NE(running.status.code, 0) << running.describe();
  EXPECT_TRUE(control_.stop(SIGTERM).success());
  const CommandOutcome restored = control_.popctl({"restore", path("control.backup")});
  EXPECT_TRUE(restored.success()) << restored.describe();
  control_.start();
  EXPECT_EQ(run_json({"list"})[0]["worker"], "shop");
  EXPECT_EQ(run_command(program_path("popctl"), {"restore", "x"}).status.code, 2);
}

TEST_F(PopctlCommandsTest, TailEndsWithTheCountOfWhatWasDropped) {
  deploy("shop", "one");
  auto tail = isopop::test::start_server(
      "popctl", {"--state", control_.state().string(), "tail", "shop"}, path("tail.log"));
  ASSERT_TRUE(tail.ok()) << tail.error().message;
  const auto said = [&] { return read_file(path("tail.log")).value(); };
  ASSERT_TRUE(wait_until([&] { return said().find("from 0 PoPs") != std::string::npos; }))
      << said();
  tail.value().send_signal(SIGINT);
  const auto status = tail.value().wait_exit(std::chrono::seconds(10));
  ASSERT_TRUE(status.has_value());
  EXPECT_EQ(status->code, 0);
  EXPECT_THAT(said(), HasSubstr("dropped: 0 at PoPs, 0 on the way"));
  expect_refused({"tail", "shop", "--status", "fine"}, 2, "404 or a class as 5xx");
}

TEST_F(PopctlCommandsTest, ContextsSayWhereTheControlPlaneIs) {
  const CommandOptions options = {.environment = {"POPCTL_CONFIG=" + path("contexts.yaml")}};
  const auto popctl = [&](const std::vector<std::string>& arguments) {
    return run_command(program_path("popctl"), arguments, options);
  };
  EXPECT_TRUE(popctl({"context", "set", "here", "--state", control_.state().string()}).success());
  EXPECT_TRUE(popctl({"context", "set", "gone", "--endpoint", "127.0.0.1:1"}).success());
  EXPECT_TRUE(popctl({"status"}).success());
  EXPECT_EQ(popctl({"status", "--context", "gone"}).status.code, 6);
  EXPECT_TRUE(popctl({"context", "use", "gone"}).success());
  EXPECT_EQ(popctl({"status"}).status.code, 6);
  EXPECT_TRUE(popctl({"status", "--endpoint", control_.endpoint()}).success());
  EXPECT_EQ(json::parse(popctl({"context", "list", "-o", "json"}).output).size(), 2U);
  EXPECT_THAT(popctl({"context", "show"}).output, HasSubstr("127.0.0.1:1"));
  EXPECT_EQ(popctl({"context", "use", "her"}).status.code, 3);
  EXPECT_TRUE(popctl({"context", "delete", "gone"}).success());
  EXPECT_EQ(popctl({"context", "show"}).status.code, 3);
}

TEST_F(PopctlCommandsTest, BashCompletesCommandsOptionsAndValues) {
  const std::string script =
      "source <(\"$0\" completion bash)\n"
      "t() { COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _popctl\n"
      "      echo \"$*: ${COMPREPLY[*]}\"; }\n"
      "t popctl ver\nt popctl versions do\nt popctl deploy --wai\nt popctl list -o y\n"
      "t popctl list --output = nd\nt popctl --state deploy rollout pau\n";
  const CommandOutcome outcome =
      run_command("/bin/bash", {"-euc", script, program_path("popctl").string()});
  EXPECT_EQ(outcome.output,
            "popctl ver: versions\n"
            "popctl versions do: download\n"
            "popctl deploy --wai: --wait\n"
            "popctl list -o y: yaml\n"
            "popctl list --output = nd: ndjson\n"
            "popctl --state deploy rollout pau: pause\n")
      << outcome.describe();
}

// zsh and fish read their scripts, where they are installed.
TEST_F(PopctlCommandsTest, OtherShellsUnderstandTheirCompletion) {
  for (const std::string shell : {"zsh", "fish"}) {
    const auto script = control_.write(shell + ".script", run({"completion", shell}).output);
    if (!std::filesystem::exists("/usr/bin/" + shell)) continue;
    const CommandOutcome outcome = run_command("/usr/bin/" + shell, {"-n", script.string()});
    EXPECT_TRUE(outcome.success()) << outcome.describe();
  }
}

TEST_F(PopctlCommandsTest, WranglerFoldersDeploy) {
  const auto folder = control_.write("site/src/index.js", code("one")).parent_path().parent_path();
  static_cast<void>(control_.write("site/wrangler.jsonc",
                                   "{ // of somebody else\n"
                                   "  \"name\": \"site\", \"main\": \"./src/index.js\",\n"
                                   "  \"vars\": {\"A\": \"1\"}, \"routes\": [\"site.example/*\"],\n"
                                   "  \"durable_objects\": {},\n}\n"));
  const CommandOutcome deployed = run({"deploy", folder.string()});
  EXPECT_THAT(deployed.output, HasSubstr("site v1"));
  EXPECT_THAT(deployed.errors, HasSubstr("wrangler.jsonc: line 4: 'durable_objects'"));
  EXPECT_THAT(run({"deploy", folder.string(), "--quiet"}).errors, IsEmpty());
  EXPECT_EQ(run_json({"list"})[0]["routes"], json::array({"site.example/*"}));
  static_cast<void>(control_.write("site/wrangler.jsonc", "{\"name\": \"site\""));
  expect_refused({"deploy", folder.string()}, 9, "wrangler.jsonc:1:1: this { has no }");
}

}  // namespace
}  // namespace isopop::control::test
