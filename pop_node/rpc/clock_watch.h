#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "common/time/clock.h"

namespace isopop::pop {

// Notices that the machine's wall clock was set: it went further, or less far, than the clock that
// nobody can set. Nothing here depends on it but what people and workers are told the time is. That
// the clock is wrong and stays so only the control plane can see. Pure.
class ClockWatch final {
 public:
  // To be called about once a second.
  void look(const Clock& clock) {
    const Instant now = clock.now();
    const WallTime wall = clock.wall_now();
    if (looked_ && now - told_at_ > kToldFor) jumped_s_ = 0;
    if (looked_) {
      const auto jump = std::chrono::round<std::chrono::seconds>((wall - wall_) - (now - now_));
      if (jump != jump.zero()) {
        jumped_s_ = jump.count();
        told_at_ = now;
      }
    }
    looked_ = true;
    now_ = now;
    wall_ = wall;
  }

  // For a minute after it happened; empty at other times.
  [[nodiscard]] std::string problem() const {
    if (jumped_s_ == 0) return {};
    return "its clock was set by " + std::string(jumped_s_ > 0 ? "+" : "") +
           std::to_string(jumped_s_) + " s";
  }

 private:
  static constexpr std::chrono::minutes kToldFor{1};

  bool looked_ = false;
  Instant now_{};
  WallTime wall_{};
  Instant told_at_{};
  std::int64_t jumped_s_ = 0;
};

}  // namespace isopop::pop
