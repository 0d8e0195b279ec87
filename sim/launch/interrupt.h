#pragma once

#include <chrono>

#include "common/files/files.h"
#include "common/result/result.h"

namespace isopop::sim {

// Turns Ctrl-C, SIGTERM and a closed terminal from a sudden end into a question that a long
// operation asks at its own time. While it lives those signals are blocked in this process; create
// it before other threads start. What the process starts gets them unblocked again. Not
// thread-safe.
class Interrupt final {
 public:
  [[nodiscard]] static Result<Interrupt> create();
  ~Interrupt();
  Interrupt(Interrupt&& other) noexcept = default;
  Interrupt& operator=(Interrupt&&) = delete;
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  // Whether such a signal has come, now or earlier.
  [[nodiscard]] bool has_come();
  // Waits for the time to pass or for such a signal, whichever is first; true for the signal.
  [[nodiscard]] bool wait(std::chrono::milliseconds time);

 private:
  explicit Interrupt(UniqueFd signals) : signals_(std::move(signals)) {}
  UniqueFd signals_;
  bool has_come_ = false;
};

}  // namespace isopop::sim
