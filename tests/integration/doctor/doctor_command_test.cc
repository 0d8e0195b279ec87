// `isopop doctor` as a person would type it, on the machine that the test runs on.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/process/command.h"
#include "sim/doctor/doctor.h"
#include "tests/support/command.h"

namespace isopop::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

class DoctorCommand : public testing::Test {
 protected:
  void SetUp() override {
    Result<TempFolder> folder = TempFolder::create("doctor");
    ASSERT_TRUE(folder.ok()) << folder.error().message;
    folder_.emplace(std::move(folder).value());
  }

  [[nodiscard]] const fs::path& folder() const { return folder_->path(); }

  // `environment` overrules this process's own.
  [[nodiscard]] CommandOutput doctor(std::vector<std::string> arguments,
                                     std::vector<std::string> environment = {}) const {
    arguments.insert(arguments.begin(), "doctor");
    arguments.insert(arguments.end(), {"--state", (folder() / "state").string()});
    Result<CommandOutput> output = isopop::run_command({.program = program_path("isopop").string(),
                                                        .arguments = std::move(arguments),
                                                        .environment = std::move(environment)},
                                                       std::chrono::seconds(50));
    if (output.ok()) return std::move(output).value();
    ADD_FAILURE() << output.error().message;
    return {};
  }

  // A program of that name alone on the PATH.
  [[nodiscard]] std::string path_with(const std::string& name, const std::string& script) const {
    const fs::path bin = folder() / "bin";
    EXPECT_TRUE(create_folders(bin).ok());
    EXPECT_TRUE(write_file_atomically(bin / name, "#!/bin/sh\n" + script + "\n").ok());
    fs::permissions(bin / name, fs::perms::owner_all);
    return "PATH=" + bin.string();
  }

 private:
  std::optional<TempFolder> folder_;
};

json parsed(const CommandOutput& output) {
  json value = json::parse(output.output, nullptr, false);
  EXPECT_FALSE(value.is_discarded()) << output.output << output.errors;
  return value;
}

json finding_named(const json& report, const std::string& name) {
  for (const json& finding : report["findings"]) {
    if (finding["name"] == name) return finding;
  }
  ADD_FAILURE() << "no finding " << name << " in " << report.dump(2);
  return json::object();
}

void expect_sound_report(const CommandOutput& output) {
  const json report = parsed(output);
  EXPECT_TRUE(output.errors.empty()) << output.errors;
  const bool has_problem =
      std::any_of(report["findings"].begin(), report["findings"].end(),
                  [](const json& finding) { return finding["verdict"] == "problem"; });
  EXPECT_EQ(report["verdict"], has_problem ? "problem" : "ok");
  EXPECT_EQ(output.status.code, has_problem ? 1 : 0);
  for (const json& finding : report["findings"]) {
    for (const char* key : {"name", "verdict", "found", "needed", "why", "fix"}) {
      EXPECT_TRUE(finding[key].is_string()) << finding.dump();
    }
    EXPECT_TRUE(finding["blocks_start"].is_boolean()) << finding.dump();
    EXPECT_NE(finding["found"], "");
  }
}

TEST_F(DoctorCommand, LooksAtThisMachineForProcesses) {
  const CommandOutput output = doctor({"--pops", "1", "-o", "json"});
  expect_sound_report(output);
  const json report = parsed(output);
  EXPECT_EQ(report["engine"], "processes");
  EXPECT_EQ(report["pops"], 1);
  EXPECT_EQ(report["containers"], 0);
  // What every Linux tells.
  for (const char* name : {"memory", "tasks", "open-files", "system-files", "state-disk",
                           "loopback", "pagemap-scan", "user-namespaces", "landlock", "seccomp"}) {
    EXPECT_NE(finding_named(report, name)["verdict"], "unknown") << name;
  }
  EXPECT_FALSE(fs::exists(folder() / "state")) << "it must leave nothing behind";
}

TEST_F(DoctorCommand, PrintsATableForPeople) {
  const CommandOutput output = doctor({"--topology", "tiny"});
  EXPECT_THAT(output.output, StartsWith("6 PoPs as processes of this machine\n\n"));
  EXPECT_THAT(output.output, HasSubstr("  memory "));
}

TEST_F(DoctorCommand, FindsThatTheBridgeIsTooSmall) {
  // Whatever the machine has.
  const CommandOutput output =
      doctor({"--engine", "compose", "--pops", "2000", "-o", "json"}, {path_with("none", "")});
  expect_sound_report(output);
  EXPECT_EQ(output.status.code, 1);
  EXPECT_EQ(finding_named(parsed(output), "bridge-ports")["verdict"], "problem");
}

TEST_F(DoctorCommand, TellsThatDockerIsNotInstalled) {
  const json report =
      parsed(doctor({"--engine", "compose", "--pops", "1", "-o", "json"}, {path_with("none", "")}));
  const json docker = finding_named(report, "docker");
  EXPECT_EQ(docker["verdict"], "problem");
  EXPECT_EQ(docker["found"], "not installed");
  EXPECT_EQ(docker["blocks_start"], true);
}

