#pragma once

#include <algorithm>
#include <chrono>

#include "common/random/random.h"

namespace isopop::pop {

// How long to wait before the next stream is tried: doubled from the first try up to the bound, and
// drawn from the upper three quarters of that. Chosen for 330 PoPs that lose one control plane at
// the same moment: they ask it 300 times a second while it is away, so that it has the processors
// to come back, and the last of them asks at most `max` after it is there, spread over all of that
// time.
class ReconnectDelay final {
 public:
  struct Bounds {
    std::chrono::milliseconds min{400};
    std::chrono::milliseconds max{2'000};
  };

  ReconnectDelay(Bounds bounds, RandomStream random)
      : bounds_(bounds), random_(random), next_(bounds.min) {}

  [[nodiscard]] std::chrono::milliseconds next() {
    const std::chrono::milliseconds delay = drawn(next_);
    next_ = std::min(next_ * 2, bounds_.max);
    return delay;
  }
  // Of another delay than its own.
  [[nodiscard]] std::chrono::milliseconds drawn(std::chrono::milliseconds delay) {
    constexpr double kLeast = 0.25;
    return std::chrono::duration_cast<std::chrono::milliseconds>(
        delay * (kLeast + (1 - kLeast) * random_.uniform()));
  }
  // It worked.
  void reset() { next_ = bounds_.min; }

 private:
  Bounds bounds_;
  RandomStream random_;
  std::chrono::milliseconds next_;
};

}  // namespace isopop::pop
