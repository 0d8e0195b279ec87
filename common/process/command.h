#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/files/files.h"
#include "common/process/child.h"
#include "common/result/result.h"

namespace isopop {

// A program that is run for what it prints. It dies with the thread that started it.
struct CommandLine {
  std::string program;  // a path, or a name that is looked up in PATH
  std::vector<std::string> arguments;
  std::vector<std::string> environment;  // "NAME=value"
  std::string input;                     // standard input
  // Whether it gets this process's environment too, of which `environment` overrules the same
  // names.
  bool inherits_environment = true;
};

struct CommandOutput {
  ExitStatus status;
  std::string output;  // standard output
  std::string errors;  // standard error
};

// NOT_FOUND when PATH has no such program.
[[nodiscard]] Result<std::filesystem::path> find_program(std::string_view name);

// A command that is under way. Its output goes to memory, so that nobody has to read along. Killed
// with the object. Not thread-safe.
class RunningCommand final {
 public:
  [[nodiscard]] static Result<RunningCommand> start(const CommandLine& line);

  // What it printed and how it ended, once it has; never blocks.
  [[nodiscard]] std::optional<CommandOutput> poll();
  // Blocks at most `timeout`.
  [[nodiscard]] std::optional<CommandOutput> wait(std::chrono::milliseconds timeout);
  // Ends it with SIGKILL; what it had printed until then.
  CommandOutput kill();

 private:
  RunningCommand(Child child, UniqueFd output, UniqueFd errors)
      : child_(std::move(child)), output_(std::move(output)), errors_(std::move(errors)) {}
  [[nodiscard]] CommandOutput printed(ExitStatus status) const;

  Child child_;
  UniqueFd output_;
  UniqueFd errors_;
};

// Runs it to its end. DEADLINE_EXCEEDED, with the command's name, when it takes longer and was
// killed. How the command itself ended is not an error here.
[[nodiscard]] Result<CommandOutput> run_command(const CommandLine& line,
                                                std::chrono::milliseconds timeout);

}  // namespace isopop
