#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/result/result.h"

namespace isopop {

// How a child process is started. Nothing is inherited but what is named here: the environment is
// `environment` alone and every descriptor above 2 is closed but `channel`.
struct ChildOptions {
  std::filesystem::path program;
  std::vector<std::string> arguments;    // without argv[0]
  std::vector<std::string> environment;  // "NAME=value"
  // Becomes descriptor 3 of the child; -1 for none. Still the caller's to close.
  int channel = -1;
  // Descriptors that become 0, 1 and 2; -1 means /dev/null. Still the caller's to close.
  int standard_input = -1;
  int standard_output = -1;
  int standard_error = -1;
  enum class Lifetime {
    kDiesWithParent,  // SIGKILL when the thread that started it ends
    kOutlivesParent,  // a session of its own, nobody's child to wait for but the caller's
  } lifetime = Lifetime::kDiesWithParent;
};

// How a process ended: by exit() with a code, or by a signal.
struct ExitStatus {
  int code = 0;
  int signal = 0;  // 0: it exited
  [[nodiscard]] bool success() const { return code == 0 && signal == 0; }
  [[nodiscard]] std::string describe() const;  // "exit code 9", "signal 9 (Killed)"
};

// A process this one started, with its pidfd, so that a reused pid can never be hit. Single owner;
// the destructor kills and reaps what still runs, unless released. Not thread-safe.
class Child final {
 public:
  // INTERNAL/NOT_FOUND when it cannot be started; a failing exec is reported here, not later.
  [[nodiscard]] static Result<Child> start(const ChildOptions& options);
  ~Child();
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Readable (poll) once the process has ended. -1 after it was reaped.
  [[nodiscard]] int pid_fd() const { return pid_fd_.get(); }
  // Does nothing once the process has ended.
  void send_signal(int signal) const;
  // The status if it has ended, else nothing; never blocks.
  [[nodiscard]] std::optional<ExitStatus> poll_exit();
  // Blocks at most `timeout`.
  [[nodiscard]] std::optional<ExitStatus> wait_exit(std::chrono::milliseconds timeout);
  // SIGKILL and reap.
  void kill_and_reap();
  // Lets it live on without this object.
  void release();

 private:
  Child(pid_t pid, UniqueFd pid_fd) : pid_(pid), pid_fd_(std::move(pid_fd)) {}

  pid_t pid_ = -1;
  UniqueFd pid_fd_;
  std::optional<ExitStatus> status_;
};

}  // namespace isopop
