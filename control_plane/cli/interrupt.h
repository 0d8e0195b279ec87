#pragma once

#include <functional>
#include <thread>

namespace isopop::control::cli {

// While one lives, Ctrl-C (and SIGTERM) calls a function, on a thread of its own, in place of
// ending the program: for commands that run until somebody has seen enough. A second Ctrl-C ends
// the program. At most one at a time.
class InterruptWatch final {
 public:
  explicit InterruptWatch(std::function<void()> on_interrupt);
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch&) = delete;
  InterruptWatch& operator=(const InterruptWatch&) = delete;
  InterruptWatch(InterruptWatch&&) = delete;
  InterruptWatch& operator=(InterruptWatch&&) = delete;

 private:
  std::thread thread_;
};

}  // namespace isopop::control::cli
