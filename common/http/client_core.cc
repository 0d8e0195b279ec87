#include "common/http/client_core.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace isopop::http {
namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

// As awaited values and returned errors must not be built by braces in the co_return itself (GCC 12
// copies such temporaries bit by bit), these make them.
Error closed_error() {
  return {ErrorCode::kCancelled, "the client pool is closed"};
}
Error exhausted(std::string message) {
  return {ErrorCode::kResourceExhausted, std::move(message)};
}

}  // namespace

ClientCore::ClientCore(asio::io_context& io, const ClientLimits& limits)
    : io_(io), limits_(limits), deadlines_(io), idle_sweep_(*this) {}

asio::awaitable<Result<std::unique_ptr<ClientConnection>>> ClientCore::acquire(Endpoint endpoint,
                                                                               Reuse reuse,
                                                                               TimePoint until) {
  Host& host = hosts_[endpoint];
  while (true) {
    if (closed_) co_return closed_error();
    if (reuse == Reuse::kIfPossible) {
      if (std::unique_ptr<ClientConnection> connection = take_idle(host)) {
        co_return std::move(connection);
      }
    }
    if (make_room(host)) break;
    Result<void> turn = co_await wait_turn(host, until);
    if (!turn.ok()) co_return turn.error();
  }
  ++host.open;
  ++counters_.connections_open;
  Result<std::unique_ptr<ClientConnection>> connected = co_await connect(endpoint, until);
  if (connected.ok()) {
    ++counters_.connections_opened;
  } else {
    ++counters_.connects_failed;
    --host.open;
    --counters_.connections_open;
    wake_next(host);
  }
  co_return connected;
}

// The idle connection used last that is still good; closes those that are not.
std::unique_ptr<ClientConnection> ClientCore::take_idle(Host& host) {
  while (!host.idle.empty()) {
    std::unique_ptr<ClientConnection> connection = std::move(host.idle.back());
    host.idle.pop_back();
    --counters_.connections_idle;
    // A server has nothing to say on an idle connection but that it closes it.
    if (connection->wire.peek() == Wire::Peek::kQuiet) return connection;
    --host.open;
    --counters_.connections_open;
  }
  return nullptr;
}

// Whether one more connection may be opened; closes an idle one elsewhere if that helps.
bool ClientCore::make_room(Host& host) {
  if (host.open >= limits_.connections_per_endpoint_max) {
    if (host.idle.empty()) return false;
    drop_idle(host, 0);  // a fresh one was asked for
  }
  if (counters_.connections_open < limits_.connections_max) return true;
  Host* oldest = nullptr;
  for (auto& [endpoint, other] : hosts_) {
    if (other.idle.empty()) continue;
    if (oldest == nullptr || other.idle.front()->idle_since < oldest->idle.front()->idle_since) {
      oldest = &other;
    }
  }
  if (oldest == nullptr) return false;
  drop_idle(*oldest, 0);
  return true;
}

asio::awaitable<Result<void>> ClientCore::wait_turn(Host& host, TimePoint until) {
  if (waiting_ >= limits_.waiting_max) {
    co_return exhausted("too many requests wait for a connection");
  }
  ++waiting_;
  const auto waiter = host.waiters.emplace(host.waiters.end(), io_);
  waiter->timer.expires_at(std::min(until, steady_now() + limits_.wait_timeout));
  co_await waiter->timer.async_wait(kAwait);
  const bool woken = waiter->woken;
  host.waiters.erase(waiter);
  --waiting_;
  if (!woken) co_return exhausted("no connection came free in time");
  co_return Result<void>();
}

asio::awaitable<Result<std::unique_ptr<ClientConnection>>> ClientCore::connect(Endpoint endpoint,
                                                                               TimePoint until) {
  auto connection =
      std::make_unique<ClientConnection>(asio::ip::tcp::socket(io_), deadlines_, endpoint);
  connection->host = to_string(endpoint);
  const Result<void> connected = co_await connection->wire.connect(
      endpoint, std::min(until, steady_now() + limits_.connect_timeout));
  if (!connected.ok()) {
    co_return connected.error().with_context(fmt::format("connect to {}", connection->host));
  }
  if (closed_) co_return closed_error();
  co_return std::move(connection);
}

void ClientCore::give_back(std::unique_ptr<ClientConnection> connection) {
  if (closed_ || !connection->wire.is_open() || !connection->wire.unread().empty()) {
    discard(std::move(connection));
    return;
  }
  connection->wire.trim();
  connection->idle_since = steady_now();
  if (counters_.connections_idle == 0) {
    idle_sweep_.set_deadline(connection->idle_since + limits_.idle_timeout);
  }
  ++counters_.connections_idle;
  Host& host = hosts_[connection->endpoint];
  host.idle.push_back(std::move(connection));
  wake_next(host);
}

void ClientCore::discard(std::unique_ptr<ClientConnection> connection) {
  Host& host = hosts_[connection->endpoint];
  connection->wire.cut();
  --host.open;
  --counters_.connections_open;
  wake_next(host);
}

// One waiter may try again: of this endpoint, or, as there is room now in the whole, of another.
void ClientCore::wake_next(Host& host) {
  const auto wake = [](Host& of) {
    for (Waiter& waiter : of.waiters) {
      if (waiter.woken) continue;
      waiter.woken = true;
      waiter.timer.cancel();
      return true;
    }
    return false;
  };
  if (waiting_ == 0 || wake(host)) return;
  for (auto& [endpoint, other] : hosts_) {
    if (wake(other)) return;
  }
}

void ClientCore::drop_idle(Host& host, std::size_t index) {
  host.idle.erase(host.idle.begin() + static_cast<std::ptrdiff_t>(index));
  --host.open;
  --counters_.connections_idle;
  --counters_.connections_open;
}

void ClientCore::close_expired() {
  const TimePoint limit = steady_now() - limits_.idle_timeout;
  TimePoint oldest = TimePoint::max();
  for (auto& [endpoint, host] : hosts_) {
    while (!host.idle.empty() && host.idle.front()->idle_since <= limit) drop_idle(host, 0);
    if (!host.idle.empty()) oldest = std::min(oldest, host.idle.front()->idle_since);
  }
  if (oldest != TimePoint::max()) idle_sweep_.set_deadline(oldest + limits_.idle_timeout);
}

void ClientCore::forget(const Endpoint& endpoint) {
  const auto found = hosts_.find(endpoint);
  if (found == hosts_.end()) return;
  while (!found->second.idle.empty()) drop_idle(found->second, 0);
}

void ClientCore::close() {
  closed_ = true;
  idle_sweep_.clear_deadline();
  for (auto& [endpoint, host] : hosts_) {
    while (!host.idle.empty()) drop_idle(host, 0);
    for (Waiter& waiter : host.waiters) {
      waiter.woken = true;
      waiter.timer.cancel();
    }
  }
}

}  // namespace isopop::http
