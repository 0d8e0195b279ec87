#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/command.h"

namespace isopop::test {

// A running topology of twelve PoPs in a state folder of its own, driven only by the commands a
// person would type. Taken down with the object.
class Network final {
 public:
  // Fails the calling test when it does not come up.
  Network();
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

  // Writes a worker's folder with one module and gives its path.
  [[nodiscard]] std::string write_worker(const std::string& name, const std::string& code) const;

 private:
  TempFolder folder_;
};

inline constexpr int kPops = 12;

}  // namespace isopop::test
