#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "common/metrics/latency_buckets.h"
#include "common/time/clock.h"
#include "isopop/v1/distribution.pb.h"
#include "isopop/v1/operations.pb.h"

namespace isopop::control {

// Sums of WorkerFigures. A value type.
struct TrafficSum {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;
  std::uint64_t crashes = 0;
  std::uint64_t cpu_us = 0;
  std::uint64_t cold_starts = 0;
  LatencyBuckets latency;

  void add(const v1::WorkerFigures& figures);
};

// What all PoPs' requests came to in one interval, by version, by PoP and together: the core of
// `popctl top`. It is told each heartbeat's figures; take() gives the sums and begins the next
// interval. Not thread-safe.
class TrafficWindow final {
 public:
  // Versions, and PoPs, that are told apart in an interval; what is beyond counts in `all` alone.
  static constexpr std::size_t kKeysMax = 10'000;
  // Lines of each kind in an answer: the busiest.
  static constexpr int kLinesMax = 100;

  // Of one worker only, unless `worker` is empty.
  explicit TrafficWindow(std::string worker = {}) : worker_(std::move(worker)) {}

  void add(const std::string& pop, const v1::Heartbeat& heartbeat);
  // `interval` above 0: how long it was since the last take().
  [[nodiscard]] v1::Figures take(WallTime now, std::chrono::milliseconds interval);

 private:
  std::string worker_;
  std::map<std::pair<std::string, std::uint64_t>, TrafficSum> by_version_;
  std::map<std::string, TrafficSum> by_pop_;
  TrafficSum all_;
};

}  // namespace isopop::control
