#pragma once

#include <memory>
#include <string>

#include "common/event_loop/address.h"
#include "common/http/server.h"
#include "common/metrics/metrics_registry.h"
#include "control_plane/rpc/control_loop.h"

namespace isopop::control {

// The control plane's HTTP side, for probes and Prometheus: /healthz, /readyz, /metrics. Nothing
// here changes anything. Lives on the control loop.
class StatusEndpoint final {
 public:
  [[nodiscard]] static Result<std::unique_ptr<StatusEndpoint>> create(asio::io_context& io,
                                                                      const Endpoint& endpoint,
                                                                      ControlLoop& loop,
                                                                      MetricsRegistry& metrics);

  [[nodiscard]] std::string address() const { return to_string(server_->address()); }
  // No new requests; those that run are answered.
  asio::awaitable<void> drain();

 private:
  StatusEndpoint(ControlLoop& loop, MetricsRegistry& metrics) : loop_(loop), metrics_(metrics) {}
  asio::awaitable<void> answer(http::Exchange& exchange);

  ControlLoop& loop_;
  MetricsRegistry& metrics_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace isopop::control
