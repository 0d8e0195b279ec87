#include "sim/launch/interrupt.h"

#include <poll.h>
#include <pthread.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <csignal>

namespace isopop::sim {
namespace {

sigset_t interrupting_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGHUP);
  return signals;
}

}  // namespace

Result<Interrupt> Interrupt::create() {
  const sigset_t signals = interrupting_signals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  UniqueFd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid()) return errno_error("watch for signals", errno);
  return Interrupt(std::move(fd));
}

Interrupt::~Interrupt() {
  // A signal that came too late to be asked about is taken back, or it would end the process now.
  if (!signals_.valid()) return;
  const sigset_t signals = interrupting_signals();
  const timespec at_once{};
  while (sigtimedwait(&signals, nullptr, &at_once) > 0) {
  }
  pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

bool Interrupt::has_come() {
  return wait(std::chrono::milliseconds(0));
}

bool Interrupt::wait(std::chrono::milliseconds time) {
  if (has_come_) return true;
  pollfd waited{.fd = signals_.get(), .events = POLLIN, .revents = 0};
  has_come_ = poll(&waited, 1, static_cast<int>(time.count())) > 0;
  return has_come_;
}

}  // namespace isopop::sim
