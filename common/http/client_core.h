#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/http/client_pool.h"
#include "common/http/deadlines.h"
#include "common/http/wire.h"

namespace isopop::http {

// Internal to common/http: one connection of the pool, in use by a call or idle.
struct ClientConnection {
  ClientConnection(asio::ip::tcp::socket socket, Deadlines& deadlines, Endpoint peer)
      : wire(std::move(socket), deadlines), endpoint(std::move(peer)) {}

  Wire wire;
  Endpoint endpoint;
  std::string host;  // the peer as a Host header
  std::uint64_t calls = 0;
  Instant idle_since;
};

// Internal to common/http: the pool's state, shared with its calls so that these may end after it.
// Hands out connections and takes them back. Lives on the io_context's thread.
class ClientCore final : public std::enable_shared_from_this<ClientCore> {
 public:
  using TimePoint = Instant;

  ClientCore(asio::io_context& io, const ClientLimits& limits);

  // Within the limits and before `until`. The error means that nothing was sent.
  asio::awaitable<Result<std::unique_ptr<ClientConnection>>> acquire(Endpoint endpoint, Reuse reuse,
                                                                     TimePoint until);
  // Keeps the connection for the next call.
  void give_back(std::unique_ptr<ClientConnection> connection);
  // Closes it.
  void discard(std::unique_ptr<ClientConnection> connection);

  void forget(const Endpoint& endpoint);
  void close();

  [[nodiscard]] const ClientLimits& limits() const { return limits_; }
  [[nodiscard]] ClientCounters& counters() { return counters_; }
  [[nodiscard]] Deadlines& deadlines() { return deadlines_; }

 private:
  // A caller that waits for a connection; woken by cancelling its timer.
  struct Waiter {
    explicit Waiter(asio::io_context& io) : timer(io) {}
    asio::steady_timer timer;
    bool woken = false;
  };
  struct Host {
    std::vector<std::unique_ptr<ClientConnection>> idle;  // the last used at the back
    std::size_t open = 0;                                 // idle ones and those in use
    std::list<Waiter> waiters;
  };
  // Closes idle connections that have been so for too long.
  class IdleSweep final : public Deadlines::Entry {
   public:
    explicit IdleSweep(ClientCore& core) : Entry(core.deadlines_), core_(core) {}

   private:
    void on_deadline() override { core_.close_expired(); }
    ClientCore& core_;
  };

  std::unique_ptr<ClientConnection> take_idle(Host& host);
  [[nodiscard]] bool make_room(Host& host);
  asio::awaitable<Result<void>> wait_turn(Host& host, TimePoint until);
  asio::awaitable<Result<std::unique_ptr<ClientConnection>>> connect(Endpoint endpoint,
                                                                     TimePoint until);
  void wake_next(Host& host);
  void drop_idle(Host& host, std::size_t index);
  void close_expired();

  asio::io_context& io_;
  ClientLimits limits_;
  ClientCounters counters_;
  Deadlines deadlines_;
  IdleSweep idle_sweep_;
  std::map<Endpoint, Host> hosts_;  // never shrinks: endpoints are PoPs, some hundreds
  std::size_t waiting_ = 0;
  bool closed_ = false;
};

}  // namespace isopop::http
