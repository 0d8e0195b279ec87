// `isopop up`, `status` and `down` with the real programs, as a person would type them.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/process/child.h"
#include "sim/launch/http_probe.h"
#include "sim/launch/process_table.h"
#include "tests/support/command.h"
#include "tests/support/wait.h"

namespace isopop::test {
namespace {

namespace fs = std::filesystem;
using sim::find_processes;
using sim::RunningProcess;
using testing::HasSubstr;
using namespace std::chrono_literals;

// A network in a folder of its own; whatever a test does, it is taken down at the end.
class UpDownTest : public testing::Test {
 protected:
  ~UpDownTest() override {
    for (const std::string& state : {state_, other_state_}) {
      const CommandOutcome down =
          run_command(program_path("isopop"), {"down", "--purge", "--state", state});
      EXPECT_TRUE(down.success()) << down.describe();
      EXPECT_EQ(running(state), 0U) << "left behind in " << state;
    }
  }

  CommandOutcome isopop(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--state", state_});
    CommandOptions options;
    options.timeout = 120s;
    return run_command(program_path("isopop"), arguments, options);
  }
  CommandOutcome up(std::vector<std::string> more = {}) const {
    std::vector<std::string> arguments = {"up", "--topology", "tiny",   "--pops",
                                          "3",  "--net",      "account"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return isopop(arguments);
  }
  nlohmann::json status() const {
    return nlohmann::json::parse(isopop({"status", "-o", "json"}).output);
  }
  static std::size_t running(const fs::path& state) { return find_processes(state).value().size(); }
  [[nodiscard]] std::size_t running() const { return running(state_); }

  // `isopop up` in the background, as a child to send signals to.
  Child start_up() const {
    ChildOptions options;
    options.program = program_path("isopop");
    options.arguments = {"up",    "--topology", "world",   "--pops", "40",
                         "--net", "account",    "--state", state_};
    Result<Child> child = Child::start(options);
    EXPECT_TRUE(child.ok()) << (child.ok() ? "" : child.error().message);
    return std::move(child).value();
  }

  // A folder with `isopop` and links to the other programs, to put something else in one's place.
  fs::path own_programs() const {
    const fs::path folder = temp_.path() / "bin";
    EXPECT_TRUE(create_folders(folder).ok());
    fs::copy_file(program_path("isopop"), folder / "isopop");
    for (const char* name : {"isopop-control", "isopop-router", "isopop-pop", "isopop-executor"}) {
      fs::create_symlink(program_path(name), folder / name);
    }
    return folder;
  }
  CommandOutcome up_from(const fs::path& programs, const std::string& timeout) const {
    CommandOptions options;
    options.environment = {"ISOPOP_CONFIGS=" + std::string(ISOPOP_SOURCE_DIR) + "/configs"};
    return run_command(
        programs / "isopop",
        {"up", "--topology", "tiny", "--pops", "2", "--timeout", timeout, "--state", state_},
        options);
  }
  static void write_script(const fs::path& path, const std::string& text) {
    fs::remove(path);
    ASSERT_TRUE(write_file_atomically(path, "#!/bin/sh\n" + text + "\n").ok());
    fs::permissions(path, fs::perms::owner_all);
  }

  TempFolder temp_ = TempFolder::create("isopop-up-test").value();
  std::string state_ = (temp_.path() / "state").string();
  std::string other_state_ = (temp_.path() / "state2").string();
};

TEST_F(UpDownTest, StartsEverythingAndStopsEverything) {
  const CommandOutcome started = up();
  ASSERT_TRUE(started.success()) << started.describe();
  EXPECT_THAT(started.output, HasSubstr("network 'tiny' is up: 3 PoPs ready"));

  const nlohmann::json ready = status();
  EXPECT_EQ(ready["state"], "ready") << ready.dump(2);
  EXPECT_EQ(ready["pops"]["ready"], 3);
  EXPECT_EQ(ready["isolation"], "pristine");
  EXPECT_EQ(ready["pops"]["processes"], 3);
  EXPECT_TRUE(ready["router"]["connected"].get<bool>());
  EXPECT_GT(ready["memory_bytes"]["per_pop_with_executors"].get<double>(), 1e6);
  const Result<unsigned> answer =
      sim::probe_http({.address = ready["router"]["address"], .path = "/__isopop/readyz"});
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer.value(), 200U);

