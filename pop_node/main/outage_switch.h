#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>

#include "common/event_loop/asio.h"
#include "common/http/server.h"
#include "common/log/log.h"

namespace isopop::pop {

// A rehearsed outage, for as long as the control plane says so: the server is as gone meanwhile.
// Lives on the event loop.
class OutageSwitch final {
 public:
  OutageSwitch(asio::io_context& io, http::Server& server) : server_(server), again_(io) {}

  void set(bool failed) {
    again_.cancel();
    if (failed != is_failed_) {
      log_warning("{}", failed ? "an outage is rehearsed: all connections are cut"
                               : "the rehearsed outage is over");
    }
    is_failed_ = failed;
    if (failed) {
      server_.suspend();
    } else {
      listen_again();
    }
  }

 private:
  static constexpr std::chrono::seconds kAgainPeriod{1};

  // Somebody may have taken the address meanwhile.
  void listen_again() {
    const Result<void> listens = server_.resume();
    if (listens.ok()) return;
    log_error("{}; trying again", listens.error().message);
    again_.expires_after(kAgainPeriod);
    again_.async_wait([this](boost::system::error_code cancelled) {
      if (!cancelled) listen_again();
    });
  }

  http::Server& server_;
  asio::steady_timer again_;
  bool is_failed_ = false;
};

}  // namespace isopop::pop
