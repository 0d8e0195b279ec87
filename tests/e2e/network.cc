#include "tests/e2e/network.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "common/text/text.h"

namespace isopop::test {

using namespace std::chrono_literals;

std::vector<std::string> engine_environment() {
  const char* host = std::getenv("DOCKER_HOST");  // NOLINT(concurrency-mt-unsafe)
  if (host == nullptr) return {};
  return {std::string("DOCKER_HOST=") + host};
}

Network::Network(const std::vector<std::string>& up_arguments)
    : folder_(TempFolder::create("isopop-e2e-").value()) {
  std::vector<std::string> arguments = {"up"};
  arguments.insert(arguments.end(), up_arguments.begin(), up_arguments.end());
  const CommandOutcome up = isopop(arguments);
  EXPECT_TRUE(up.success()) << up.describe();
}

Network::~Network() {
  const CommandOutcome down = isopop({"down", "--purge"});
  EXPECT_TRUE(down.success()) << down.describe();
  EXPECT_TRUE(processes_with_argument(state()).empty()) << "processes were left behind";
  EXPECT_FALSE(std::filesystem::exists(state())) << "the state folder was left behind";
}

CommandOutcome Network::isopop(std::vector<std::string> arguments) const {
  arguments.insert(arguments.end(), {"--state", state()});
  return run_command(program_path("isopop"), arguments,
                     {.environment = engine_environment(), .timeout = 300s});
}

CommandOutcome Network::popctl(std::vector<std::string> arguments) const {
  arguments.insert(arguments.begin(), {"--state", state()});
  return run_command(program_path("popctl"), arguments);
}

CommandOutcome Network::curl(const std::string& path, std::vector<std::string> arguments) const {
  const std::string router = read_file(std::filesystem::path(state()) / "router.endpoint").value();
  arguments.insert(arguments.end(), {"--silent", "--show-error", "--max-time", "30",
                                     fmt::format("http://{}{}", trim(router), path)});
  return run_command("/usr/bin/curl", arguments);
}

nlohmann::json Network::pops() const {
  const CommandOutcome outcome = popctl({"pops", "-o", "json"});
  EXPECT_TRUE(outcome.success()) << outcome.describe();
  return nlohmann::json::parse(outcome.output);
}

pid_t Network::pop_pid(const std::string& id) const {
  const std::vector<pid_t> of_network = processes_with_argument(state());
  const std::vector<pid_t> of_id = processes_with_argument(id);
  for (const pid_t pid : of_network) {
    if (std::find(of_id.begin(), of_id.end(), pid) != of_id.end()) return pid;
  }
  ADD_FAILURE() << "no process of PoP " << id;
  return -1;
}

std::string Network::write_worker(const std::string& name, const std::string& code) const {
  const std::filesystem::path worker = folder() / name;
  EXPECT_TRUE(create_folders(worker).ok());
  EXPECT_TRUE(write_file_atomically(worker / "index.js", code).ok());
  return worker.string();
}

CommandOutcome Network::deploy(const std::string& worker_folder) const {
  return popctl(
      {"deploy", worker_folder, "--name", "hello", "--route", "hello.example/*", "--wait"});
}

std::string Network::write_trace(int requests, int interval_ms) const {
  std::string trace = "time,client,method,path\n";
  for (int i = 0; i < requests; ++i) {
    trace += fmt::format("{:.3f},client-{},GET,/{}\n", 1'700'000'000 + i * interval_ms / 1000.0,
                         i % 97, i);
  }
  const std::filesystem::path file = folder() / "trace.csv";
  EXPECT_TRUE(write_file_atomically(file, trace).ok());
  return file.string();
}

std::uint64_t Network::requests_at(const std::string& id) const {
  for (const nlohmann::json& pop : pops()) {
    if (pop.at("id") == id) return pop.value("requests", std::uint64_t{0});
  }
  return 0;
}

std::string versioned_worker(int version) {
  return fmt::format(
      "export default {{ async fetch(request) {{\n"
      "  return new Response(`version {} at ${{request.cf.colo}}`);\n}} }};\n",
      version);
}

nlohmann::json run_json(const std::string& report) {
  return nlohmann::json::parse(read_file(report + "/run.json").value());
}

}  // namespace isopop::test
