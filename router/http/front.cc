#include "router/http/front.h"

#include <string>
#include <utility>

#include "common/http/header_names.h"
#include "router/http/error_answer.h"

namespace isopop::router {

namespace own_paths = http::own_paths;

asio::awaitable<void> Front::handle(http::Exchange& exchange) {
  const std::string_view path = http::split_target(exchange.request().target).path;
  if (path.starts_with(own_paths::kPrefix)) {
    co_await answer_own_page(exchange, path);
    co_return;
  }
  Forward forward(context_, exchange);
  co_await forward.run();
}

asio::awaitable<void> Front::answer_own_page(http::Exchange& exchange, std::string_view path) {
  http::ResponseHead head;
  std::string body;
  std::string_view type = "text/plain; charset=utf-8";
  const PopTable& pops = *context_.routing.view().table;
  if (path == own_paths::kHealth) {
    body = "ok\n";
  } else if (path == own_paths::kReady) {
    const bool ready = !pops.eligible().empty();
    head.status = ready ? 200 : 503;
    body = ready ? "ready\n" : "no PoP is ready\n";
  } else if (path == own_paths::kMetrics) {
    type = MetricsRegistry::kContentType;
    body =
        context_.metrics.render(server_ != nullptr ? server_->counters() : http::ServerCounters{},
                                context_.pool.counters(), pops, context_.health.out_count());
  } else {
    head.status = 404;
    body = "the router has no such page\n";
  }
  head.headers.add(http::header_names::kContentType, type);
  (co_await exchange.respond(std::move(head), body)).ignore("then the client has gone");
}

}  // namespace isopop::router
