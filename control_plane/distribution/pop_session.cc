#include "control_plane/distribution/pop_session.h"

#include <algorithm>
#include <utility>

#include "common/result/assert.h"

namespace isopop::control {

bool PopSession::Marks::insert(WorkerIndex worker) {
  if (marks_.size() <= worker) marks_.resize(worker + 1);
  if (marks_[worker]) return false;
  marks_[worker] = true;
  ++count_;
  return true;
}

void PopSession::Marks::erase(WorkerIndex worker) {
  if (worker >= marks_.size() || !marks_[worker]) return;
  marks_[worker] = false;
  --count_;
}

void PopSession::welcome(const std::string& pop, std::uint32_t protocol_version,
                         const std::vector<WorkerIndex>& workers) {
  ISOPOP_ASSERT(!welcomed_, "one welcome a stream");
  pop_ = pop;
  welcomed_ = true;
  for (const WorkerIndex worker : workers) {
    snapshot_left_.insert(worker);
    enqueue(worker);
  }
  v1::ControlMessage message;
  message.mutable_welcome()->set_protocol_version(protocol_version);
  message.mutable_welcome()->set_workers(workers.size());
  first_ = std::move(message);
}

void PopSession::refuse(const std::string& reason) {
  v1::ControlMessage message;
  message.mutable_refusal()->set_reason(reason);
  first_ = std::move(message);
  closing_ = true;
}

void PopSession::enqueue(WorkerIndex worker) {
  if (queued_.insert(worker)) queue_.push_back(worker);
}

std::optional<PopSession::Change> PopSession::answer(std::uint64_t nonce) {
  const auto found = in_flight_.find(nonce);
  if (found == in_flight_.end()) return std::nullopt;
  Change change = std::move(found->second.change);
  in_flight_.erase(found);
  snapshot_left_.erase(change.worker);
  return change;
}

bool PopSession::is_in_flight(WorkerIndex worker) const {
  return std::any_of(in_flight_.begin(), in_flight_.end(),
                     [worker](const auto& entry) { return entry.second.change.worker == worker; });
}

std::optional<Instant> PopSession::oldest_unanswered() const {
  if (in_flight_.empty()) return std::nullopt;
  return in_flight_.begin()->second.at;
}

bool PopSession::has_next() const {
  if (first_) return true;
  if (closing_) return false;
  return !outbox_.is_empty() || can_push() || transfers_.has_chunk();
}

bool PopSession::can_push() const {
  return !queue_.empty() && in_flight_.size() < kInFlightMax;
}

std::optional<WorkerIndex> PopSession::next_worker() const {
  if (first_ || closing_ || !can_push()) return std::nullopt;
  return queue_.front();
}

void PopSession::skip_worker() {
  snapshot_left_.erase(queue_.front());
  queued_.erase(queue_.front());
  queue_.pop_front();
}

std::optional<v1::ControlMessage> PopSession::next(const Catalog& catalog,
                                                   const DesiredRef& desired, Instant now) {
  if (first_) return std::exchange(first_, std::nullopt);
  if (closing_) return std::nullopt;
  const bool posts = !outbox_.is_empty() && !(posted_last_ && can_push());
  posted_last_ = posts;
  if (posts) return outbox_.take();
  if (can_push()) return next_push(catalog, desired, now);
  if (transfers_.has_chunk()) return transfers_.next_chunk();
  return std::nullopt;
}

v1::ControlMessage PopSession::next_push(const Catalog& catalog, const DesiredRef& desired,
                                         Instant now) {
  const WorkerIndex worker = queue_.front();
  queue_.pop_front();
  queued_.erase(worker);
  v1::ControlMessage message;
  v1::Push& push = *message.mutable_push();
  push.set_nonce(++last_nonce_);
  push.set_sequence(++last_sequence_);
  if (desired != nullptr) {
    *push.mutable_live() = desired->assignment;
  } else {
    push.set_removed(catalog.name(worker));
  }
  in_flight_.emplace(last_nonce_,
                     Sent{.change = {.worker = worker, .desired = desired}, .at = now});
  return message;
}

}  // namespace isopop::control
