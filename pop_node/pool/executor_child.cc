#include "pop_node/pool/executor_child.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <utility>

#include "common/log/log.h"

namespace isopop::pop {
namespace {

// What the zygote may take to tell how a child ended that the kernel says has ended.
constexpr std::chrono::seconds kStatusPatience{1};

}  // namespace

ExecutorChild::ExecutorChild(asio::io_context& io) : pid_fd_(io), status_wait_(io), changed_(io) {}

void ExecutorChild::kill() {
  is_unwanted_ = true;
  if (pid_fd_.is_open()) {
    syscall(SYS_pidfd_send_signal, pid_fd_.native_handle(), SIGKILL, nullptr, 0);
  }
}

bool ExecutorChild::is_running() {
  if (fate_ != Fate::kAlive || !pid_fd_.is_open()) return fate_ == Fate::kAlive;
  pollfd watched{.fd = pid_fd_.native_handle(), .events = POLLIN, .revents = 0};
  return poll(&watched, 1, 0) == 0;
}

asio::awaitable<void> ExecutorChild::ended() {
  while (fate_ == Fate::kAlive) co_await changed_.wait();
}

void ExecutorChild::forked(pid_t pid, UniqueFd pid_fd, std::uint64_t inherited_bytes) {
  pid_ = pid;
  inherited_bytes_ = inherited_bytes;
  boost::system::error_code error;
  pid_fd_.assign(pid_fd.get(), error);
  if (error) {
    log_error("cannot watch executor {}: {}", pid, error.message());
    syscall(SYS_pidfd_send_signal, pid_fd.get(), SIGKILL, nullptr, 0);
    return;
  }
  static_cast<void>(pid_fd.release());
  if (is_unwanted_) kill();
  pid_fd_.async_wait(asio::posix::stream_descriptor::wait_read,
                     [weak = weak_from_this()](boost::system::error_code cancelled) {
                       const auto self = weak.lock();
                       if (cancelled || !self || self->fate_ != Fate::kAlive) return;
                       self->status_wait_.expires_after(kStatusPatience);
                       self->status_wait_.async_wait([weak](boost::system::error_code stopped) {
                         const auto child = weak.lock();
                         if (!stopped && child) child->end(Fate::kExited);
                       });
                     });
}

void ExecutorChild::never_forked(std::string reason) {
  if (fate_ == Fate::kAlive) reason_ = std::move(reason);
  end(Fate::kNeverForked);
}

void ExecutorChild::exited(ExitStatus status) {
  if (fate_ == Fate::kAlive) status_ = status;
  end(Fate::kExited);
}

void ExecutorChild::zygote_ended() {
  kill();
  end(Fate::kDiedWithZygote);
}

void ExecutorChild::end(Fate fate) {
  if (fate_ != Fate::kAlive) return;
  fate_ = fate;
  boost::system::error_code ignored;
  pid_fd_.close(ignored);
  status_wait_.cancel();
  changed_.notify();
}

}  // namespace isopop::pop
