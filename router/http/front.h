#pragma once

#include <string_view>

#include "common/event_loop/asio.h"
#include "common/http/server.h"
#include "router/http/forward.h"

namespace isopop::router {

// The router's HTTP face: its own pages below /__isopop/ on any host, everything else goes to a
// PoP. Give handle() to http::Server.
class Front final {
 public:
  explicit Front(const RouterContext& context) : context_(context) {}

  asio::awaitable<void> handle(http::Exchange& exchange);
  // For the figures of the metrics page; before the first request.
  void attach(const http::Server& server) { server_ = &server; }

 private:
  asio::awaitable<void> answer_own_page(http::Exchange& exchange, std::string_view path);

  RouterContext context_;
  const http::Server* server_ = nullptr;
};

}  // namespace isopop::router
