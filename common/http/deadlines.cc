#include "common/http/deadlines.h"

#include <algorithm>

namespace isopop::http {
namespace {

constexpr std::chrono::milliseconds kCoalesce{10};

}  // namespace

Instant steady_now() {
  return SystemClock().now();
}

Deadlines::Entry::Entry(Deadlines& deadlines) : deadlines_(deadlines), next_(deadlines.first_) {
  if (next_ != nullptr) next_->previous_ = this;
  deadlines_.first_ = this;
}

Deadlines::Entry::~Entry() {
  if (deadlines_.sweeping_ == this) deadlines_.sweeping_ = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
  (previous_ != nullptr ? previous_->next_ : deadlines_.first_) = next_;
  if (deadlines_.first_ == nullptr) deadlines_.wake_at(TimePoint::max());
}

void Deadlines::Entry::set_deadline(TimePoint at) {
  at_ = at;
  if (at < deadlines_.wake_at_) deadlines_.wake_at(at);
}

void Deadlines::Entry::set_deadline_after(std::chrono::nanoseconds delay) {
  set_deadline(steady_now() + delay);
}

Deadlines::~Deadlines() {
  timer_.cancel();
}

void Deadlines::wake_at(TimePoint at) {
  wake_at_ = at;
  if (at == TimePoint::max()) {
    timer_.cancel();
    return;
  }
  timer_.expires_at(at + kCoalesce);
  timer_.async_wait([this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
    if (!error && !alive.expired()) sweep();
  });
}

void Deadlines::sweep() {
  const TimePoint now = steady_now();
  wake_at_ = TimePoint::max();
  TimePoint earliest = TimePoint::max();
  for (Entry* entry = first_; entry != nullptr; entry = sweeping_) {
    sweeping_ = entry->next_;
    if (entry->at_ <= now) {
      entry->at_ = TimePoint::max();
      entry->on_deadline();  // may destroy the entry; what it sets anew has woken the timer
    } else {
      earliest = std::min(earliest, entry->at_);
    }
  }
  sweeping_ = nullptr;
  if (earliest < wake_at_) wake_at(earliest);
}

}  // namespace isopop::http
