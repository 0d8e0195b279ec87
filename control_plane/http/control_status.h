#pragma once

#include <string>

#include "common/metrics/metrics_registry.h"
#include "control_plane/http/status_source.h"
#include "control_plane/rpc/control_loop.h"
#include "control_plane/rpc/telemetry.h"

namespace isopop::control {

// What the control plane shows: its own figures, and those of all PoPs' requests. Lives on the
// control loop.
class ControlStatus final : public StatusSource {
 public:
  ControlStatus(ControlLoop& loop, MetricsRegistry& metrics, const Telemetry& telemetry)
      : loop_(loop), metrics_(metrics), telemetry_(telemetry) {}

  [[nodiscard]] bool is_ready() const override { return !loop_.is_shutting_down(); }
  [[nodiscard]] std::string metrics() override;

 private:
  ControlLoop& loop_;
  MetricsRegistry& metrics_;
  const Telemetry& telemetry_;
};

}  // namespace isopop::control
