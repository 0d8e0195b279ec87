#pragma once

#include <chrono>
#include <cstdint>

#include "common/time/clock.h"

namespace isopop {

// Stamps that order writes of many machines without asking any of them: a hybrid logical clock
// (Kulkarni et al., 2014). Milliseconds of Unix time in the upper 48 bits, a counter in the lower
// 16: a stamp is greater than every one that was given or observed here before it, and stays close
// to the time of the wall even when a clock stands still or goes back. Not thread-safe.
class HybridClock final {
 public:
  // Clocks of machines that look after them differ by less.
  static constexpr std::chrono::seconds kDriftMax{60};

  // `last`: what was given before a restart. The clock outlives the object.
  explicit HybridClock(const Clock& clock, std::uint64_t last = 0) : clock_(clock), last_(last) {}

  [[nodiscard]] std::uint64_t next();

  // Whether the stamp lies within kDriftMax of this machine's time. One that does not was given by
  // a wrong clock.
  [[nodiscard]] bool is_credible(std::uint64_t stamp) const;
  // What is given from now on is greater than `stamp`. Stamps too far ahead are not taken: one
  // wrong clock would set all others.
  void observe(std::uint64_t stamp);

  [[nodiscard]] std::uint64_t last() const { return last_; }

  [[nodiscard]] static std::int64_t unix_ms_of(std::uint64_t stamp) {
    return static_cast<std::int64_t>(stamp >> 16U);
  }
  [[nodiscard]] static std::uint64_t stamp_of(std::int64_t unix_ms) {
    return static_cast<std::uint64_t>(unix_ms) << 16U;
  }

 private:
  [[nodiscard]] std::int64_t ahead_ms(std::uint64_t stamp) const;

  const Clock& clock_;
  std::uint64_t last_;
};

}  // namespace isopop
