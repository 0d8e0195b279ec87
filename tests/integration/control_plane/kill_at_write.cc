#include "tests/integration/control_plane/kill_at_write.h"

#include <fmt/format.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <set>
#include <string>
#include <system_error>

namespace isopop::control::test {
namespace {

constexpr int kSyscallStop = SIGTRAP | 0x80;  // with PTRACE_O_TRACESYSGOOD

bool changes_something(std::uint64_t number) {
  switch (number) {
    case SYS_write:
    case SYS_writev:
    case SYS_pwrite64:
    case SYS_pwritev:
    case SYS_fdatasync:
    case SYS_fsync:
    case SYS_ftruncate:
    case SYS_fallocate:
    case SYS_renameat2:
    case SYS_unlinkat:
    case SYS_sendmsg:
#ifdef SYS_rename  // not on every architecture
    case SYS_rename:
    case SYS_unlink:
#endif
      return true;
    default:
      return false;
  }
}

bool names_a_descriptor_first(std::uint64_t number) {
  return number == SYS_write || number == SYS_writev;
}

std::set<pid_t> threads_of(pid_t pid) {
  std::set<pid_t> threads;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), error)) {
    const std::string name = entry.path().filename().string();
    pid_t thread = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread);
    threads.insert(thread);
  }
  return threads;
}

}  // namespace

Result<void> KillAtWrite::is_possible() {
  const pid_t child = fork();
  if (child < 0) return errno_error("fork", errno);
  if (child == 0) {
    pause();
    _exit(0);
  }
  const bool allowed = ptrace(PTRACE_SEIZE, child, nullptr, nullptr) == 0;
  const int reason = errno;
  kill(child, SIGKILL);
  while (waitpid(child, nullptr, __WALL) < 0 && errno == EINTR) {
  }
  if (allowed) return {};
  return Error{
      ErrorCode::kFailedPrecondition,
      fmt::format("ptrace is not allowed here ({})", std::generic_category().message(reason))};
}

KillAtWrite::KillAtWrite(pid_t pid, std::uint64_t nth)
    : pid_(pid), nth_(nth), thread_([this] { trace(); }) {
  attached_.get_future().wait();
}

KillAtWrite::~KillAtWrite() {
  stopping_ = true;
  // What is still traced goes on by itself when the tracing thread is gone.
  thread_.join();
}

void KillAtWrite::attach() {
  const auto options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE;
  std::set<pid_t> attached;
  bool found_more = true;
  // A thread that is not attached yet may start another.
  while (found_more) {
    found_more = false;
    for (const pid_t thread : threads_of(pid_)) {
      if (!attached.insert(thread).second) continue;
      found_more = true;
      if (ptrace(PTRACE_SEIZE, thread, nullptr, options) == 0) {
        ptrace(PTRACE_INTERRUPT, thread, nullptr, nullptr);
      }
    }
  }
}

void KillAtWrite::trace() {
  attach();
  attached_.set_value();
  // The process ticks several times a second, so this never waits for long.
  while (!stopping_) {
    int status = 0;
    const pid_t thread = waitpid(-1, &status, __WALL | __WNOTHREAD);
    if (thread < 0 && errno == EINTR) continue;
    if (thread < 0) return;
    if (WIFSTOPPED(status) && on_stop(thread, status)) return;
  }
}

bool KillAtWrite::on_stop(pid_t thread, int status) {
  const int signal = WSTOPSIG(status);
  if (signal == kSyscallStop) {
    if (is_counted(thread) && ++seen_ == nth_) {
      killed_ = true;
      kill(pid_, SIGKILL);
      return true;
    }
    ptrace(PTRACE_SYSCALL, thread, nullptr, nullptr);
    return false;
  }
  const bool is_event = (status >> 16) != 0;
  const auto delivered = static_cast<std::uintptr_t>(is_event ? 0 : signal);
  ptrace(PTRACE_SYSCALL, thread, nullptr, delivered);
  return false;
}

bool KillAtWrite::is_counted(pid_t thread) const {
  __ptrace_syscall_info info{};
  if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) return false;
  if (info.op != PTRACE_SYSCALL_INFO_ENTRY || !changes_something(info.entry.nr)) return false;
  if (!names_a_descriptor_first(info.entry.nr)) return true;
  if (info.entry.args[0] == STDERR_FILENO) return false;
  std::array<char, 64> target{};
  const std::string link = fmt::format("/proc/{}/fd/{}", pid_, info.entry.args[0]);
  const ssize_t size = readlink(link.c_str(), target.data(), target.size());
  return std::string_view(target.data(), size > 0 ? static_cast<std::size_t>(size) : 0) !=
         "anon_inode:[eventfd]";
}

}  // namespace isopop::control::test
