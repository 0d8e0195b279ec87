#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/http/client_pool.h"
#include "common/http/server.h"
#include "common/metrics/metrics_registry.h"
#include "router/policy/pop_table.h"

namespace isopop::router {

// How a request ended, as the router's metrics count it.
enum class Outcome {
  kForwarded,    // a PoP's answer was passed on, whatever its status
  kBadRequest,   // 400: where the client is could not be understood
  kNoPops,       // 503
  kUnreachable,  // 502: no PoP took it
  kBrokenOff,    // 502 or 504 after it was sent and could not be repeated; or cut amid the answer
  kClientGone,   // the client went, or its body broke a limit
};
inline constexpr std::size_t kOutcomes = 6;

// What the router counts, for /__isopop/metrics. Names begin with isopop_router_.
class RouterMetrics final {
 public:
  RouterMetrics();

  void count(Outcome outcome);
  // A request went on to another PoP because this one failed it.
  void count_failover() { failovers_.increment(); }
  // A kept connection turned out to be closed; the request was repeated on a new one to the same
  // PoP.
  void count_stale_connection() { stale_connections_.increment(); }

  struct Phases {
    std::chrono::nanoseconds route{};    // locating the client and choosing its PoP
    std::chrono::nanoseconds pop{};      // from sending the request to the answer's head
    std::chrono::nanoseconds network{};  // modelled
    std::chrono::nanoseconds router{};   // the router's own time
  };
  void observe(const Phases& phases);

  [[nodiscard]] std::string render(const http::ServerCounters& server,
                                   const http::ClientCounters& client, const PopTable& pops,
                                   std::size_t pops_out);

 private:
  MetricsRegistry registry_;
  std::array<CounterMetric, kOutcomes> outcomes_;
  CounterMetric failovers_;
  CounterMetric stale_connections_;
  LatencyMetric route_seconds_;
  LatencyMetric pop_seconds_;
  LatencyMetric network_seconds_;
  LatencyMetric router_seconds_;
};

}  // namespace isopop::router
