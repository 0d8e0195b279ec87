#include "control_plane/distribution/pop_session.h"

#include <algorithm>
#include <utility>

#include "common/result/assert.h"

namespace isopop::control {

void PopSession::welcome(const std::string& pop, std::uint32_t protocol_version,
                         const std::set<std::string>& workers) {
  ISOPOP_ASSERT(!welcomed_, "one welcome a stream");
  pop_ = pop;
  welcomed_ = true;
  snapshot_left_ = workers;
  for (const std::string& worker : workers) enqueue(worker);
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

void PopSession::enqueue(const std::string& worker) {
  if (queued_.insert(worker).second) queue_.push_back(worker);
}

std::optional<PopSession::Answered> PopSession::answer(std::uint64_t nonce) {
  const auto found = in_flight_.find(nonce);
  if (found == in_flight_.end()) return std::nullopt;
  Answered change = std::move(found->second.change);
  in_flight_.erase(found);
  snapshot_left_.erase(change.worker);
  return change;
}

std::optional<Instant> PopSession::oldest_unanswered() const {
  if (in_flight_.empty()) return std::nullopt;
  return in_flight_.begin()->second.at;
}

bool PopSession::begin_transfer(const std::string& sha256, std::uint64_t offset) {
  if (transfers_.size() >= kTransfersMax) return false;
  transfers_.push_back({.sha256 = sha256, .offset = offset, .bytes = nullptr});
  return true;
}

bool PopSession::wants(const std::string& sha256) const {
  return std::any_of(transfers_.begin(), transfers_.end(), [&](const Transfer& transfer) {
    return transfer.sha256 == sha256 && transfer.bytes == nullptr;
  });
}

void PopSession::provide(const std::string& sha256, const BundleBytes& bytes) {
  for (Transfer& transfer : transfers_) {
    if (transfer.sha256 == sha256 && transfer.bytes == nullptr) transfer.bytes = bytes;
  }
}

bool PopSession::has_chunk() const {
  return std::any_of(transfers_.begin(), transfers_.end(),
                     [](const Transfer& transfer) { return transfer.bytes != nullptr; });
}

bool PopSession::has_next() const {
  if (first_) return true;
  if (closing_) return false;
  return !outbox_.is_empty() || can_push() || has_chunk();
}

bool PopSession::can_push() const {
  return !queue_.empty() && in_flight_.size() < kInFlightMax;
}

std::optional<v1::ControlMessage> PopSession::next(const Live& live, Instant now) {
  if (first_) return std::exchange(first_, std::nullopt);
  if (closing_) return std::nullopt;
  const bool posts = !outbox_.is_empty() && !(posted_last_ && can_push());
  posted_last_ = posts;
  if (posts) return outbox_.take();
  if (can_push()) return next_push(live, now);
  if (has_chunk()) return next_chunk();
  return std::nullopt;
}

v1::ControlMessage PopSession::next_push(const Live& live, Instant now) {
  const std::string worker = std::move(queue_.front());
  queue_.pop_front();
  queued_.erase(worker);
  v1::ControlMessage message;
  v1::Push& push = *message.mutable_push();
  push.set_nonce(++last_nonce_);
  push.set_sequence(++last_sequence_);
  Sent sent{.change = {.worker = worker, .number = 0}, .at = now};
  if (const auto found = live.find(worker); found != live.end()) {
    *push.mutable_live() = found->second;
    sent.change.number = found->second.shares(0).version().number();
  } else {
    push.set_removed(worker);
  }
  in_flight_.emplace(last_nonce_, std::move(sent));
  return message;
}

v1::ControlMessage PopSession::next_chunk() {
  // The oldest that can go on; the others get their turn when it is through.
  const auto transfer =
      std::find_if(transfers_.begin(), transfers_.end(),
                   [](const Transfer& candidate) { return candidate.bytes != nullptr; });
  const std::string& bytes = *transfer->bytes;
  // An offset at or past the end gets one empty chunk: "you have it all".
  const std::size_t offset = std::min<std::size_t>(transfer->offset, bytes.size());
  const std::size_t size = std::min(kBundleChunkBytes, bytes.size() - offset);
  v1::ControlMessage message;
  v1::BundleChunk& chunk = *message.mutable_bundle_chunk();
  chunk.set_sha256(transfer->sha256);
  chunk.set_offset(offset);
  chunk.set_total_bytes(bytes.size());
  chunk.set_data(bytes.substr(offset, size));
  transfer->offset = offset + size;
  if (transfer->offset >= bytes.size()) transfers_.erase(transfer);
  return message;
}

}  // namespace isopop::control
