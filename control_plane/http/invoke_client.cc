#include "control_plane/http/invoke_client.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <optional>
#include <utility>

#include "common/event_loop/address.h"
#include "common/http/client_pool.h"

namespace isopop::control {
namespace {

asio::awaitable<void> fetch_into(http::ClientPool& pool, Endpoint endpoint,
                                 http::RequestHead request, std::string body,
                                 std::chrono::milliseconds timeout,
                                 std::optional<http::FetchOutcome>& outcome) {
  http::FetchOutcome fetched =
      co_await pool.fetch(std::move(endpoint), std::move(request), std::move(body), timeout);
  outcome.emplace(std::move(fetched));
  pool.close();
}

}  // namespace

Result<http::Response> invoke(const std::string& address, const http::RequestHead& request,
                              const std::string& body, std::chrono::milliseconds timeout) {
  ISOPOP_TRY_ASSIGN(const Endpoint endpoint, parse_endpoint(address));
  asio::io_context io{1};
  http::ClientPool pool(io);
  std::optional<http::FetchOutcome> outcome;
  asio::co_spawn(io, fetch_into(pool, endpoint, request, body, timeout, outcome), asio::detached);
  while (!outcome && io.run_one() > 0) {
  }
  if (!outcome) return internal_error("the request could not be made");
  return std::move(outcome->response);
}

}  // namespace isopop::control
