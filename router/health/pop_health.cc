#include "router/health/pop_health.h"

#include <algorithm>

namespace isopop::router {
namespace {

constexpr std::uint32_t kFailuresMax = 30;

}  // namespace

PopHealth::PopHealth(const HealthOptions& options, std::uint64_t seed)
    : options_(options), jitter_(seed, "router/health") {}

bool PopHealth::may_try(std::string_view pop, Instant now) {
  const auto found = out_.find(pop);
  if (found == out_.end()) return true;
  if (now < found->second.until) return false;
  found->second.until = now + backoff(found->second.failures);
  found->second.probing = true;
  return true;
}

void PopHealth::report_success(std::string_view pop) {
  if (out_.empty()) return;
  forget(pop);
}

void PopHealth::report_failure(std::string_view pop, Instant now) {
  auto found = out_.find(pop);
  if (found == out_.end()) found = out_.emplace(std::string(pop), Out{}).first;
  Out& out = found->second;
  // Requests in flight that fail together are one failure; only a probe's failure makes it worse.
  if (now < out.until && !out.probing) return;
  out.probing = false;
  out.failures = std::min(out.failures + 1, kFailuresMax);
  out.until = now + backoff(out.failures);
}

void PopHealth::forget(std::string_view pop) {
  const auto found = out_.find(pop);
  if (found != out_.end()) out_.erase(found);
}

std::chrono::nanoseconds PopHealth::backoff(std::uint32_t failures) {
  std::chrono::nanoseconds wait = options_.backoff_first;
  for (std::uint32_t i = 1; i < failures && wait < options_.backoff_max; ++i) wait *= 2;
  wait = std::min<std::chrono::nanoseconds>(wait, options_.backoff_max);
  const double factor = 1.0 + options_.jitter_ratio * (2.0 * jitter_.uniform() - 1.0);
  return std::chrono::round<std::chrono::nanoseconds>(wait * factor);
}

}  // namespace isopop::router
