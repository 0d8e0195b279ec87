#include "pop_node/pool/pool_policy.h"

#include <algorithm>
#include <utility>

#include "common/result/assert.h"

namespace isopop::pop {
namespace {

std::chrono::nanoseconds backoff(const PoolLimits& limits, std::size_t doublings) {
  std::chrono::nanoseconds delay = limits.backoff_min;
  for (std::size_t i = 0; i < doublings && delay < limits.backoff_max; ++i) delay *= 2;
  return std::min(delay, limits.backoff_max);
}

}  // namespace

void PoolPolicy::add_group(GroupId group, Sharing sharing) {
  const auto [place, inserted] = groups_.try_emplace(group);
  ISOPOP_ASSERT(inserted, "a group is added once");
  place->second.slots = sharing == Sharing::kOneRequest ? 1 : limits_.shared_requests_max;
}

void PoolPolicy::retire_group(GroupId group, Instant now) {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return;
  found->second.retired = true;
  pump(now);
}

void PoolPolicy::submit(GroupId id, TicketId ticket, Instant now) {
  const auto found = groups_.find(id);
  ISOPOP_ASSERT(found != groups_.end(), "tickets are for known groups");
  Group& group = found->second;
  if (draining_) {
    actions_.emplace_back(RejectTicket{ticket, RejectReason::kDraining, std::chrono::seconds(1)});
    return;
  }
  if (group.blocked_until > now && count(id) == count(id, State::kStopping)) {
    actions_.emplace_back(
        RejectTicket{ticket, RejectReason::kCannotStart, group.blocked_until - now});
    return;
  }
  if (waiting_ >= limits_.queue_max || group.waiting.size() >= limits_.queue_per_worker_max) {
    actions_.emplace_back(RejectTicket{ticket, RejectReason::kQueueFull, std::chrono::seconds(1)});
    return;
  }
  group.waiting.push_back({ticket, now});
  ++waiting_;
  pump(now);
}

void PoolPolicy::withdraw(TicketId ticket, Instant now) {
  for (auto& [id, group] : groups_) {
    const auto found = std::find_if(group.waiting.begin(), group.waiting.end(),
                                    [ticket](const Waiting& w) { return w.ticket == ticket; });
    if (found == group.waiting.end()) continue;
    group.waiting.erase(found);
    --waiting_;
    break;
  }
  pump(now);
}

void PoolPolicy::finished(ExecutorId id, TicketId ticket, Instant now) {
  const auto found = executors_.find(id);
  if (found == executors_.end()) return;
  Executor& executor = found->second;
  const auto place = std::find(executor.running.begin(), executor.running.end(), ticket);
  ISOPOP_ASSERT(place != executor.running.end(), "a ticket finishes where it was assigned");
  executor.running.erase(place);
  if (executor.running.empty()) executor.idle_since = now;
  groups_.at(executor.group).failures = 0;
  pump(now);
}

void PoolPolicy::executor_ready(ExecutorId id, Instant now) {
  const auto found = executors_.find(id);
  ISOPOP_ASSERT(found != executors_.end(), "an executor gets ready that was started");
  Executor& executor = found->second;
  if (executor.state != State::kStarting) return;  // asked to stop while it started
  executor.state = State::kReady;
  executor.idle_since = now;
  groups_.at(executor.group).last_ready_at = now;
  pump(now);
  executor.start = StartKind::kReady;
}

void PoolPolicy::executor_broken(ExecutorId id, Instant now) {
  const auto found = executors_.find(id);
  ISOPOP_ASSERT(found != executors_.end(), "an executor breaks that was started");
  found->second.state = State::kStopping;
  pump(now);
}

void PoolPolicy::executor_gone(ExecutorId id, Gone how, Instant now) {
  const auto found = executors_.find(id);
  ISOPOP_ASSERT(found != executors_.end(), "an executor goes that was started");
  const GroupId group_id = found->second.group;
  executors_.erase(found);
  Group& group = groups_.at(group_id);
  if (how != Gone::kAsAsked) {
    ++group.failures;
    // A crash may be one request's fault, so the first one costs no delay.
    const std::size_t first = how == Gone::kFailedToStart ? 1 : 2;
    if (group.failures >= first) {
      group.blocked_until = now + backoff(limits_, group.failures - first);
    }
    const bool none_left = count(group_id) == count(group_id, State::kStopping);
    if (none_left && group.blocked_until > now) {
      reject_all(group, RejectReason::kCannotStart, group.blocked_until - now);
    }
  }
  pump(now);
}

void PoolPolicy::drain(Instant now) {
  draining_ = true;
  for (auto& [id, group] : groups_) {
    group.retired = true;
    reject_all(group, RejectReason::kDraining, std::chrono::seconds(1));
  }
  pump(now);
}

void PoolPolicy::tick(Instant now) {
  pump(now);
}

void PoolPolicy::pump(Instant now) {
  expire(now);
  for (auto& [id, group] : groups_) assign_waiting(id, group);
  start_where_needed(now);
  shrink(now);
  forget_empty_groups();
}

void PoolPolicy::expire(Instant now) {
  for (auto& [id, group] : groups_) {
    while (!group.waiting.empty() && group.waiting.front().since + limits_.queue_deadline <= now) {
      actions_.emplace_back(RejectTicket{group.waiting.front().ticket, RejectReason::kQueueDeadline,
                                         std::chrono::seconds(1)});
      group.waiting.pop_front();
      --waiting_;
    }
  }
}

// The ready executor with a free place that worked last, so that the others can grow old and go;
// among shared ones the least loaded.
PoolPolicy::Executor* PoolPolicy::best_place(GroupId group, ExecutorId& id) {
  Executor* best = nullptr;
  const std::size_t slots = groups_.at(group).slots;
  for (auto& [candidate_id, candidate] : executors_) {
    if (candidate.group != group || candidate.state != State::kReady) continue;
    if (candidate.running.size() >= slots) continue;
    const bool better = best == nullptr || candidate.running.size() < best->running.size() ||
                        (candidate.running.size() == best->running.size() &&
                         candidate.running.empty() && candidate.idle_since > best->idle_since);
    if (!better) continue;
    best = &candidate;
    id = candidate_id;
  }
  return best;
}

void PoolPolicy::assign_waiting(GroupId id, Group& group) {
  while (!group.waiting.empty()) {
    ExecutorId place{};
    Executor* executor = best_place(id, place);
    if (executor == nullptr) return;
    const Waiting next = group.waiting.front();
    group.waiting.pop_front();
    --waiting_;
    executor->running.push_back(next.ticket);
    actions_.emplace_back(AssignTicket{next.ticket, place, executor->start});
  }
}

bool PoolPolicy::may_grow(GroupId id, const Group& group) const {
  return !group.waiting.empty() && count(id, State::kStarting) == 0 &&
         count(id) < limits_.executors_per_worker_max;
}

// When the group's next executor is to be started, given that it may have one.
Instant PoolPolicy::growth_due(GroupId id, const Group& group) const {
  const Instant since = group.waiting.front().since;
  const bool is_first = count(id, State::kReady) == 0;
  const Instant wanted =
      is_first ? since : std::max(since, group.last_ready_at) + limits_.grow_after;
  return std::max(wanted, group.blocked_until);
}

void PoolPolicy::start_where_needed(Instant now) {
  std::vector<Candidate> candidates;
  for (const auto& [id, group] : groups_) {
    if (may_grow(id, group) && growth_due(id, group) <= now) {
      candidates.push_back({group.waiting.front().since, id});
    }
  }
  // Who has waited longest goes first.
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return std::pair(a.since, a.group) < std::pair(b.since, b.group);
  });
  const auto is_going = [](const auto& entry) {
    return entry.second.state == State::kStopping || entry.second.state == State::kLeaving;
  };
  auto going = std::count_if(executors_.begin(), executors_.end(), is_going);
  for (const Candidate& candidate : candidates) {
    if (executors_.size() < limits_.executors_max) {
      const ExecutorId id{++last_executor_};
      executors_[id].group = candidate.group;
      actions_.emplace_back(StartExecutor{id, candidate.group});
    } else if (--going < 0) {
      // Nobody's leaving will serve this one.
      make_room(count(candidate.group) == 0 ? Need::kFirst : Need::kMore);
    }
  }
}

