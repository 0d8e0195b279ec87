#include "control_plane/telemetry/traffic_window.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace isopop::control {
namespace {

double to_ms(std::chrono::nanoseconds value) {
  return std::chrono::duration<double, std::milli>(value).count();
}

v1::Figures::Line line_of(const TrafficSum& sum, std::chrono::milliseconds interval) {
  v1::Figures::Line line;
  const auto requests = static_cast<double>(sum.requests);
  line.set_requests_per_s(requests / std::chrono::duration<double>(interval).count());
  if (sum.requests > 0) {
    line.set_error_ratio(std::min(1.0, static_cast<double>(sum.errors) / requests));
    line.set_cpu_ms(static_cast<double>(sum.cpu_us) / 1000.0 / requests);
  }
  line.set_p50_ms(to_ms(sum.latency.quantile(0.50)));
  line.set_p99_ms(to_ms(sum.latency.quantile(0.99)));
  line.set_cold_starts(sum.cold_starts);
  line.set_crashes(sum.crashes);
  return line;
}

// The busiest first; of two that are alike, the first by name.
template <typename Key>
std::vector<const std::pair<const Key, TrafficSum>*> busiest(
    const std::map<Key, TrafficSum>& sums) {
  std::vector<const std::pair<const Key, TrafficSum>*> order;
  order.reserve(sums.size());
  for (const auto& entry : sums) order.push_back(&entry);
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return a->second.requests > b->second.requests;
  });
  if (order.size() > TrafficWindow::kLinesMax) order.resize(TrafficWindow::kLinesMax);
  return order;
}

template <typename Key>
TrafficSum* find_or_add(std::map<Key, TrafficSum>& sums, const Key& key) {
  if (const auto found = sums.find(key); found != sums.end()) return &found->second;
  return sums.size() < TrafficWindow::kKeysMax ? &sums[key] : nullptr;
}

}  // namespace

void TrafficSum::add(const v1::WorkerFigures& figures) {
  requests += figures.requests();
  errors += figures.errors();
  crashes += figures.crashes();
  cpu_us += figures.cpu_us();
  cold_starts += figures.cold_starts();
  for (const v1::LatencyBucket& bucket : figures.latency()) {
    latency.add(bucket.index(), bucket.count());
  }
}

void TrafficWindow::add(const std::string& pop, const v1::Heartbeat& heartbeat) {
  for (const v1::WorkerFigures& figures : heartbeat.figures()) {
    if (!worker_.empty() && figures.worker() != worker_) continue;
    all_.add(figures);
    if (TrafficSum* sum = find_or_add(by_pop_, pop); sum != nullptr) sum->add(figures);
    TrafficSum* sum = find_or_add(by_version_, {figures.worker(), figures.number()});
    if (sum != nullptr) sum->add(figures);
  }
}

v1::Figures TrafficWindow::take(WallTime now, std::chrono::milliseconds interval) {
  v1::Figures figures;
  figures.set_at_ms(to_unix_ms(now));
  figures.set_interval_ms(static_cast<std::uint32_t>(interval.count()));
  for (const auto* entry : busiest(by_version_)) {
    v1::Figures::Line& line = *figures.add_workers();
    line = line_of(entry->second, interval);
    line.set_worker(entry->first.first);
    line.set_number(entry->first.second);
  }
  for (const auto* entry : busiest(by_pop_)) {
    v1::Figures::Line& line = *figures.add_pops();
    line = line_of(entry->second, interval);
    line.set_pop(entry->first);
  }
  *figures.mutable_all() = line_of(all_, interval);
  by_version_.clear();
  by_pop_.clear();
  all_ = {};
  return figures;
}

}  // namespace isopop::control
