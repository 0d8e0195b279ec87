#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/command.h"

namespace isopop::test {

inline constexpr int kPops = 12;

// A running network in a state folder of its own, driven only by the commands a person would type.
// Taken down with the object.
class Network final {
 public:
  // Twelve PoPs, unless `isopop up` is told otherwise. Fails the calling test when it does not come
  // up.
  explicit Network(const std::vector<std::string>& up_arguments = {"--pops", std::to_string(kPops),
                                                                   "--net", "account"});
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  [[nodiscard]] std::string state() const { return (folder_.path() / "state").string(); }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_.path(); }

  // `isopop ARGUMENTS --state DIR` and `popctl --state DIR ARGUMENTS`.
  [[nodiscard]] CommandOutcome isopop(std::vector<std::string> arguments) const;
  [[nodiscard]] CommandOutcome popctl(std::vector<std::string> arguments) const;
  // curl through the router, with these further arguments.
  [[nodiscard]] CommandOutcome curl(const std::string& path,
                                    std::vector<std::string> arguments) const;

  // `popctl pops -o json`.
  [[nodiscard]] nlohmann::json pops() const;
  // The pid of one PoP's process.
  [[nodiscard]] pid_t pop_pid(const std::string& id) const;

  // How many requests a PoP says it has served.
  [[nodiscard]] std::uint64_t requests_at(const std::string& id) const;

  // Writes a worker's folder with one module and gives its path.
  [[nodiscard]] std::string write_worker(const std::string& name, const std::string& code) const;
  // Puts it everywhere, as "hello" at hello.example.
  [[nodiscard]] CommandOutcome deploy(const std::string& worker_folder) const;
  // A trace of GETs from clients all over the world, one every few milliseconds; its path.
  [[nodiscard]] std::string write_trace(int requests, int interval_ms) const;

 private:
  TempFolder folder_;
};

// Which container engine the test was told to use, for commands that ask one.
[[nodiscard]] std::vector<std::string> engine_environment();

// A worker that answers "version N at AMS".
[[nodiscard]] std::string versioned_worker(int version);

// What a replay wrote into that folder.
[[nodiscard]] nlohmann::json run_json(const std::string& report);

}  // namespace isopop::test
