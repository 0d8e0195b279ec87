#include "router/http/router_metrics.h"

#include <algorithm>

namespace isopop::router {
namespace {

CounterMetric outcome_counter(MetricsRegistry& registry, const std::string& outcome) {
  return registry.counter("isopop_router_requests_total", "Requests by how they ended.",
                          {{"outcome", outcome}});
}

LatencyMetric phase_latency(MetricsRegistry& registry, const std::string& phase) {
  return registry.latency("isopop_router_phase_seconds",
                          "Time of forwarded requests by phase; network is the modelled part.",
                          {{"phase", phase}});
}

}  // namespace

RouterMetrics::RouterMetrics()
    : outcomes_{outcome_counter(registry_, "forwarded"),
                outcome_counter(registry_, "bad_request"),
                outcome_counter(registry_, "no_pops"),
                outcome_counter(registry_, "unreachable"),
                outcome_counter(registry_, "broken_off"),
                outcome_counter(registry_, "client_gone")},
      failovers_(registry_.counter("isopop_router_failovers_total",
                                   "Requests that went on to another PoP.")),
      stale_connections_(
          registry_.counter("isopop_router_stale_connections_total",
                            "Kept connections to PoPs that turned out to be closed in use.")),
      route_seconds_(phase_latency(registry_, "route")),
      pop_seconds_(phase_latency(registry_, "pop")),
      network_seconds_(phase_latency(registry_, "network")),
      router_seconds_(phase_latency(registry_, "router")) {}

void RouterMetrics::count(Outcome outcome) {
  outcomes_.at(static_cast<std::size_t>(outcome)).increment();
}

void RouterMetrics::observe(const Phases& phases) {
  route_seconds_.observe(phases.route);
  pop_seconds_.observe(phases.pop);
  network_seconds_.observe(phases.network);
  router_seconds_.observe(phases.router);
}

std::string RouterMetrics::render(const http::ServerCounters& server,
                                  const http::ClientCounters& client, const PopTable& pops,
                                  std::size_t pops_out) {
  const auto show = [this](const std::string& name, const std::string& help, auto value) {
    registry_.gauge(name, help).set(static_cast<double>(value));
  };
  show("isopop_router_client_connections", "Open connections from clients.",
       server.connections_open);
  show("isopop_router_client_connections_refused", "Connections turned away, since the start.",
       server.connections_refused);
  show("isopop_router_requests_refused",
       "Requests answered 4xx or 5xx by the HTTP server itself, since the start.",
       server.requests_refused);
  show("isopop_router_pop_connections", "Open connections to PoPs.", client.connections_open);
  show("isopop_router_pop_connections_idle", "Of these, kept for the next request.",
       client.connections_idle);
  show("isopop_router_pop_connections_opened", "Connections opened to PoPs, since the start.",
       client.connections_opened);
  show("isopop_router_pop_connects_failed", "Connections that could not be opened.",
       client.connects_failed);
  show("isopop_router_pops_out", "PoPs left out because requests could not reach them.", pops_out);
  for (const PopState state : {PopState::kStarting, PopState::kReady, PopState::kDown}) {
    const auto count = std::count_if(pops.pops().begin(), pops.pops().end(),
                                     [state](const Pop& pop) { return pop.state == state; });
    registry_
        .gauge("isopop_router_pops", "PoPs by state.", {{"state", std::string(to_string(state))}})
        .set(static_cast<double>(count));
  }
  return registry_.render();
}

}  // namespace isopop::router
