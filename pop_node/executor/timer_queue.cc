#include "pop_node/executor/timer_queue.h"

#include <algorithm>

namespace isopop::executor {

std::optional<std::uint32_t> TimerQueue::start(std::uint32_t request, Instant now,
                                               std::chrono::milliseconds delay, Kind kind) {
  if (timers_.size() >= kTimersMax) return std::nullopt;
  // An interval of nothing would never let the loop go.
  const auto least = std::chrono::milliseconds(kind == Kind::kRepeating ? 1 : 0);
  Entry entry;
  entry.request = request;
  entry.interval = std::clamp(delay, least, kDelayMax);
  entry.kind = kind;
  const std::uint32_t id = ++last_id_;
  enqueue(id, entry, now + entry.interval);
  timers_.emplace(id, entry);
  return id;
}

void TimerQueue::stop(std::uint32_t id) {
  const auto entry = timers_.find(id);
  if (entry == timers_.end()) return;
  due_.erase({entry->second.due, entry->second.sequence});
  timers_.erase(entry);
}

std::vector<std::uint32_t> TimerQueue::stop_all_of(std::uint32_t request) {
  std::vector<std::uint32_t> ids;
  for (const auto& [id, entry] : timers_) {
    if (entry.request == request) ids.push_back(id);
  }
  for (const std::uint32_t id : ids) stop(id);
  return ids;
}

std::optional<Instant> TimerQueue::next_due() const {
  if (due_.empty()) return std::nullopt;
  return due_.begin()->first.first;
}

std::optional<TimerQueue::Timer> TimerQueue::take_due(Instant now) {
  if (due_.empty() || due_.begin()->first.first > now) return std::nullopt;
  const std::uint32_t id = due_.begin()->second;
  Entry& entry = timers_.at(id);
  const Timer timer{.id = id, .request = entry.request};
  due_.erase(due_.begin());
  if (entry.kind == Kind::kRepeating) {
    enqueue(id, entry, now + entry.interval);
  } else {
    timers_.erase(id);
  }
  return timer;
}

void TimerQueue::enqueue(std::uint32_t id, Entry& entry, Instant due) {
  entry.due = due;
  entry.sequence = ++last_sequence_;
  due_.emplace(std::pair(due, entry.sequence), id);
}

}  // namespace isopop::executor
