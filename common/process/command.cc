#include "common/process/command.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <utility>

#include "common/text/text.h"

namespace isopop {
namespace {

// A file in memory for one stream: no pipe that could fill up and block the command.
Result<UniqueFd> memory_file(std::string_view content) {
  UniqueFd file(memfd_create("stream", MFD_CLOEXEC));
  if (!file.valid()) return errno_error("memfd_create", errno);
  while (!content.empty()) {
    const ssize_t written = write(file.get(), content.data(), content.size());
    if (written < 0) return errno_error("write to a memory file", errno);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  lseek(file.get(), 0, SEEK_SET);
  return file;
}

std::string content_of(const UniqueFd& file) {
  std::string content;
  std::array<char, 65536> buffer{};
  ssize_t size = 0;
  while ((size = pread(file.get(), buffer.data(), buffer.size(),
                       static_cast<off_t>(content.size()))) > 0) {
    content.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return content;
}

std::vector<std::string> environment_with(const std::vector<std::string>& more) {
  std::vector<std::string> environment = more;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view own = *entry;
    const std::string_view name = own.substr(0, own.find('=') + 1);
    const bool is_overruled =
        std::any_of(more.begin(), more.end(),
                    [name](const std::string& each) { return each.starts_with(name); });
    if (!is_overruled) environment.emplace_back(own);
  }
  return environment;
}

}  // namespace

Result<std::filesystem::path> find_program(std::string_view name) {
  if (name.find('/') != std::string_view::npos) return std::filesystem::path(name);
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  for (const std::string_view folder : split(path == nullptr ? "" : path, ':')) {
    std::filesystem::path file = std::filesystem::path(folder) / name;
    std::error_code ignored;
    if (std::filesystem::is_regular_file(file, ignored) && access(file.c_str(), X_OK) == 0) {
      return file;
    }
  }
  return not_found(fmt::format("there is no program '{}' on this machine (PATH)", name));
}

Result<RunningCommand> RunningCommand::start(const CommandLine& line) {
  ISOPOP_TRY_ASSIGN(const std::filesystem::path program, find_program(line.program));
  ISOPOP_TRY_ASSIGN(const UniqueFd input, memory_file(line.input));
  ISOPOP_TRY_ASSIGN(UniqueFd output, memory_file({}));
  ISOPOP_TRY_ASSIGN(UniqueFd errors, memory_file({}));
  ISOPOP_TRY_ASSIGN(
      Child child, Child::start({
                       .program = program,
                       .arguments = line.arguments,
                       .environment = line.inherits_environment ? environment_with(line.environment)
                                                                : line.environment,
                       .channel = -1,
                       .standard_input = input.get(),
                       .standard_output = output.get(),
                       .standard_error = errors.get(),
                   }));
  return RunningCommand(std::move(child), std::move(output), std::move(errors));
}

CommandOutput RunningCommand::printed(ExitStatus status) const {
  return {.status = status, .output = content_of(output_), .errors = content_of(errors_)};
}

std::optional<CommandOutput> RunningCommand::poll() {
  const std::optional<ExitStatus> status = child_.poll_exit();
  return status ? std::optional(printed(*status)) : std::nullopt;
}

std::optional<CommandOutput> RunningCommand::wait(std::chrono::milliseconds timeout) {
  const std::optional<ExitStatus> status = child_.wait_exit(timeout);
  return status ? std::optional(printed(*status)) : std::nullopt;
}

CommandOutput RunningCommand::kill() {
  child_.kill_and_reap();
  return printed({.code = 0, .signal = SIGKILL});
}

Result<CommandOutput> run_command(const CommandLine& line, std::chrono::milliseconds timeout) {
  ISOPOP_TRY_ASSIGN(RunningCommand command, RunningCommand::start(line));
  std::optional<CommandOutput> output = command.wait(timeout);
  if (output) return *std::move(output);
  return Error{ErrorCode::kDeadlineExceeded,
               fmt::format("{} did not end within {:.0f} s and was stopped", line.program,
                           std::chrono::duration<double>(timeout).count())};
}

}  // namespace isopop
