#include "common/time/hybrid_clock.h"

#include <algorithm>

namespace isopop {
namespace {

constexpr std::int64_t kDriftMaxMs =
    std::chrono::duration_cast<std::chrono::milliseconds>(HybridClock::kDriftMax).count();

}  // namespace

std::uint64_t HybridClock::next() {
  // A full counter runs over into the milliseconds, which is still greater.
  last_ = std::max(last_ + 1, stamp_of(to_unix_ms(clock_.wall_now())));
  return last_;
}

bool HybridClock::is_credible(std::uint64_t stamp) const {
  const std::int64_t ahead = ahead_ms(stamp);
  return ahead <= kDriftMaxMs && ahead >= -kDriftMaxMs;
}

void HybridClock::observe(std::uint64_t stamp) {
  if (ahead_ms(stamp) <= kDriftMaxMs) last_ = std::max(last_, stamp);
}

std::int64_t HybridClock::ahead_ms(std::uint64_t stamp) const {
  return unix_ms_of(stamp) - to_unix_ms(clock_.wall_now());
}

}  // namespace isopop