TEST_F(DoctorCommand, GivesUpOnADaemonThatHangs) {
  const CommandOutput output = doctor({"--engine", "compose", "--pops", "1", "-o", "json"},
                                      {path_with("docker", "exec /bin/sleep 600")});
  expect_sound_report(output);
  EXPECT_EQ(finding_named(parsed(output), "docker")["found"], "no answer within 5 s");
}

TEST_F(DoctorCommand, StandsAnAnswerThatIsGarbage) {
  const CommandOutput output = doctor({"--engine", "compose", "--pops", "1", "-o", "json"},
                                      {path_with("docker", "printf '\\377{[\\n'")});
  expect_sound_report(output);
  EXPECT_EQ(finding_named(parsed(output), "docker")["verdict"], "problem");
}

TEST_F(DoctorCommand, TellsThatTheDaemonDoesNotRun) {
  if (!find_program("docker").ok()) GTEST_SKIP() << "no docker on this machine";
  const CommandOutput output =
      doctor({"--engine", "compose", "--pops", "1", "-o", "json"},
             {"DOCKER_HOST=unix://" + (folder() / "nobody.sock").string()});
  expect_sound_report(output);
  EXPECT_EQ(output.status.code, 1);
  const json docker = finding_named(parsed(output), "docker");
  EXPECT_EQ(docker["found"], "installed, not running");
  EXPECT_EQ(docker["fix"], "unset DOCKER_HOST");
  EXPECT_THAT(docker["why"].get<std::string>(), HasSubstr("nobody.sock"));
}

TEST_F(DoctorCommand, AsksTheEngineThatRunsHere) {
  const Result<CommandOutput> version = isopop::run_command(
      {.program = "docker", .arguments = {"version"}}, std::chrono::seconds(10));
  if (!version.ok() || !version.value().status.success()) GTEST_SKIP() << "no engine runs here";
  const CommandOutput output = doctor({"--engine", "compose", "--pops", "1", "--image",
                                       "isopop-nobody-made-this:none", "-o", "json"});
  expect_sound_report(output);
  const json report = parsed(output);
  EXPECT_EQ(report["containers"], 3);
  EXPECT_EQ(finding_named(report, "docker")["verdict"], "ok");
  for (const char* name : {"docker-version", "docker-host", "compose", "cgroup", "subnet", "port",
                           "container-sandbox"}) {
    EXPECT_NE(finding_named(report, name)["verdict"], "unknown") << name;
  }
  const json image = finding_named(report, "image");
  EXPECT_EQ(image["verdict"], "problem");
  EXPECT_EQ(image["fix"], "docker pull isopop-nobody-made-this:none");
}

TEST_F(DoctorCommand, SeesThatAPortIsTaken) {
  const UniqueFd listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* plain = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  ASSERT_EQ(bind(listener.get(), plain, size), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  ASSERT_EQ(getsockname(listener.get(), plain, &size), 0);
  const std::string port = std::to_string(ntohs(address.sin_port));
  const CommandOutput output =
      doctor({"--engine", "compose", "--pops", "1", "--port", port, "-o", "json"},
             {path_with("none", "")});
  const json finding = finding_named(parsed(output), "port");
  EXPECT_EQ(finding["verdict"], "problem");
  EXPECT_EQ(finding["found"], port + " is in use");
  EXPECT_EQ(finding["blocks_start"], true);
}

TEST_F(DoctorCommand, RefusesWhatMakesNoSense) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"--engine", "podman"},
                                             {"--pops", "0"},
                                             {"--pops", "-1"},
                                             {"--pops", "many"},
                                             {"--pops-per-container", "0"},
                                             {"--port", "0"},
                                             {"--port", "65536"},
                                             {"--image", ""},
                                             {"-o", "xml"},
                                             {"--unknown"}}) {
    const CommandOutput output = doctor(arguments);
    EXPECT_EQ(output.status.code, 2) << arguments.front() << ": " << output.errors;
    EXPECT_EQ(output.output, "");
    EXPECT_NE(output.errors, "");
  }
  EXPECT_EQ(doctor({"--topology", "nowhere.yaml"}).status.code, 4);
}

TEST_F(DoctorCommand, PrintsAScriptThatAShellTakes) {
  const CommandOutput output =
      doctor({"--engine", "compose", "--pops", "1000", "-o", "script"}, {path_with("none", "")});
  EXPECT_THAT(output.output, StartsWith("#!/bin/sh\nset -e\n"));
  const Result<CommandOutput> shell = isopop::run_command(
      {.program = "sh", .arguments = {"-n"}, .input = output.output}, std::chrono::seconds(10));
  ASSERT_TRUE(shell.ok());
  EXPECT_TRUE(shell.value().status.success()) << shell.value().errors << output.output;
}

TEST(Examine, RefusesAPlanWithoutSense) {
  using sim::doctor::examine;
  EXPECT_FALSE(examine({.plan = {.pops = 0}}).ok());
  EXPECT_FALSE(examine({.plan = {.pops_per_container = 0}}).ok());
  EXPECT_FALSE(examine({.plan = {.image = ""}}).ok());
  EXPECT_FALSE(examine({.plan = {.port = 0}}).ok());
  EXPECT_TRUE(examine({.plan = {.pops = 1}}).ok());
}

}  // namespace
}  // namespace isopop::test
