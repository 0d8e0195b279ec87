#include "control_plane/http/status_endpoint.h"

#include <utility>

#include "common/http/header_names.h"
#include "common/metrics/metrics_registry.h"

namespace isopop::control {
namespace {

constexpr std::chrono::milliseconds kDrainTimeout{1'000};
constexpr http::ServerLimits kLimits{.connections_max = 64, .body_bytes_max = 0};

struct Page {
  unsigned status = 200;
  std::string_view type = "text/plain; charset=utf-8";
  std::string body;
};

http::ResponseHead head_of(const Page& page) {
  http::ResponseHead head{.status = page.status, .reason = {}, .headers = {}};
  head.headers.add(http::header_names::kContentType, page.type);
  return head;
}

}  // namespace

Result<std::unique_ptr<StatusEndpoint>> StatusEndpoint::create(asio::io_context& io,
                                                               const Endpoint& endpoint,
                                                               StatusSource& source) {
  std::unique_ptr<StatusEndpoint> self(new StatusEndpoint(source));
  ISOPOP_TRY_ASSIGN(self->server_, http::Server::create(
                                       io, endpoint,
                                       [borrowed = self.get()](http::Exchange& exchange) {
                                         return borrowed->answer(exchange);
                                       },
                                       kLimits));
  return self;
}

asio::awaitable<void> StatusEndpoint::drain() {
  co_await server_->drain(kDrainTimeout);
}

asio::awaitable<void> StatusEndpoint::answer(http::Exchange& exchange) {
  const http::TargetParts target = http::split_target(exchange.request().target);
  Page page;
  if (target.path == "/healthz") {
    page.body = "ok\n";
  } else if (target.path == "/readyz") {
    const bool ready = source_.is_ready();
    page = {.status = ready ? 200U : 503U, .body = ready ? "ready\n" : "shutting down\n"};
  } else if (target.path == "/metrics") {
    page = {.type = MetricsRegistry::kContentType, .body = source_.metrics()};
  } else {
    page = {.status = 404, .body = "there is /healthz, /readyz and /metrics\n"};
  }
  (co_await exchange.respond(head_of(page), page.body)).ignore("the client went away");
}

}  // namespace isopop::control
