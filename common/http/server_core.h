#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "common/http/deadlines.h"
#include "common/http/server.h"
#include "common/time/clock.h"

namespace isopop::http {

class Connection;

// Internal to common/http: what all connections of one server share, and its acceptor. Connections
// hold it alive until the last of them is gone. Lives on the io_context's thread.
class ServerCore final : public std::enable_shared_from_this<ServerCore> {
 public:
  ServerCore(asio::io_context& io, Handler handler, const ServerLimits& limits,
             RefusalHook on_refusal);

  Result<void> listen(const Endpoint& endpoint);
  void start_accepting();
  [[nodiscard]] Endpoint address() const { return address_; }

  void suspend();
  Result<void> resume();
  asio::awaitable<void> drain(std::chrono::milliseconds patience);
  // Stops listening and cuts every connection.
  void shut();

  // For connections.
  [[nodiscard]] const Handler& handler() const { return handler_; }
  [[nodiscard]] const ServerLimits& limits() const { return limits_; }
  [[nodiscard]] bool draining() const { return draining_; }
  [[nodiscard]] ServerCounters& counters() { return counters_; }
  [[nodiscard]] Deadlines& deadlines() { return deadlines_; }
  void remove(Connection& connection);
  // The Date header for now; made once a second.
  [[nodiscard]] std::string_view date();
  // The answer to a request that is not for the handler.
  [[nodiscard]] Refusal make_refusal(unsigned status, std::string_view reason);

 private:
  static asio::awaitable<void> accept_loop(std::shared_ptr<ServerCore> core);
  void admit(asio::ip::tcp::socket socket);
  void turn_away(asio::ip::tcp::socket socket);

  asio::io_context& io_;
  Handler handler_;
  ServerLimits limits_;
  RefusalHook on_refusal_;
  ServerCounters counters_;
  SystemClock clock_;
  Deadlines deadlines_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer accept_pause_;
  asio::steady_timer drained_;  // cancelled when the last connection goes
  Endpoint address_;
  std::unordered_set<Connection*> connections_;
  bool draining_ = false;
  std::string date_;
  std::int64_t date_second_ = -1;
};

}  // namespace isopop::http
