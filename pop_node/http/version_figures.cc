#include "pop_node/http/version_figures.h"

namespace isopop::pop {

VersionFigures::Figures& VersionFigures::of(const v1::WorkerVersion& version) {
  return figures_[{version.worker(), version.number()}];
}

void VersionFigures::count(const v1::WorkerVersion& version, const Request& request) {
  Figures& figures = of(version);
  ++figures.requests;
  if (request.status >= 500) ++figures.errors;
  if (request.is_cold) ++figures.cold_starts;
  figures.latency.record(request.latency);
}

void VersionFigures::count_cpu(const v1::WorkerVersion& version, std::uint32_t cpu_us) {
  of(version).cpu_us += cpu_us;
}

void VersionFigures::count_crash(const v1::WorkerVersion& version) {
  ++of(version).crashes;
}

void VersionFigures::take(v1::Heartbeat& heartbeat) {
  for (const auto& [key, figures] : figures_) {
    v1::WorkerFigures& out = *heartbeat.add_figures();
    out.set_worker(key.first);
    out.set_number(key.second);
    out.set_requests(figures.requests);
    out.set_errors(figures.errors);
    out.set_crashes(figures.crashes);
    out.set_cpu_us(figures.cpu_us);
    out.set_cold_starts(figures.cold_starts);
    const std::vector<std::uint64_t>& counts = figures.latency.counts();
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] == 0) continue;
      v1::LatencyBucket& bucket = *out.add_latency();
      bucket.set_index(static_cast<std::uint32_t>(i));
      bucket.set_count(counts[i]);
    }
  }
  figures_.clear();
}

}  // namespace isopop::pop
