#pragma once

#include <sys/types.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "common/event_loop/asio.h"
#include "common/files/files.h"
#include "common/process/child.h"
#include "pop_node/pool/signal.h"

namespace isopop::pop {

// A process that the zygote forked for us, or is about to. Not our child, so it cannot be waited
// for; its pidfd tells that it ended, the zygote how. Shared by the zygote's session and its owner;
// lives on the PoP's event loop.
class ExecutorChild final : public std::enable_shared_from_this<ExecutorChild> {
 public:
  enum class Fate {
    kAlive,  // also before it was forked
    kExited,
    kNeverForked,
    kDiedWithZygote,
  };

  explicit ExecutorChild(asio::io_context& io);

  // The owner's side.

  // -1 before it was forked.
  [[nodiscard]] pid_t pid() const { return pid_; }
  // SIGKILL; as soon as it is forked, if it is not yet.
  void kill();
  // Anonymous memory that it shared with its zygote when it was forked.
  [[nodiscard]] std::uint64_t inherited_bytes() const { return inherited_bytes_; }
  // Returns when the fate is not kAlive any more.
  asio::awaitable<void> ended();
  [[nodiscard]] Fate fate() const { return fate_; }
  // Whether it runs or will, as the kernel has it now: the fate is known a little later.
  [[nodiscard]] bool is_running();
  // How it exited, if anybody could tell.
  [[nodiscard]] const std::optional<ExitStatus>& status() const { return status_; }
  // Why it was never forked.
  [[nodiscard]] const std::string& reason() const { return reason_; }

  // The zygote's side.

  // kill() was called.
  [[nodiscard]] bool is_unwanted() const { return is_unwanted_; }
  void forked(pid_t pid, UniqueFd pid_fd, std::uint64_t inherited_bytes);
  void never_forked(std::string reason);
  void exited(ExitStatus status);
  // It dies too, if it has not yet.
  void zygote_ended();

 private:
  void end(Fate fate);

  pid_t pid_ = -1;
  std::uint64_t inherited_bytes_ = 0;
  asio::posix::stream_descriptor pid_fd_;
  asio::steady_timer status_wait_;
  Fate fate_ = Fate::kAlive;
  bool is_unwanted_ = false;
  std::optional<ExitStatus> status_;
  std::string reason_;
  Signal changed_;
};

}  // namespace isopop::pop
