#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "common/time/clock.h"
#include "control_plane/telemetry/traffic_window.h"

namespace isopop::control {

void merge(TrafficSum& into, const TrafficSum& more);

// What each version did in the last one to two minutes, all PoPs together: what a rollout that
// begins compares with. Bounded; not thread-safe.
class TrafficHistory final {
 public:
  static constexpr std::chrono::seconds kSpan{60};
  static constexpr std::size_t kVersionsMax = 10'000;  // in a span; of others nothing is known

  explicit TrafficHistory(Instant now) : span_began_(now) {}

  void add(const v1::WorkerFigures& figures, Instant now);
  [[nodiscard]] TrafficSum recent(const std::string& worker, std::uint64_t version) const;

 private:
  using Sums = std::map<std::pair<std::string, std::uint64_t>, TrafficSum>;
  Sums present_;
  Sums before_;
  Instant span_began_;
};

}  // namespace isopop::control
