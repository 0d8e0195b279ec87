#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "common/time/clock.h"
#include "control_plane/distribution/telemetry_sink.h"
#include "control_plane/rpc/control_loop.h"
#include "control_plane/telemetry/tail_hub.h"
#include "control_plane/telemetry/traffic_totals.h"
#include "control_plane/telemetry/traffic_window.h"

namespace isopop::control {

// Somebody who tails.
class TailReader {
 public:
  virtual ~TailReader() = default;
  virtual void tail_readable() = 0;  // next_batch() has something
};

// What PoPs tell of their requests, brought to those who asked: puts the cores (tails, figures,
// totals) on the control loop. Lives on the loop, and as long as it.
class Telemetry final : public TelemetrySink, public Watcher {
 public:
  static constexpr std::size_t kWindowsMax = 32;

  Telemetry(ControlLoop& loop, const Clock& clock) : loop_(loop), clock_(clock) {}

  // Before the servers start.
  void attach();

  [[nodiscard]] Result<TailHub::TailId> open_tail(const v1::TailRequest& request,
                                                  TailReader& reader);
  void close_tail(TailHub::TailId id);
  [[nodiscard]] std::optional<v1::TailBatch> next_batch(TailHub::TailId id);

  // A window is told every heartbeat until it is removed. RESOURCE_EXHAUSTED: too many at once.
  [[nodiscard]] Result<void> add_window(TrafficWindow& window);
  void remove_window(TrafficWindow& window) { windows_.erase(&window); }
  // The last seconds, for who does not want to wait for an interval's end.
  [[nodiscard]] v1::Figures recent(const std::string& worker) const;

  // The totals in Prometheus's text format.
  [[nodiscard]] std::string render_totals() const { return totals_.render(); }

  void on_heartbeat(const std::string& pop, const v1::Heartbeat& heartbeat) override;
  void on_tail(const std::string& pop, const v1::TailEvents& events) override;
  void pops_changed(const std::set<std::string>& ids) override;
  void pops_settled() override {}
  void worker_changed(const std::string& /*worker*/) override {}
  void shut_down() override {}

 private:
  struct Recent {
    Instant at;
    std::string pop;
    v1::Heartbeat figures;  // nothing else of it
  };
  void note_pop(const std::string& id);
  // Carries out what the hub wants.
  void settle();

  ControlLoop& loop_;
  const Clock& clock_;
  TailHub hub_;
  std::map<TailHub::TailId, TailReader*> readers_;
  std::map<std::string, std::int64_t> connected_;  // PoPs, and since when
  std::set<TrafficWindow*> windows_;
  std::deque<Recent> recent_;
  TrafficTotals totals_;
  Instant ranked_at_;
};

}  // namespace isopop::control
