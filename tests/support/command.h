#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "common/process/child.h"

namespace isopop::test {

// What a command did, as a person at a terminal would see it.
struct CommandOutcome {
  ExitStatus status;
  std::string output;  // standard output
  std::string errors;  // standard error
  bool timed_out = false;

  [[nodiscard]] bool success() const { return !timed_out && status.success(); }
  // All of it, for a test's failure message.
  [[nodiscard]] std::string describe() const;
};

struct CommandOptions {
  std::vector<std::string> environment;  // beside PATH, HOME and TMPDIR
  std::string input;                     // standard input
  std::chrono::milliseconds timeout = std::chrono::seconds(60);
};

// Runs a program to its end; kills it at the timeout.
[[nodiscard]] CommandOutcome run_command(const std::filesystem::path& program,
                                         const std::vector<std::string>& arguments,
                                         const CommandOptions& options = {});

// A program of the build, as "isopop-control".
[[nodiscard]] std::filesystem::path program_path(const std::string& name);

// Starts a server program in the background; its standard error goes to `log`. It ends with the
// object.
[[nodiscard]] Result<Child> start_server(const std::string& name,
                                         const std::vector<std::string>& arguments,
                                         const std::filesystem::path& log);

// Pids of all processes with this word among their arguments, for tests that nothing is left
// behind.
[[nodiscard]] std::vector<pid_t> processes_with_argument(const std::string& argument);

}  // namespace isopop::test
