#include "control_plane/rollout/traffic_history.h"

namespace isopop::control {

void merge(TrafficSum& into, const TrafficSum& more) {
  into.requests += more.requests;
  into.errors += more.errors;
  into.crashes += more.crashes;
  into.cpu_us += more.cpu_us;
  into.cold_starts += more.cold_starts;
  into.latency.merge(more.latency);
}

void TrafficHistory::add(const v1::WorkerFigures& figures, Instant now) {
  if (now - span_began_ >= kSpan) {
    const bool is_next = now - span_began_ < 2 * kSpan;
    before_ = is_next ? std::exchange(present_, {}) : Sums();
    if (!is_next) present_.clear();
    span_began_ = now;
  }
  const std::pair key(figures.worker(), figures.number());
  auto found = present_.find(key);
  if (found == present_.end()) {
    if (present_.size() >= kVersionsMax) return;
    found = present_.emplace(key, TrafficSum()).first;
  }
  found->second.add(figures);
}

TrafficSum TrafficHistory::recent(const std::string& worker, std::uint64_t version) const {
  TrafficSum sum;
  for (const Sums* sums : {&before_, &present_}) {
    const auto found = sums->find({worker, version});
    if (found != sums->end()) merge(sum, found->second);
  }
  return sum;
}

}  // namespace isopop::control