// Stops the executor that has been idle for longest. If none is idle and the need is great, one of
// the worker that has most takes no more requests.
void PoolPolicy::make_room(Need need) {
  auto oldest = executors_.end();
  for (auto entry = executors_.begin(); entry != executors_.end(); ++entry) {
    const Executor& executor = entry->second;
    if (executor.state != State::kReady || !executor.running.empty()) continue;
    if (oldest == executors_.end() || executor.idle_since < oldest->second.idle_since) {
      oldest = entry;
    }
  }
  if (oldest != executors_.end()) {
    stop(oldest->first, oldest->second);
    return;
  }
  if (need != Need::kFirst) return;
  Executor* given_up = nullptr;
  std::size_t most = 1;
  for (auto& [id, executor] : executors_) {
    const std::size_t ready = count(executor.group, State::kReady);
    if (executor.state != State::kReady || ready <= most) continue;
    most = ready;
    given_up = &executor;
  }
  if (given_up != nullptr) given_up->state = State::kLeaving;
}

void PoolPolicy::shrink(Instant now) {
  for (auto& [id, executor] : executors_) {
    const Group& group = groups_.at(executor.group);
    const bool unwanted = group.retired && group.waiting.empty();
    if (executor.state == State::kStarting && unwanted) stop(id, executor);
    if (executor.state == State::kStarting || executor.state == State::kStopping) continue;
    if (!executor.running.empty()) continue;
    if (unwanted || executor.state == State::kLeaving ||
        executor.idle_since + limits_.idle_timeout <= now)
      stop(id, executor);
  }
}

