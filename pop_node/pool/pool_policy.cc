#include "pop_node/pool/pool_policy.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "common/result/assert.h"

namespace isopop::pop {
namespace {

// The budget's share that is kept free of idle executors, so that the next start finds room instead
// of waiting for one to end.
constexpr std::uint64_t kReserveShare = 64;

std::chrono::nanoseconds backoff(const PoolLimits& limits, std::size_t doublings) {
  std::chrono::nanoseconds delay = limits.backoff_min;
  for (std::size_t i = 0; i < doublings && delay < limits.backoff_max; ++i) delay *= 2;
  return std::min(delay, limits.backoff_max);
}

}  // namespace

bool PoolPolicy::Place::operator<(const Place& other) const {
  return std::tuple(running, other.idle_order, executor) <
         std::tuple(other.running, idle_order, other.executor);
}

void PoolPolicy::add_group(GroupId group, Sharing sharing) {
  const auto [place, inserted] = groups_.try_emplace(group);
  ISOPOP_ASSERT(inserted, "a group is added once");
  place->second.sharing = sharing;
  place->second.slots = sharing == Sharing::kManyRequests ? limits_.shared_requests_max : 1;
}

void PoolPolicy::retire_group(GroupId group, Instant now) {
  const auto found = groups_.find(group);
  if (found == groups_.end()) return;
  found->second.retired = true;
  settle(group, now);
}

void PoolPolicy::submit(GroupId id, TicketId ticket, Instant now, Turn turn) {
  const auto found = groups_.find(id);
  ISOPOP_ASSERT(found != groups_.end(), "tickets are for known groups");
  Group& group = found->second;
  if (draining_) {
    actions_.emplace_back(RejectTicket{ticket, RejectReason::kDraining, std::chrono::seconds(1)});
    return;
  }
  if (group.blocked_until > now && group.members.size() == group.stopping) {
    actions_.emplace_back(
        RejectTicket{ticket, RejectReason::kCannotStart, group.blocked_until - now});
    return;
  }
  if (waiting_.size() >= limits_.queue_max ||
      group.waiting.size() >= limits_.queue_per_worker_max) {
    actions_.emplace_back(RejectTicket{ticket, RejectReason::kQueueFull, std::chrono::seconds(1)});
    return;
  }
  // The list stays in the order of `since`, by which its front expires first.
  const bool overtakes = turn == Turn::kFirst && !group.waiting.empty();
  const auto at = overtakes ? group.waiting.begin() : group.waiting.end();
  const Instant since = overtakes ? group.waiting.front().since : now;
  waiting_[ticket] = {id, group.waiting.insert(at, {ticket, since, turn})};
  settle(id, now);
}

void PoolPolicy::withdraw(TicketId ticket, Instant now) {
  const auto found = waiting_.find(ticket);
  if (found == waiting_.end()) return;
  const WaitingPlace place = found->second;
  unqueue(groups_.at(place.group), place.at);
  settle(place.group, now);
}

void PoolPolicy::finished(ExecutorId id, TicketId ticket, Instant now) {
  const auto found = executors_.find(id);
  if (found == executors_.end()) return;
  Executor& executor = found->second;
  const auto place = std::find(executor.running.begin(), executor.running.end(), ticket);
  ISOPOP_ASSERT(place != executor.running.end(), "a ticket finishes where it was assigned");
  unlist(executor);
  executor.running.erase(place);
  --running_;
  if (executor.running.empty()) executor.idle_since = now;
  if (executor.running.empty() && executor.state == State::kLeaving) stop(id, executor);
  list(id, executor);
  groups_.at(executor.group).failures = 0;
  settle(executor.group, now);
}

void PoolPolicy::executor_ready(ExecutorId id, Instant now) {
  const auto found = executors_.find(id);
  ISOPOP_ASSERT(found != executors_.end(), "an executor gets ready that was started");
  Executor& executor = found->second;
  if (executor.state != State::kStarting) return;  // asked to stop while it started
  executor.idle_since = now;
  change_state(id, executor, State::kReady);
  groups_.at(executor.group).last_ready_at = now;
  settle(executor.group, now);
  executor.start = StartKind::kReady;
}

void PoolPolicy::executor_memory(ExecutorId id, std::uint64_t bytes, Instant now) {
  const auto found = executors_.find(id);
  if (found == executors_.end()) return;
  set_bytes(found->second, bytes);
  groups_.at(found->second.group).bytes_measured = bytes;
  settle(now);
}

void PoolPolicy::executor_broken(ExecutorId id, Instant now) {
  const auto found = executors_.find(id);
  ISOPOP_ASSERT(found != executors_.end(), "an executor breaks that was started");
  // One that never got ready took nothing; whether another may start shows when it has gone.
  if (found->second.state == State::kStarting) return;
  change_state(id, found->second, State::kStopping);
  settle(found->second.group, now);
}

void PoolPolicy::executor_gone(ExecutorId id, Gone how, Instant now) {
  const auto found = executors_.find(id);
  ISOPOP_ASSERT(found != executors_.end(), "an executor goes that was started");
  const GroupId group_id = found->second.group;
  Group& group = groups_.at(group_id);
  change_state(id, found->second, State::kStopping);
  set_bytes(found->second, 0);
  running_ -= found->second.running.size();
  --going_;
  --group.stopping;
  group.members.erase(id);
  executors_.erase(found);
  if (how == Gone::kFailedToStart || how == Gone::kCrashed) {
    ++group.failures;
    // A crash may be one request's fault, so the first one costs no delay.
    const std::size_t first = how == Gone::kFailedToStart ? 1 : 2;
    if (group.failures >= first) {
      group.blocked_until = now + backoff(limits_, group.failures - first);
    }
    const bool none_left = group.members.size() == group.stopping;
    if (none_left && group.blocked_until > now) {
      reject_all(group, RejectReason::kCannotStart, group.blocked_until - now);
    }
  }
  settle(group_id, now);
}

void PoolPolicy::drain(Instant now) {
  draining_ = true;
  for (auto& [id, group] : groups_) {
    group.retired = true;
    reject_all(group, RejectReason::kDraining, std::chrono::seconds(1));
    serve(id, now);
  }
  settle(now);
}

void PoolPolicy::tick(Instant now) {
  settle(now);
}

void PoolPolicy::settle(GroupId touched, Instant now) {
  expire(now);
  serve(touched, now);
  settle(now);
}

void PoolPolicy::settle(Instant now) {
  expire(now);
  start_where_needed(now);
  stop_idle(now);
  keep_to_budget();
}

// Brings one group up to date with what has happened to it.
void PoolPolicy::serve(GroupId id, Instant now) {
  const auto found = groups_.find(id);
  if (found == groups_.end()) return;
  Group& group = found->second;
  while (!group.waiting.empty() && !group.places.empty() && has_share(group)) {
    const ExecutorId place = group.places.begin()->executor;
    const TicketId ticket = group.waiting.front().ticket;
    unqueue(group, group.waiting.begin());
    assign(place, executors_.at(place), ticket);
  }
  const bool unwanted = group.retired && group.waiting.empty();
  if (unwanted) {
    for (const ExecutorId member : group.members) {
      ++steps_;
      Executor& executor = executors_.at(member);
      if (executor.running.empty() && executor.state != State::kStopping) stop(member, executor);
    }
  }
  reindex(id, group, now);
  if (unwanted && group.members.empty() && !draining_) {
    actions_.emplace_back(ForgetGroup{id});
    groups_.erase(found);
  }
}

void PoolPolicy::rekey(Agenda& agenda, std::optional<Instant>& key, std::optional<Instant> wanted,
                       GroupId id) {
  if (key == wanted) return;
  if (key) agenda.erase({*key, id});
  if (wanted) agenda.insert({*wanted, id});
  key = wanted;
}

void PoolPolicy::reindex(GroupId id, Group& group, Instant now) {
  ++steps_;
  std::optional<Instant> oldest;
  std::optional<Instant> later;
  std::optional<Instant> first;
  std::optional<Instant> more;
  if (!group.waiting.empty()) oldest = group.waiting.front().since;
  if (may_grow(group)) {
    const Instant due = growth_due(group);
    const bool has_none = group.ready.empty() && group.starting == 0;
    if (due > now) {
      later = due;
    } else {
      (has_none ? first : more) = oldest;
    }
  }
  rekey(oldest_, group.oldest_key, oldest, id);
  rekey(later_, group.later_key, later, id);
  rekey(due_first_, group.first_key, first, id);
  rekey(due_more_, group.more_key, more, id);
}

void PoolPolicy::expire(Instant now) {
  while (!oldest_.empty() && oldest_.begin()->first + limits_.queue_deadline <= now) {
    const GroupId id = oldest_.begin()->second;
    Group& group = groups_.at(id);
    actions_.emplace_back(RejectTicket{group.waiting.front().ticket, RejectReason::kQueueDeadline,
                                       std::chrono::seconds(1)});
    unqueue(group, group.waiting.begin());
    serve(id, now);
  }
}

bool PoolPolicy::may_grow(const Group& group) const {
  if (group.waiting.empty()) return false;
  if (group.members.size() >= share_of(group)) return false;
  if (group.sharing == Sharing::kContainer) return group.starting < group.waiting.size();
  return group.starting == 0;
}

// How many executors there may be for the ticket whose turn it is.
std::size_t PoolPolicy::share_of(const Group& group) const {
  const bool is_first = group.waiting.front().turn == Turn::kFirst;
  return is_first ? 2 * limits_.executors_per_worker_max : limits_.executors_per_worker_max;
}

bool PoolPolicy::has_share(const Group& group) const {
  return group.slots > 1 || group.ready.size() - group.places.size() < share_of(group);
}

// When the group's next executor is to be started, given that it may have one.
Instant PoolPolicy::growth_due(const Group& group) const {
  const Instant since = group.waiting.front().since;
  const bool at_once = group.ready.empty() || group.sharing == Sharing::kContainer;
  const Instant wanted =
      at_once ? since : std::max(since, group.last_ready_at) + limits_.grow_after;
  return std::max(wanted, group.blocked_until);
}

bool PoolPolicy::fits(const Group& group) const {
  if (executors_.empty()) return true;
  return executors_.size() < limits_.executors_max &&
         bytes_ + expected_bytes(group) <= limits_.memory_budget_bytes;
}

std::uint64_t PoolPolicy::expected_bytes(const Group& group) const {
  if (group.bytes_measured > 0) return group.bytes_measured;
  const std::uint64_t mean = executors_.empty() ? 0 : bytes_ / executors_.size();
  return std::max(limits_.executor_bytes_expected, mean);
}

// Workers without an executor go first, then those that want another; each in the order in which
// their oldest tickets came.
void PoolPolicy::start_where_needed(Instant now) {
  while (!later_.empty() && later_.begin()->first <= now) {
    const GroupId id = later_.begin()->second;
    reindex(id, groups_.at(id), now);
  }
  while (!due_first_.empty() || !due_more_.empty()) {
    const Agenda& agenda = due_first_.empty() ? due_more_ : due_first_;
    const GroupId id = agenda.begin()->second;
    Group& group = groups_.at(id);
    if (!fits(group)) {
      make_room(group);
      return;
    }
    start(id, group, now);
  }
}

void PoolPolicy::start(GroupId id, Group& group, Instant now) {
  const std::uint64_t bytes = expected_bytes(group);
  const ExecutorId executor_id{++last_executor_};
  Executor& executor = executors_[executor_id];
  executor.group = id;
  set_bytes(executor, bytes);
  group.members.insert(executor_id);
  ++group.starting;
  ++starting_;
  std::chrono::nanoseconds delay{};
  if (group.sharing == Sharing::kContainer)
    delay = draw(limits_.container_start, container_starts_);
  actions_.emplace_back(StartExecutor{executor_id, id, delay});
  reindex(id, group, now);
}

// Stops idle executors until, with those that are on their way out, there is room for everybody who
// waits for a start. When none is idle and some worker has no executor at all, one of the worker
// that has most takes no more tickets.
void PoolPolicy::make_room(const Group& next) {
  const std::size_t wanted = due_first_.size() + due_more_.size();
  const std::uint64_t bytes_wanted =
      expected_bytes(next) + (wanted - 1) * limits_.executor_bytes_expected;
  const auto lacks_room = [&] {
    return executors_.size() - going_ + wanted > limits_.executors_max ||
           bytes_ - bytes_going_ + bytes_wanted > limits_.memory_budget_bytes;
  };
  while (oldest_idle() != kIdleKinds && (going_ == 0 || lacks_room())) evict();
  while (going_ < due_first_.size() && !busiest_.empty() && oldest_idle() == kIdleKinds) {
    const ExecutorId given_up = *groups_.at(busiest_.rbegin()->second).ready.begin();
    change_state(given_up, executors_.at(given_up), State::kLeaving);
    ++steps_;
  }
}

void PoolPolicy::stop_idle(Instant now) {
  for (std::size_t kind = 0; kind < kIdleKinds; ++kind) {
    while (!idle_.at(kind).empty()) {
      const ExecutorId id = idle_.at(kind).front();
      Executor& executor = executors_.at(id);
      if (executor.idle_since + idle_timeout(kind) > now) break;
      stop(id, executor);
    }
  }
}

void PoolPolicy::keep_to_budget() {
  const std::uint64_t budget = limits_.memory_budget_bytes;
  while (bytes_ - bytes_going_ > budget - budget / kReserveShare && oldest_idle() != kIdleKinds) {
    evict();
  }
}

// Which of the lists of idle executors begins with the one that has been idle for longest;
// kIdleKinds when there is none.
std::size_t PoolPolicy::oldest_idle() const {
  std::size_t oldest = kIdleKinds;
  Instant since;
  for (std::size_t kind = 0; kind < kIdleKinds; ++kind) {
    if (idle_.at(kind).empty()) continue;
    const Instant its = executors_.at(idle_.at(kind).front()).idle_since;
    if (oldest != kIdleKinds && its >= since) continue;
    oldest = kind;
    since = its;
  }
  return oldest;
}

std::chrono::nanoseconds PoolPolicy::idle_timeout(std::size_t kind) const {
  return kind == kIdleContainers ? limits_.container_idle_timeout : limits_.idle_timeout;
}

void PoolPolicy::evict() {
  const ExecutorId id = idle_.at(oldest_idle()).front();
  ++evicted_;
  stop(id, executors_.at(id));
}

void PoolPolicy::stop(ExecutorId id, Executor& executor) {
  ++steps_;
  change_state(id, executor, State::kStopping);
  actions_.emplace_back(StopExecutor{id});
}

void PoolPolicy::assign(ExecutorId id, Executor& executor, TicketId ticket) {
  ++steps_;
  unlist(executor);
  executor.running.push_back(ticket);
  ++running_;
  list(id, executor);
  actions_.emplace_back(AssignTicket{ticket, id, executor.start});
}

void PoolPolicy::change_state(ExecutorId id, Executor& executor, State state) {
  Group& group = groups_.at(executor.group);
  unlist(executor);
  const std::size_t ready_before = group.ready.size();
  const auto is_going = [](State s) { return s == State::kLeaving || s == State::kStopping; };
  const State before = std::exchange(executor.state, state);
  if (before == State::kStarting && state != State::kStarting) {
    --group.starting;
    --starting_;
  }
  if (before == State::kReady) group.ready.erase(id);
  if (state == State::kReady) group.ready.insert(id);
  if (state == State::kStopping && before != State::kStopping) ++group.stopping;
  if (is_going(state) && !is_going(before)) {
    ++going_;
    bytes_going_ += executor.bytes;
  }
  count_ready(executor.group, group, ready_before);
  list(id, executor);
}

void PoolPolicy::count_ready(GroupId id, Group& group, std::size_t before) {
  const std::size_t after = group.ready.size();
  if (before == after) return;
  if (before >= 2) busiest_.erase({before, id});
  if (after >= 2) busiest_.insert({after, id});
}

void PoolPolicy::unlist(Executor& executor) {
  Group& group = groups_.at(executor.group);
  if (executor.place) group.places.erase(*executor.place);
  executor.place.reset();
  if (executor.idle) {
    const bool is_container = group.sharing == Sharing::kContainer;
    idle_.at(is_container ? kIdleContainers : kIdleExecutors).erase(*executor.idle);
  }
  executor.idle.reset();
}

void PoolPolicy::list(ExecutorId id, Executor& executor) {
  if (executor.state != State::kReady) return;
  Group& group = groups_.at(executor.group);
  const bool is_idle = executor.running.empty();
  if (executor.running.size() < group.slots) {
    executor.place = Place{.running = executor.running.size(),
                           .idle_order = is_idle ? ++last_idle_ : 0,
                           .executor = id};
    group.places.insert(*executor.place);
  }
  if (!is_idle) return;
  const bool is_container = group.sharing == Sharing::kContainer;
  IdleList& idle = idle_.at(is_container ? kIdleContainers : kIdleExecutors);
  executor.idle = idle.insert(idle.end(), id);
}

void PoolPolicy::set_bytes(Executor& executor, std::uint64_t bytes) {
  const bool is_going = executor.state == State::kLeaving || executor.state == State::kStopping;
  bytes_ += bytes - executor.bytes;
  if (is_going) bytes_going_ += bytes - executor.bytes;
  executor.bytes = bytes;
}

void PoolPolicy::unqueue(Group& group, std::list<Waiting>::iterator at) {
  ++steps_;
  waiting_.erase(at->ticket);
  group.waiting.erase(at);
}

void PoolPolicy::reject_all(Group& group, RejectReason reason,
                            std::chrono::nanoseconds retry_after) {
  while (!group.waiting.empty()) {
    actions_.emplace_back(RejectTicket{group.waiting.front().ticket, reason, retry_after});
    unqueue(group, group.waiting.begin());
  }
}

// When the PoP is full, what lets another executor start is no matter of time: groups whose time
// for one has come do not count here.
std::optional<Instant> PoolPolicy::next_tick() const {
  std::optional<Instant> next;
  const auto consider = [&next](Instant at) { next = next ? std::min(*next, at) : at; };
  if (!oldest_.empty()) consider(oldest_.begin()->first + limits_.queue_deadline);
  if (!later_.empty()) consider(later_.begin()->first);
  for (std::size_t kind = 0; kind < kIdleKinds; ++kind) {
    if (idle_.at(kind).empty()) continue;
    consider(executors_.at(idle_.at(kind).front()).idle_since + idle_timeout(kind));
  }
  return next;
}

std::vector<PoolAction> PoolPolicy::take_actions() {
  return std::exchange(actions_, {});
}

PoolFigures PoolPolicy::figures() const {
  return {.executors = executors_.size(),
          .executors_starting = starting_,
          .waiting = waiting_.size(),
          .running = running_,
          .memory_bytes = bytes_,
          .evicted = evicted_};
}

}  // namespace isopop::pop
