#pragma once

#include <chrono>
#include <cstdint>

#include "common/time/clock.h"

namespace isopop::executor {

// The time that a worker sees. It stands still while code runs and moves when something comes in
// from outside, so that code cannot time itself or others; and it is the PoP's time, not this
// machine's: a request brings it. Before the first request it is 1970, as there is nothing to
// compare with. Never goes backwards within an environment. Lives on one thread.
class FrozenClock {
 public:
  explicit FrozenClock(const Clock& clock) : clock_(clock) {}

  // A request came that arrived at this Unix time.
  void arrive(std::uint64_t wall_time_us) {
    base_ms_ = static_cast<double>(wall_time_us) / 1000.0;
    base_at_ = moment_ = clock_.now();
    shown_ms_ = shown_ms_ > base_ms_ ? shown_ms_ : base_ms_;
  }

  // Back to before the first request, for the top level of an environment that is made anew.
  void forget() { base_ms_ = shown_ms_ = 0.0; }

  // Something else came in: moves on by the time that has passed.
  void advance() {
    if (base_ms_ == 0.0) return;
    moment_ = clock_.now();
    const std::chrono::duration<double, std::milli> passed = moment_ - base_at_;
    const double now_ms = base_ms_ + passed.count();
    shown_ms_ = shown_ms_ > now_ms ? shown_ms_ : now_ms;
  }

  // Milliseconds since 1970.
  [[nodiscard]] double now_ms() const { return shown_ms_; }
  // When it last moved, by this machine's clock: what a worker's timers count from. Counted from
  // the moment they are set, their order would tell how long code took.
  [[nodiscard]] Instant moment() const { return moment_; }

 private:
  const Clock& clock_;
  double base_ms_ = 0.0;
  Instant base_at_{};
  Instant moment_{};
  double shown_ms_ = 0.0;
};

}  // namespace isopop::executor
