#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>

#include "common/event_loop/asio.h"
#include "common/time/clock.h"

namespace isopop::http {

// Internal to common/http: real time, as the sockets' own deadlines run on it.
[[nodiscard]] Instant steady_now();

// Internal to common/http: thousands of deadlines on one timer. A connection moves its deadline
// several times a request, and almost never does one come to pass; so moving one is a store, and
// the timer is set anew only when the earliest deadline moves nearer. Deadlines fire up to 10 ms
// late. Single-threaded; the object outlives its entries.
class Deadlines {
 public:
  using TimePoint = Instant;

  // Something with a deadline. Taken out of the list when destroyed.
  class Entry {
   public:
    explicit Entry(Deadlines& deadlines);
    virtual ~Entry();
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

    void set_deadline(TimePoint at);
    void set_deadline_after(std::chrono::nanoseconds delay);
    void clear_deadline() { at_ = TimePoint::max(); }

   protected:
    // Called once for a deadline that has passed; may set a new one, destroy this entry or others.
    virtual void on_deadline() = 0;

   private:
    friend class Deadlines;

    Deadlines& deadlines_;
    TimePoint at_ = TimePoint::max();
    Entry* previous_ = nullptr;
    Entry* next_ = nullptr;
  };

  explicit Deadlines(asio::io_context& io) : timer_(io) {}
  ~Deadlines();
  Deadlines(const Deadlines&) = delete;
  Deadlines& operator=(const Deadlines&) = delete;

 private:
  void wake_at(TimePoint at);
  void sweep();

  asio::steady_timer timer_;
  TimePoint wake_at_ = TimePoint::max();
  Entry* first_ = nullptr;
  Entry* sweeping_ = nullptr;  // next to be looked at while a sweep runs
  // Gone with this object: a timer that has fired may still be queued then.
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

}  // namespace isopop::http
