#include "tests/support/command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>

#include "common/files/files.h"
#include "common/text/text.h"

namespace isopop::test {
namespace {

// A file in memory for one stream: no pipe that could fill up and block the command.
UniqueFd memory_file(const std::string& content) {
  UniqueFd file(memfd_create("stream", MFD_CLOEXEC));
  ISOPOP_ASSERT(file.valid(), "memfd_create to work");
  const ssize_t written = write(file.get(), content.data(), content.size());
  ISOPOP_ASSERT(written == static_cast<ssize_t>(content.size()), "a memory file to take all");
  lseek(file.get(), 0, SEEK_SET);
  return file;
}

std::string content_of(const UniqueFd& file) {
  std::string content;
  std::array<char, 65536> buffer{};
  ssize_t size = 0;
  off_t at = 0;
  while ((size = pread(file.get(), buffer.data(), buffer.size(), at)) > 0) {
    content.append(buffer.data(), static_cast<std::size_t>(size));
    at += size;
  }
  return content;
}

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
  const UniqueFd input = memory_file(options.input);
  const UniqueFd output = memory_file("");
  const UniqueFd errors = memory_file("");
  std::vector<std::string> environment = base_environment();
  environment.insert(environment.end(), options.environment.begin(), options.environment.end());
  Result<Child> child = Child::start({.program = program,
                                      .arguments = arguments,
                                      .environment = environment,
                                      .standard_input = input.get(),
                                      .standard_output = output.get(),
                                      .standard_error = errors.get()});
  if (!child.ok()) return {.status = {.code = 127}, .errors = child.error().message};
  const std::optional<ExitStatus> status = child.value().wait_exit(options.timeout);
  if (!status) child.value().kill_and_reap();
  return {.status = status.value_or(ExitStatus{.signal = SIGKILL}),
          .output = content_of(output),
          .errors = content_of(errors),
          .timed_out = !status};
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
