#include "tests/e2e/network.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "common/text/text.h"

namespace isopop::test {

using namespace std::chrono_literals;

Network::Network() : folder_(TempFolder::create("isopop-e2e-").value()) {
  const CommandOutcome up = isopop({"up", "--pops", std::to_string(kPops), "--net", "account"});
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
  return run_command(program_path("isopop"), arguments, {.timeout = 120s});
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

}  // namespace isopop::test
