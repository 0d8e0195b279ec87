#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/result/result.h"
#include "control_plane/telemetry/traffic_window.h"

namespace isopop::control {

// What speaks for or against a deployment at some PoPs.
struct Evidence {
  std::uint64_t nacks = 0;
  std::string first_nack;  // "AMS: does not compile"
  TrafficSum fresh;        // of the versions on trial there, since they came
  TrafficSum base;         // of those they are to replace
};

// What aborts a rollout when it is so:
//   nack            a PoP rejects it
//   crashes>0       executors that ended by themselves
//   error-rate>1%   5xx answers; judged from 50 requests or 10 errors on
//   p99>80ms        latency at the PoP (p50, p95, p99); judged from 100 requests on
//   p99>+20%        above the base's by so much; from 100 requests of either on
//   cpu>50ms        mean CPU time of a request, or cpu>+20%; from 50 requests (of either) on
// Fewer than that say nothing about a rate, so nothing is judged of them. Immutable.
class Guard final {
 public:
  static constexpr std::uint64_t kRequestsMin = 50;
  static constexpr std::uint64_t kErrorsMin = 10;
  static constexpr std::uint64_t kLatencyRequestsMin = 100;

  // INVALID_ARGUMENT says what is allowed.
  [[nodiscard]] static Result<Guard> parse(std::string_view text);

  // Why it is broken, in words; nothing while it holds, or cannot be judged yet.
  [[nodiscard]] std::optional<std::string> broken_by(const Evidence& evidence) const;
  // Whether requests decide, so that it has to be watched for a while.
  [[nodiscard]] bool is_about_traffic() const { return metric_ != Metric::kNack; }

 private:
  enum class Metric { kNack, kCrashes, kErrorRate, kLatency, kCpu };
  enum class Limit { kAbsolute, kAboveBase };

  static Result<Guard> parse_limit(Guard guard, std::string_view limit);
  [[nodiscard]] std::optional<std::string> judge_time(const Evidence& evidence) const;
  [[nodiscard]] std::chrono::nanoseconds measure(const TrafficSum& sum) const;

  std::string text_;
  Metric metric_ = Metric::kNack;
  Limit kind_ = Limit::kAbsolute;
  double quantile_ = 0.0;  // of kLatency
  double limit_ = 0.0;     // a count, a ratio, or nanoseconds
};

}  // namespace isopop::control
