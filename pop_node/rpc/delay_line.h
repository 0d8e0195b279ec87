#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <utility>

#include "common/event_loop/asio.h"
#include "common/time/clock.h"

namespace isopop::pop {

// One direction of a modelled line: what is given to it happens a fixed time later, in the same
// order. With no delay it happens at once. Holds as much as its users send within the delay. Lives
// on the event loop; what is still on its way when it is destroyed is lost.
class DelayLine final {
 public:
  DelayLine(asio::io_context& io, const Clock& clock, std::chrono::nanoseconds delay)
      : clock_(clock), delay_(delay), timer_(std::make_shared<asio::steady_timer>(io)) {}

  void send(std::function<void()> arrival) {
    if (delay_ == delay_.zero()) return arrival();
    on_the_way_.emplace_back(clock_.now() + delay_, std::move(arrival));
    if (on_the_way_.size() == 1) arm();
  }

 private:
  void arm() {
    timer_->expires_at(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(
        on_the_way_.front().first));
    timer_->async_wait([this, weak = std::weak_ptr(timer_)](boost::system::error_code cancelled) {
      if (cancelled || weak.expired()) return;
      const std::function<void()> arrival = std::move(on_the_way_.front().second);
      on_the_way_.pop_front();
      if (!on_the_way_.empty()) arm();
      arrival();
    });
  }

  const Clock& clock_;
  std::chrono::nanoseconds delay_;
  std::shared_ptr<asio::steady_timer> timer_;
  std::deque<std::pair<Instant, std::function<void()>>> on_the_way_;
};

}  // namespace isopop::pop