void PoolPolicy::forget_empty_groups() {
  for (auto entry = groups_.begin(); entry != groups_.end();) {
    const bool empty = entry->second.retired && entry->second.waiting.empty() &&
                       count(entry->first) == 0 && !draining_;
    if (!empty) {
      ++entry;
      continue;
    }
    actions_.emplace_back(ForgetGroup{entry->first});
    entry = groups_.erase(entry);
  }
}

void PoolPolicy::stop(ExecutorId id, Executor& executor) {
  executor.state = State::kStopping;
  actions_.emplace_back(StopExecutor{id});
}

void PoolPolicy::reject_all(Group& group, RejectReason reason,
                            std::chrono::nanoseconds retry_after) {
  for (const Waiting& waiting : group.waiting) {
    actions_.emplace_back(RejectTicket{waiting.ticket, reason, retry_after});
  }
  waiting_ -= group.waiting.size();
  group.waiting.clear();
}

std::size_t PoolPolicy::count(GroupId group) const {
  return static_cast<std::size_t>(
      std::count_if(executors_.begin(), executors_.end(),
                    [group](const auto& entry) { return entry.second.group == group; }));
}

std::size_t PoolPolicy::count(GroupId group, State state) const {
  return static_cast<std::size_t>(
      std::count_if(executors_.begin(), executors_.end(), [group, state](const auto& entry) {
        return entry.second.group == group && entry.second.state == state;
      }));
}

std::optional<Instant> PoolPolicy::next_tick() const {
  std::optional<Instant> next;
  const auto consider = [&next](Instant at) { next = next ? std::min(*next, at) : at; };
  bool has_idle = false;
  bool has_going = false;
  for (const auto& [id, executor] : executors_) {
    has_idle = has_idle || (executor.state == State::kReady && executor.running.empty());
    has_going =
        has_going || executor.state == State::kStopping || executor.state == State::kLeaving;
  }
  // When the PoP is full and nothing is idle, what lets another one start is no matter of time.
  const bool has_room = executors_.size() < limits_.executors_max || (has_idle && !has_going);
  for (const auto& [id, group] : groups_) {
    if (group.waiting.empty()) continue;
    consider(group.waiting.front().since + limits_.queue_deadline);
    if (has_room && may_grow(id, group)) consider(growth_due(id, group));
  }
  for (const auto& [id, executor] : executors_) {
    if (executor.state == State::kReady && executor.running.empty()) {
      consider(executor.idle_since + limits_.idle_timeout);
    }
  }
  return next;
}

std::vector<PoolAction> PoolPolicy::take_actions() {
  return std::exchange(actions_, {});
}

PoolFigures PoolPolicy::figures() const {
  PoolFigures figures;
  figures.executors = executors_.size();
  figures.waiting = waiting_;
  for (const auto& [id, executor] : executors_) {
    if (executor.state == State::kStarting) ++figures.executors_starting;
    figures.running += executor.running.size();
  }
  return figures;
}

}  // namespace isopop::pop
