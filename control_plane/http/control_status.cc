#include "control_plane/http/control_status.h"

#include "isopop/v1/control.pb.h"

namespace isopop::control {

std::string ControlStatus::metrics() {
  loop_.refresh_metrics();
  double hits = 0;
  double misses = 0;
  double joined = 0;
  double writes = 0;
  double memory_bytes = 0;
  for (const v1::Pop& pop : loop_.distributor().pops()) {
    hits += static_cast<double>(pop.kv().hits());
    misses += static_cast<double>(pop.kv().misses());
    joined += static_cast<double>(pop.kv().joined());
    writes += static_cast<double>(pop.kv().writes());
    if (pop.state() != v1::POP_STATE_DOWN) memory_bytes += static_cast<double>(pop.memory_bytes());
  }
  // Sums over what each PoP counted since it started: a PoP that starts anew takes its part away.
  const auto set_kv = [this](const char* kind, double value) {
    metrics_
        .gauge("isopop_pops_kv_operations", "KV reads and writes of workers, by how they went.",
               {{"kind", kind}})
        .set(value);
  };
  set_kv("hit", hits);
  set_kv("miss", misses);
  set_kv("joined", joined);
  set_kv("write", writes);
  metrics_.gauge("isopop_pops_memory_bytes", "Of all connected PoPs with their executors.")
      .set(memory_bytes);
  metrics_.gauge("isopop_control_relays", "Relays that are connected.")
      .set(static_cast<double>(loop_.relays().size()));
  return metrics_.render() + telemetry_.render_totals();
}

}  // namespace isopop::control
