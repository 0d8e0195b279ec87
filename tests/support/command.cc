#include "tests/support/command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>

#include "common/files/files.h"
#include "common/process/command.h"
#include "common/text/text.h"

namespace isopop::test {
namespace {

std::vector<std::string> base_environment() {
  std::vector<std::string> environment;
  for (const char* name :
       {"PATH", "HOME", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"}) {
    if (const char* value = std::getenv(name)) {  // NOLINT(concurrency-mt-unsafe)
      environment.push_back(fmt::format("{}={}", name, value));
    }
  }
  return environment;
}

}  // namespace

std::string CommandOutcome::describe() const {
  return fmt::format("{}{}\n--- standard output\n{}\n--- standard error\n{}", status.describe(),
                     timed_out ? ", timed out" : "", output, errors);
}

CommandOutcome run_command(const std::filesystem::path& program,
                           const std::vector<std::string>& arguments,
                           const CommandOptions& options) {
  std::vector<std::string> environment = base_environment();
  environment.insert(environment.end(), options.environment.begin(), options.environment.end());
  Result<RunningCommand> command = RunningCommand::start({.program = program.string(),
                                                          .arguments = arguments,
                                                          .environment = environment,
                                                          .input = options.input,
                                                          .inherits_environment = false});
  if (!command.ok()) return {.status = {.code = 127}, .errors = command.error().message};
  std::optional<CommandOutput> ended = command.value().wait(options.timeout);
  const bool timed_out = !ended;
  if (timed_out) ended = command.value().kill();
  return {.status = ended->status,
          .output = std::move(ended->output),
          .errors = std::move(ended->errors),
          .timed_out = timed_out};
}

std::filesystem::path program_path(const std::string& name) {
  // Test programs lie in build/PRESET/tests, the programs beside that folder in bin.
  return program_folder().parent_path() / "bin" / name;
}

Result<Child> start_server(const std::string& name, const std::vector<std::string>& arguments,
                           const std::filesystem::path& log) {
  const UniqueFd errors(open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644));
  if (!errors.valid()) return errno_error("open " + log.string(), errno);
  return Child::start({.program = program_path(name),
                       .arguments = arguments,
                       .environment = base_environment(),
                       .standard_output = errors.get(),
                       .standard_error = errors.get()});
}

std::vector<pid_t> processes_with_argument(const std::string& argument) {
  std::vector<pid_t> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::optional<long long> pid = parse_integer(entry.path().filename().string());
    if (!pid) continue;
    const Result<std::string> command_line = read_file(entry.path() / "cmdline");
    if (!command_line.ok()) continue;  // gone meanwhile
    const std::vector<std::string_view> words = split(command_line.value(), '\0');
    if (std::find(words.begin(), words.end(), argument) != words.end()) {
      found.push_back(static_cast<pid_t>(*pid));
    }
  }
  return found;
}

}  // namespace isopop::test
