#include "pop_node/http/edge_handler.h"

#include <fmt/format.h>

#include <utility>

#include "common/http/header_names.h"
#include "pop_node/http/edge_request.h"
#include "pop_node/http/error_answers.h"
#include "pop_node/http/subrequests.h"

namespace isopop::pop {

EdgeHandler::EdgeHandler(EdgeContext context, std::function<bool()> is_ready)
    : context_(std::move(context)),
      is_ready_(std::move(is_ready)),
      rays_(entropy64(), "pop_node/rays") {
  context_.pool.serve_subrequests([this](const SubrequestOrigin& origin, SubresponseSink& sink) {
    return open_subrequests(context_, origin, sink);
  });
}

asio::awaitable<void> EdgeHandler::handle(http::Exchange& exchange) {
  const std::string_view path = http::split_target(exchange.request().target).path;
  if (path.starts_with(http::own_paths::kPrefix)) {
    co_await answer_own_page(exchange, path);
    co_return;
  }
  EdgeRequest request(context_, exchange, next_ray());
  co_await request.serve();
}

asio::awaitable<void> EdgeHandler::answer_own_page(http::Exchange& exchange,
                                                   std::string_view path) {
  http::ResponseHead head;
  std::string body;
  head.headers.add(http::header_names::kContentType, "text/plain; charset=utf-8");
  if (path == http::own_paths::kHealth) {
    body = "ok\n";
  } else if (path == http::own_paths::kReady) {
    const bool ready = is_ready_();
    head.status = ready ? 200 : 503;
    body = ready ? "ready\n" : "not ready: the control plane has not sent all workers yet\n";
  } else if (path == http::own_paths::kMetrics) {
    head.headers.set(http::header_names::kContentType, MetricsRegistry::kContentType);
    context_.metrics.refresh(context_.kv);
    body = context_.metrics.render(
        context_.pool, server_ == nullptr ? http::ServerCounters{} : server_->counters(),
        context_.registry);
  } else {
    head.status = 404;
    body = "there are healthz, readyz and metrics\n";
  }
  (co_await exchange.respond(std::move(head), body)).ignore("the client is gone");
}

void EdgeHandler::dress(http::Refusal& refusal) {
  const std::string ray = next_ray();
  refusal.head.headers.set(http::header_names::kRay, ray);
  refusal.body += fmt::format("ray: {}\n", ray);
}

std::string EdgeHandler::next_ray() {
  return fmt::format("{:016x}-{}", rays_.next(), context_.colo);
}

}  // namespace isopop::pop
