#include "common/http/server_core.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>
#include <vector>

#include "common/http/connection.h"
#include "common/http/head_writer.h"
#include "common/http/header_names.h"
#include "common/log/log.h"

namespace isopop::http {
namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr int kBacklog = 4096;  // the kernel caps it at net.core.somaxconn
// After accept() failed for want of descriptors or memory.
constexpr std::chrono::milliseconds kAcceptPause{50};

}  // namespace

ServerCore::ServerCore(asio::io_context& io, Handler handler, const ServerLimits& limits,
                       RefusalHook on_refusal)
    : io_(io),
      handler_(std::move(handler)),
      limits_(limits),
      on_refusal_(std::move(on_refusal)),
      deadlines_(io),
      acceptor_(io),
      accept_pause_(io),
      drained_(io) {}

Result<void> ServerCore::listen(const Endpoint& endpoint) {
  boost::system::error_code error;
  const auto failed = [&](std::string_view what) -> Error {
    const ErrorCode code =
        error == asio::error::address_in_use ? ErrorCode::kAlreadyExists : ErrorCode::kUnavailable;
    return {code, fmt::format("{} {}: {}", what, to_string(endpoint), error.message())};
  };
  acceptor_.open(endpoint.protocol(), error);
  if (error) return failed("cannot open a socket for");
  acceptor_.set_option(asio::socket_base::reuse_address(true), error);
  if (error) return failed("cannot listen on");
  acceptor_.bind(endpoint, error);
  if (error) return failed("cannot listen on");
  acceptor_.listen(kBacklog, error);
  if (error) return failed("cannot listen on");
  address_ = acceptor_.local_endpoint(error);
  if (error) return failed("cannot listen on");
  return {};
}

void ServerCore::start_accepting() {
  asio::co_spawn(io_, accept_loop(shared_from_this()), asio::detached);
}

asio::awaitable<void> ServerCore::accept_loop(std::shared_ptr<ServerCore> core) {
  while (core->acceptor_.is_open()) {
    auto [error, socket] = co_await core->acceptor_.async_accept(kAwait);
    if (!error) {
      core->admit(std::move(socket));
      continue;
    }
    if (!core->acceptor_.is_open() || error == asio::error::operation_aborted) co_return;
    if (error == asio::error::connection_aborted) continue;
    log_warning("http: cannot accept on {}: {}", to_string(core->address_), error.message());
    core->accept_pause_.expires_after(kAcceptPause);
    const auto [cancelled] = co_await core->accept_pause_.async_wait(kAwait);
    if (cancelled) co_return;
  }
}

void ServerCore::admit(asio::ip::tcp::socket socket) {
  boost::system::error_code error;
  const Endpoint remote = socket.remote_endpoint(error);
  if (error) return;  // gone already
  ++counters_.connections_accepted;
  if (connections_.size() >= limits_.connections_max) {
    turn_away(std::move(socket));
    return;
  }
  auto connection = std::make_shared<Connection>(shared_from_this(), std::move(socket), remote);
  connections_.insert(connection.get());
  counters_.connections_open = connections_.size();
  asio::co_spawn(io_, Connection::serve(std::move(connection)), asio::detached);
}

void ServerCore::turn_away(asio::ip::tcp::socket socket) {
  ++counters_.connections_refused;
  const Refusal refusal = make_refusal(503, "there are too many connections");
  std::string text;
  write_response_head(text, refusal.head,
                      {.kind = Framing::Kind::kLength, .length = refusal.body.size()}, "close",
                      date())
      .ignore("a hook's broken header: then the client just sees the close");
  text.append(refusal.body);
  boost::system::error_code ignored;
  socket.non_blocking(true, ignored);
  socket.write_some(asio::buffer(text), ignored);
  // Sent before the client's request was read, so a plain close would reset what we just wrote.
  socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

void ServerCore::remove(Connection& connection) {
  connections_.erase(&connection);
  counters_.connections_open = connections_.size();
  if (connections_.empty()) drained_.cancel();
}

void ServerCore::suspend() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  accept_pause_.cancel();
  for (Connection* connection : connections_) connection->cut();
}

Result<void> ServerCore::resume() {
  if (acceptor_.is_open() || draining_) return {};
  const Result<void> listens = listen(address_);
  if (listens.ok()) {
    start_accepting();
  } else {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
  }
  return listens;
}

asio::awaitable<void> ServerCore::drain(std::chrono::milliseconds patience) {
  const std::shared_ptr<ServerCore> self = shared_from_this();
  draining_ = true;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  for (Connection* connection : connections_) {
    if (connection->is_idle()) connection->cut();
  }
  if (!connections_.empty()) {
    drained_.expires_after(patience);
    co_await drained_.async_wait(kAwait);
  }
  shut();
  // Cut connections end on the next turns of the loop; a handler that hangs elsewhere is not waited
  // for.
  constexpr std::chrono::milliseconds kCutTime{100};
  if (!connections_.empty()) {
    drained_.expires_after(kCutTime);
    co_await drained_.async_wait(kAwait);
  }
}

void ServerCore::shut() {
  draining_ = true;
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  accept_pause_.cancel();
  for (Connection* connection : connections_) connection->cut();
}

std::string_view ServerCore::date() {
  const std::int64_t second = to_unix_ms(clock_.wall_now()) / 1000;
  if (second != date_second_) {
    date_second_ = second;
    date_ = format_http_date(second);
  }
  return date_;
}

Refusal ServerCore::make_refusal(unsigned status, std::string_view reason) {
  Refusal refusal;
  refusal.head.status = status;
  refusal.head.headers.add(header_names::kContentType, "text/plain; charset=utf-8");
  if (status == 503) refusal.head.headers.add(header_names::kRetryAfter, "1");
  refusal.body = fmt::format("error code: {}\n{}\n", status, reason);
  if (on_refusal_) on_refusal_(refusal);
  return refusal;
}

}  // namespace isopop::http
