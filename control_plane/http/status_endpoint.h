#pragma once

#include <memory>
#include <string>

#include "common/event_loop/address.h"
#include "common/http/server.h"
#include "control_plane/http/status_source.h"

namespace isopop::control {

// The HTTP side of a control plane or a relay, for probes and Prometheus: /healthz, /readyz,
// /metrics. Nothing here changes anything. Lives on the program's loop.
class StatusEndpoint final {
 public:
  [[nodiscard]] static Result<std::unique_ptr<StatusEndpoint>> create(asio::io_context& io,
                                                                      const Endpoint& endpoint,
                                                                      StatusSource& source);

  [[nodiscard]] std::string address() const { return to_string(server_->address()); }
  // No new requests; those that run are answered.
  asio::awaitable<void> drain();

 private:
  explicit StatusEndpoint(StatusSource& source) : source_(source) {}
  asio::awaitable<void> answer(http::Exchange& exchange);

  StatusSource& source_;
  std::unique_ptr<http::Server> server_;
};

}  // namespace isopop::control
