#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <future>
#include <thread>

#include "common/result/result.h"

namespace isopop::control::test {

// Kills a process of ours at its n-th attempt to change something outside itself: with SIGKILL at
// the entry of a write, flush, rename, removal or sendmsg in any of its threads, before the call is
// carried out. Writes to eventfds and to standard error do not count: they are gone with the
// process. Traces with ptrace from a thread of its own, from the constructor to the destructor.
class KillAtWrite final {
 public:
  // FAILED_PRECONDITION: this system does not allow it.
  static Result<void> is_possible();

  // Returns once every thread of the process is traced. `nth` counts from 1.
  KillAtWrite(pid_t pid, std::uint64_t nth);
  ~KillAtWrite();
  KillAtWrite(const KillAtWrite&) = delete;
  KillAtWrite& operator=(const KillAtWrite&) = delete;
  KillAtWrite(KillAtWrite&&) = delete;
  KillAtWrite& operator=(KillAtWrite&&) = delete;

  [[nodiscard]] bool has_killed() const { return killed_; }
  // How many there were.
  [[nodiscard]] std::uint64_t seen() const { return seen_; }

 private:
  void trace();
  void attach();
  // Whether the process was killed at this stop.
  bool on_stop(pid_t thread, int status);
  [[nodiscard]] bool is_counted(pid_t thread) const;

  pid_t pid_;
  std::uint64_t nth_;
  std::atomic<std::uint64_t> seen_ = 0;
  std::atomic<bool> killed_ = false;
  std::atomic<bool> stopping_ = false;
  std::promise<void> attached_;
  std::thread thread_;
};

}  // namespace isopop::control::test
