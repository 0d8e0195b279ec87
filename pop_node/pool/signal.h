#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "common/event_loop/asio.h"

namespace isopop::pop {

// Lets coroutines of one event loop sleep until something they check for may have changed:
//   while (!condition) co_await signal.wait();
// Nothing is remembered: a notify() that nobody waits for is lost, which the loop above makes
// right.
class Signal final {
 public:
  explicit Signal(asio::io_context& io) : timer_(io, asio::steady_timer::time_point::max()) {}

  // Wakes everybody who waits now.
  void notify() { timer_.cancel(); }

  asio::awaitable<void> wait() { co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable)); }

 private:
  asio::steady_timer timer_;
};

}  // namespace isopop::pop
