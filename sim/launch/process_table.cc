#include "sim/launch/process_table.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <system_error>
#include <tuple>

#include "common/process/process_memory.h"
#include "common/text/text.h"

namespace isopop::sim {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kProcFileBytesMax = 1U << 20U;
constexpr const char* kZygote = "zygote";
constexpr const char* kExecutor = "executor";

std::vector<std::string> arguments_of(const fs::path& folder) {
  Result<std::string> text = read_file(folder / "cmdline", kProcFileBytesMax);
  std::vector<std::string> arguments;
  if (!text.ok() || text.value().empty()) return arguments;
  std::string_view rest = text.value();
  if (rest.back() == '\0') rest.remove_suffix(1);
  for (const std::string_view argument : split(rest, '\0')) arguments.emplace_back(argument);
  return arguments;
}

// From "pid (name) state ppid …", where the name may hold anything, parentheses too.
struct Stat {
  char state = '?';
  pid_t parent = 0;
};
Stat stat_of(const fs::path& folder) {
  const Result<std::string> text = read_file(folder / "stat", kProcFileBytesMax);
  if (!text.ok()) return {};
  const std::size_t end = text.value().rfind(')');
  if (end == std::string::npos) return {};
  const std::vector<std::string_view> fields =
      split(trim(std::string_view(text.value()).substr(end + 1)), ' ');
  if (fields.size() < 2 || fields[0].size() != 1) return {};
  return {.state = fields[0].front(),
          .parent = static_cast<pid_t>(parse_integer(fields[1]).value_or(0))};
}

std::string name_of(Program program, const std::vector<std::string>& arguments) {
  switch (program) {
    case Program::kControl:
      return "control";
    case Program::kRouter:
      return "router";
    case Program::kPop:
      return option_value(arguments, "--id");
    case Program::kExecutor:
      return std::find(arguments.begin(), arguments.end(), "--zygote") != arguments.end()
                 ? kZygote
                 : kExecutor;
  }
  return {};
}

// What the process runs. Of an executor behind its seal the kernel tells only root; its arguments
// are told to everyone, and then have to do.
std::optional<Program> program_in(const fs::path& folder,
                                  const std::vector<std::string>& arguments) {
  std::error_code error;
  const fs::path binary = fs::read_symlink(folder / "exe", error);
  if (!error) return program_of(binary.string());
  if (error != std::errc::permission_denied || arguments.empty()) return std::nullopt;
  const std::optional<Program> program = program_of(arguments.front());
  return program == Program::kExecutor ? program : std::nullopt;
}

std::optional<RunningProcess> look_at(pid_t pid, std::string_view state) {
  const fs::path folder = fmt::format("/proc/{}", pid);
  // Ended, a kernel thread, or another network's.
  if (!belongs_to(arguments_of(folder), state)) return std::nullopt;
  // The descriptor before what counts: if the pid changes hands now, it stands for the process that
  // has ended, and the check behind it fails.
  UniqueFd pid_fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!pid_fd.valid()) return std::nullopt;
  const std::vector<std::string> arguments = arguments_of(folder);
  if (!belongs_to(arguments, state)) return std::nullopt;
  const std::optional<Program> program = program_in(folder, arguments);
  if (!program) return std::nullopt;
  const Stat stat = stat_of(folder);
  if (stat.state == 'Z' || stat.state == 'X') return std::nullopt;
  RunningProcess process{.pid = pid,
                         .parent = stat.parent,
                         .program = *program,
                         .name = name_of(*program, arguments),
                         .pid_fd = std::move(pid_fd)};
  if (!process.is_running()) return std::nullopt;
  return process;
}

}  // namespace

bool RunningProcess::is_running() const {
  pollfd waited{.fd = pid_fd.get(), .events = POLLIN, .revents = 0};
  return pid_fd.valid() && ::poll(&waited, 1, 0) == 0;
}

Result<void> RunningProcess::send_signal(int signal) const {
  if (syscall(SYS_pidfd_send_signal, pid_fd.get(), signal, nullptr, 0) == 0 || errno == ESRCH) {
    return {};
  }
  return errno_error(fmt::format("signal process {} ({})", pid, name), errno);
}

std::optional<Program> program_of(std::string_view binary_path) {
  // A binary that was rebuilt while it runs.
  constexpr std::string_view kDeleted = " (deleted)";
  if (binary_path.ends_with(kDeleted)) binary_path.remove_suffix(kDeleted.size());
  const std::string_view name = binary_path.substr(binary_path.rfind('/') + 1);
  if (name == "isopop-control") return Program::kControl;
  if (name == "isopop-router") return Program::kRouter;
  if (name == "isopop-pop") return Program::kPop;
  if (name == "isopop-executor") return Program::kExecutor;
  return std::nullopt;
}

std::string option_value(const std::vector<std::string>& arguments, std::string_view option) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view argument = arguments[i];
    if (argument == option) return i + 1 < arguments.size() ? arguments[i + 1] : std::string();
    if (argument.starts_with(option) && argument.substr(option.size()).starts_with('=')) {
      return std::string(argument.substr(option.size() + 1));
    }
  }
  return {};
}

bool belongs_to(const std::vector<std::string>& arguments, std::string_view state) {
  return !state.empty() && option_value(arguments, "--state") == state;
}

Result<std::vector<RunningProcess>> find_processes(const fs::path& state) {
  std::vector<RunningProcess> found;
  std::error_code error;
  const fs::directory_iterator folders("/proc", error);
  if (error) return internal_error(fmt::format("list /proc: {}", error.message()));
  for (fs::directory_iterator entry = begin(folders); entry != fs::directory_iterator{};
       entry.increment(error)) {
    const std::optional<long long> pid = parse_integer(entry->path().filename().string());
    if (!pid) continue;
    std::optional<RunningProcess> process = look_at(static_cast<pid_t>(*pid), state.string());
    if (process) found.push_back(*std::move(process));
  }
  // The children of a zygote have its arguments.
  std::set<pid_t> zygotes;
  for (const RunningProcess& process : found) {
    if (process.name == kZygote) zygotes.insert(process.pid);
  }
  for (RunningProcess& process : found) {
    if (process.name == kZygote && zygotes.contains(process.parent)) process.name = kExecutor;
  }
  std::sort(found.begin(), found.end(), [](const RunningProcess& a, const RunningProcess& b) {
    return std::tie(a.program, a.name, a.pid) < std::tie(b.program, b.name, b.pid);
  });
  return found;
}

std::uint64_t proportional_set_bytes(pid_t pid) {
  const Result<std::string> text =
      read_file(fmt::format("/proc/{}/smaps_rollup", pid), kProcFileBytesMax);
  if (!text.ok()) return anonymous_bytes(pid).value_or(0);
  for (std::string_view line : split(text.value(), '\n')) {
    constexpr std::string_view kKey = "Pss:";
    constexpr std::string_view kUnit = "kB";
    if (!line.starts_with(kKey)) continue;
    line = trim(line.substr(kKey.size()));
    if (line.ends_with(kUnit)) line.remove_suffix(kUnit.size());
    return parse_unsigned(trim(line)).value_or(0) * 1024;
  }
  return 0;
}

void raise_descriptor_limit() {
  constexpr rlim_t kEnough = 16'384;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= kEnough) return;
  limit.rlim_cur = std::min(limit.rlim_max, kEnough);
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace isopop::sim