  const CommandOutcome stopped = isopop({"down"});
  EXPECT_TRUE(stopped.success()) << stopped.describe();
  EXPECT_THAT(stopped.output, HasSubstr("stopped 8 processes"));  // each PoP has its zygote
  EXPECT_EQ(stopped.output.find("had to be killed"), std::string::npos) << stopped.describe();
  EXPECT_EQ(running(), 0U);
  EXPECT_FALSE(fs::exists(state_ + "/control.endpoint"));
  EXPECT_FALSE(fs::exists(state_ + "/router.endpoint"));
  EXPECT_TRUE(fs::exists(state_ + "/control.db"));
  EXPECT_TRUE(fs::exists(state_ + "/logs/control.log"));

  EXPECT_EQ(isopop({"status"}).status.code, 1);
  EXPECT_TRUE(isopop({"down", "--purge"}).success());
  EXPECT_FALSE(fs::exists(state_));
}

TEST_F(UpDownTest, StatusTellsWhatConfinesExecutors) {
  const CommandOutcome started = up();
  ASSERT_TRUE(started.success()) << started.describe();
  // With the first heartbeat.
  EXPECT_TRUE(wait_until([this] {
    const nlohmann::json sandbox = status()["sandbox"];
    return sandbox.size() == 3 && std::all_of(sandbox.begin(), sandbox.end(),
                                              [](const auto& pop) { return !pop.empty(); });
  })) << status().dump(2);
  const nlohmann::json told = status()["sandbox"];
  for (const nlohmann::json& measures : told) {
    // No kernel that Isopop runs on refuses this one.
    const nlohmann::json own_rights = {
        {"name", "no-new-privileges"}, {"active", true}, {"detail", ""}};
    EXPECT_THAT(measures, testing::Contains(own_rights));
  }
  const CommandOutcome table = isopop({"status"});
  EXPECT_THAT(table.output, HasSubstr("\nisolation      pristine, of workers that do not say\n"));
  EXPECT_THAT(table.output, HasSubstr("\nsandbox        no-new-privileges"));
  EXPECT_THAT(table.output, HasSubstr("(all 3 PoPs)"));
  EXPECT_EQ(status()["executors"], 0);
}

TEST_F(UpDownTest, IsContentWhenTheSameNetworkRunsAndRefusesAnother) {
  ASSERT_TRUE(up().success());
  const std::vector<RunningProcess> before = find_processes(state_).value();

  const CommandOutcome again = up();
  EXPECT_TRUE(again.success()) << again.describe();
  EXPECT_THAT(again.output, HasSubstr("already running"));
  const CommandOutcome other = up({"--seed", "99"});
  EXPECT_EQ(other.status.code, 1);
  EXPECT_THAT(other.errors, HasSubstr("isopop down"));

  for (const RunningProcess& process : before) EXPECT_TRUE(process.is_running()) << process.name;
  EXPECT_EQ(running(), before.size());
}

TEST_F(UpDownTest, TwoNetworksRunSideBySide) {
  ASSERT_TRUE(up().success());
  const CommandOutcome second = run_command(
      program_path("isopop"), {"up", "--topology", "tiny", "--pops", "2", "--state", other_state_});
  ASSERT_TRUE(second.success()) << second.describe();
  EXPECT_TRUE(run_command(program_path("isopop"), {"down", "--state", other_state_}).success());
  EXPECT_EQ(running(other_state_), 0U);
  EXPECT_EQ(status()["state"], "ready");
}

TEST_F(UpDownTest, NoticesAPopThatDied) {
  ASSERT_TRUE(up().success());
  const std::vector<RunningProcess> processes = find_processes(state_).value();
  for (const RunningProcess& process : processes) {
    if (process.name == "GRU") {
      ASSERT_TRUE(process.send_signal(SIGKILL).ok());
    }
  }
  EXPECT_TRUE(wait_until([this] { return status()["pops"]["down"] == 1; }));
  const nlohmann::json degraded = status();
  EXPECT_EQ(degraded["state"], "degraded");
  EXPECT_EQ(degraded["pops"]["not_ready"], nlohmann::json::array({"GRU"}));
  EXPECT_EQ(isopop({"status"}).status.code, 1);
  EXPECT_THAT(up().errors, HasSubstr("not all of it is well"));
}

TEST_F(UpDownTest, ClearsUpAfterCtrlC) {
  Child launcher = start_up();
  ASSERT_TRUE(wait_until([this] { return running() >= 6; }, 60s));
  launcher.send_signal(SIGINT);
  const std::optional<ExitStatus> ended = launcher.wait_exit(60s);
  ASSERT_TRUE(ended.has_value());
  EXPECT_EQ(ended->code, 130) << ended->describe();
  EXPECT_EQ(running(), 0U);
  EXPECT_FALSE(fs::exists(state_ + "/control.endpoint"));
}

TEST_F(UpDownTest, DownClearsUpAfterTheLauncherWasKilled) {
  Child launcher = start_up();
  ASSERT_TRUE(wait_until([this] { return running() >= 6; }, 60s));
  EXPECT_THAT(isopop({"down"}).errors, HasSubstr("another `isopop up`"));
  launcher.kill_and_reap();
  EXPECT_GE(running(), 6U);
  EXPECT_EQ(status()["state"], "starting");
  const CommandOutcome down = isopop({"down"});
  EXPECT_TRUE(down.success()) << down.describe();
  EXPECT_EQ(running(), 0U);
}

TEST_F(UpDownTest, TheNextUpClearsUpAfterTheLauncherWasKilled) {
  Child launcher = start_up();
  ASSERT_TRUE(wait_until([this] { return running() >= 6; }, 60s));
  launcher.kill_and_reap();
  const CommandOutcome second = up();
  ASSERT_TRUE(second.success()) << second.describe();
  EXPECT_EQ(running(), 8U);
  EXPECT_EQ(status()["state"], "ready");
}

TEST_F(UpDownTest, StartsNothingWhenTheTopologyIsWrong) {
  const fs::path file = temp_.path() / "bad.yaml";
  ASSERT_TRUE(write_file_atomically(
                  file, "name: bad\npops:\n  - {id: AMS, city: A, country: NL, lat: 95, lon: 4}\n")
                  .ok());
  const CommandOutcome outcome = isopop({"up", "--topology", file.string()});
  EXPECT_EQ(outcome.status.code, 4);
  EXPECT_THAT(outcome.errors, HasSubstr("bad.yaml:3: pops[0].lat: 95 is out of range"));
  EXPECT_FALSE(fs::exists(state_));
  EXPECT_EQ(isopop({"up", "--topology", "atlantis"}).status.code, 4);
  EXPECT_EQ(isopop({"up", "--topology", "tiny", "--pops", "7"}).status.code, 2);
  EXPECT_EQ(isopop({"up", "--bogus"}).status.code, 2);
}

TEST_F(UpDownTest, SaysWhyAProgramEndedAndStopsTheRest) {
  const fs::path programs = own_programs();
  write_script(programs / "isopop-pop", "echo 'the disk is on fire' >&2; exit 3");
  const CommandOutcome outcome = up_from(programs, "30 s");
  EXPECT_EQ(outcome.status.code, 1) << outcome.describe();
  EXPECT_THAT(outcome.errors, HasSubstr("PoP AMS ended while starting, with exit code 3"));
  EXPECT_THAT(outcome.errors, HasSubstr("the disk is on fire"));
  EXPECT_EQ(running(), 0U);
}

TEST_F(UpDownTest, SaysWhichPopsAreNotReadyAtTheDeadlineAndStopsTheRest) {
  const fs::path programs = own_programs();
  fs::remove(programs / "isopop-pop");
  fs::copy_file(ISOPOP_IDLE_PROGRAM, programs / "isopop-pop");
  const CommandOutcome outcome = up_from(programs, "2 s");
  EXPECT_EQ(outcome.status.code, 1) << outcome.describe();
  EXPECT_THAT(outcome.errors, HasSubstr("after 2 s 2 of 2 PoPs are not ready: AMS, GRU"));
  EXPECT_EQ(running(), 0U);
}

TEST_F(UpDownTest, SaysWhichProgramIsMissing) {
  const fs::path programs = own_programs();
  fs::remove(programs / "isopop-router");
  const CommandOutcome outcome = up_from(programs, "2 s");
  EXPECT_EQ(outcome.status.code, 1);
  EXPECT_THAT(outcome.errors, HasSubstr("isopop-router is missing"));
}

}  // namespace
}  // namespace isopop::test
