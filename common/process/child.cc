#include "common/process/child.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace isopop {
namespace {

// Everything below runs in the child between fork and exec, where only async-signal-safe calls are
// allowed: the parent may have threads.
struct ExecPlan {
  const char* program;
  char* const* arguments;
  char* const* environment;
  std::array<int, 4> descriptors;  // wanted at 0, 1, 2, 3
  bool dies_with_parent;
  pid_t parent;
  int error_pipe;
};

[[noreturn]] void report_and_exit(int error_pipe) {
  const int reason = errno;
  // The parent sees end-of-file instead if this write fails, and says so.
  [[maybe_unused]] const ssize_t written = write(error_pipe, &reason, sizeof reason);
  _exit(127);
}

// Moves every descriptor out of the range 0..3 first, so that no dup2 overwrites one still needed.
int moved_up(int fd) {
  return fd < 0 ? fd : fcntl(fd, F_DUPFD_CLOEXEC, 10);
}

[[noreturn]] void run_child(ExecPlan plan) {
  if (plan.dies_with_parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) report_and_exit(plan.error_pipe);
    // The parent may have died before the call above.
    if (getppid() != plan.parent) _exit(127);
    setpgid(0, 0);
  } else {
    setsid();
  }
  struct sigaction by_default{};
  by_default.sa_handler = SIG_DFL;
  for (int signal = 1; signal < 32; ++signal) sigaction(signal, &by_default, nullptr);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);

  const int error_pipe = moved_up(plan.error_pipe);
  if (error_pipe < 0) report_and_exit(plan.error_pipe);
  const int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int& fd : plan.descriptors) fd = moved_up(fd);
  const int null_up = moved_up(null_fd);
  for (int target = 0; target < 4; ++target) {
    int source = plan.descriptors.at(static_cast<std::size_t>(target));
    if (source < 0 && target < 3) source = null_up;
    if (source < 0) {
      close(target);
    } else if (dup2(source, target) < 0) {
      report_and_exit(error_pipe);
    }
  }
  // All above 3 close at exec, also those that some library opened without saying so.
  if (syscall(SYS_close_range, 4U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) != 0) {
    for (int fd = 4; fd < 4096; ++fd) {
      if (fd != error_pipe) close(fd);
    }
  }
  execve(plan.program, plan.arguments, plan.environment);
  report_and_exit(error_pipe);
}

std::vector<char*> c_strings(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

ExitStatus status_of(const siginfo_t& info) {
  if (info.si_code == CLD_EXITED) return {.code = info.si_status, .signal = 0};
  return {.code = 0, .signal = info.si_status};
}

}  // namespace

std::string ExitStatus::describe() const {
  if (signal == 0) return fmt::format("exit code {}", code);
  const char* name = sigdescr_np(signal);
  return fmt::format("signal {} ({})", signal, name != nullptr ? name : "unknown");
}

Result<Child> Child::start(const ChildOptions& options) {
  std::vector<std::string> arguments = {options.program.string()};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::vector<std::string> environment = options.environment;
  const std::vector<char*> argument_pointers = c_strings(arguments);
  const std::vector<char*> environment_pointers = c_strings(environment);

  std::array<int, 2> error_pipe{};
  if (pipe2(error_pipe.data(), O_CLOEXEC) != 0) return errno_error("create a pipe", errno);
  const UniqueFd read_end(error_pipe[0]);
  UniqueFd write_end(error_pipe[1]);

  const ExecPlan plan{
      .program = arguments.front().c_str(),
      .arguments = argument_pointers.data(),
      .environment = environment_pointers.data(),
      .descriptors = {options.standard_input, options.standard_output, options.standard_error,
                      options.channel},
      .dies_with_parent = options.lifetime == ChildOptions::Lifetime::kDiesWithParent,
      .parent = getpid(),
      .error_pipe = write_end.get(),
  };
  // No signal handler of the parent may run in the child before exec.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  if (pid == 0) run_child(plan);
  const int fork_errno = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (pid < 0) return errno_error(fmt::format("fork for {}", options.program.string()), fork_errno);

  write_end.reset();
  Child child(pid, UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0))));
  if (!child.pid_fd_.valid()) return errno_error("open a pidfd", errno);
  fcntl(child.pid_fd_.get(), F_SETFD, FD_CLOEXEC);
  int reason = 0;
  ssize_t size = 0;
  do {
    size = read(read_end.get(), &reason, sizeof reason);
  } while (size < 0 && errno == EINTR);
  if (size == sizeof reason) {
    child.kill_and_reap();
    return errno_error(fmt::format("start {}", options.program.string()), reason);
  }
  return child;
}

Child::~Child() {
  kill_and_reap();
}

Child::Child(Child&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)),
      pid_fd_(std::move(other.pid_fd_)),
      status_(std::exchange(other.status_, std::nullopt)) {}

Child& Child::operator=(Child&& other) noexcept {
  if (this != &other) {
    kill_and_reap();
    pid_ = std::exchange(other.pid_, -1);
    pid_fd_ = std::move(other.pid_fd_);
    status_ = std::exchange(other.status_, std::nullopt);
  }
  return *this;
}

void Child::send_signal(int signal) const {
  if (pid_fd_.valid() && !status_)
    syscall(SYS_pidfd_send_signal, pid_fd_.get(), signal, nullptr, 0);
}

std::optional<ExitStatus> Child::poll_exit() {
  if (status_ || pid_ < 0) return status_;
  siginfo_t info{};
  const auto id = static_cast<id_t>(pid_);
  if (waitid(P_PID, id, &info, WEXITED | WNOHANG) == 0 && info.si_pid == pid_) {
    status_ = status_of(info);
  }
  return status_;
}

std::optional<ExitStatus> Child::wait_exit(std::chrono::milliseconds timeout) {
  if (status_ || pid_ < 0) return status_;
  pollfd waited{.fd = pid_fd_.get(), .events = POLLIN, .revents = 0};
  poll(&waited, 1, static_cast<int>(timeout.count()));
  return poll_exit();
}

void Child::kill_and_reap() {
  if (pid_ < 0 || status_) return;
  send_signal(SIGKILL);
  siginfo_t info{};
  while (waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED) != 0 && errno == EINTR) {
  }
  status_ = status_of(info);
}

void Child::release() {
  pid_ = -1;
  pid_fd_.reset();
}

}  // namespace isopop
