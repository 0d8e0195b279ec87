#include "control_plane/relay/relay_channel.h"

#include <algorithm>
#include <utility>

namespace isopop::control {
namespace {

// Of one version, in place: the sums of both.
void add(v1::WorkerFigures& to, const v1::WorkerFigures& more) {
  to.set_requests(to.requests() + more.requests());
  to.set_errors(to.errors() + more.errors());
  to.set_crashes(to.crashes() + more.crashes());
  to.set_cpu_us(to.cpu_us() + more.cpu_us());
  to.set_cold_starts(to.cold_starts() + more.cold_starts());
  std::map<std::uint32_t, std::uint64_t> counts;
  for (const v1::LatencyBucket& bucket : to.latency()) counts[bucket.index()] += bucket.count();
  for (const v1::LatencyBucket& bucket : more.latency()) counts[bucket.index()] += bucket.count();
  to.clear_latency();
  for (const auto& [index, count] : counts) {
    v1::LatencyBucket& bucket = *to.add_latency();
    bucket.set_index(index);
    bucket.set_count(count);
  }
}

// The newer heartbeat with the figures of both.
v1::Heartbeat merged(const v1::Heartbeat& old, const v1::Heartbeat& newest) {
  v1::Heartbeat sum = newest;
  if (!sum.has_sandbox() && old.has_sandbox()) *sum.mutable_sandbox() = old.sandbox();
  for (const v1::WorkerFigures& figures : old.figures()) {
    const auto same = std::find_if(
        sum.mutable_figures()->begin(), sum.mutable_figures()->end(), [&](const auto& candidate) {
          return candidate.worker() == figures.worker() && candidate.number() == figures.number();
        });
    if (same == sum.mutable_figures()->end()) {
      *sum.add_figures() = figures;
    } else {
      add(*same, figures);
    }
  }
  return sum;
}

v1::HeldVersion held_of(const v1::Push& push) {
  v1::HeldVersion held;
  held.set_worker(push.has_live() ? push.live().worker() : push.removed());
  if (!push.has_live() || push.live().shares().empty()) return held;
  const v1::WorkerVersion& version = push.live().shares(0).version();
  held.set_number(version.number());
  held.set_bundle_sha256(version.bundle_sha256());
  held.set_deployment(push.live().deployment());
  held.set_digest(push.live().digest());
  return held;
}

}  // namespace

RelayChannel::Breach RelayChannel::receive(const v1::PopMessage& message) {
  if (message.has_hello() != pop().empty()) {
    return message.has_hello() ? "a second Hello" : "a message before Hello";
  }
  switch (message.message_case()) {
    case v1::PopMessage::kHello:
      hello_ = message.hello();
      hello_.clear_held();
      for (const v1::HeldVersion& held : message.hello().held()) held_[held.worker()] = held;
      if (pop().empty()) return "a Hello without an id";
      return std::nullopt;
    case v1::PopMessage::kAck:
      return on_answer(message.ack().nonce(), nullptr);
    case v1::PopMessage::kNack:
      return on_answer(message.nack().nonce(), &message.nack());
    case v1::PopMessage::kHeartbeat:
      on_heartbeat(message.heartbeat());
      return std::nullopt;
    case v1::PopMessage::kBundleRequest:
      if (!transfers_.begin(message.bundle_request().sha256(), message.bundle_request().offset())) {
        return "more bundles asked for than pushes are open";
      }
      wanted_.insert(message.bundle_request().sha256());
      return std::nullopt;
    case v1::PopMessage::kTailEvents:
      on_tail(message.tail_events());
      return std::nullopt;
    case v1::PopMessage::MESSAGE_NOT_SET:
      return std::nullopt;  // of a newer PoP: nothing we must understand
  }
  return std::nullopt;
}

RelayChannel::Breach RelayChannel::on_answer(std::uint64_t nonce, const v1::Nack* nack) {
  const auto found = in_flight_.find(nonce);
  if (found == in_flight_.end()) return "an answer to a push that is not open";
  const Sent sent = std::move(found->second);
  in_flight_.erase(found);
  const std::string& worker = sent.held.worker();
  if (nack == nullptr) {
    if (sent.held.number() == 0) {
      held_.erase(worker);
    } else {
      held_[worker] = sent.held;
    }
  } else if (nack->kept_number() == 0) {
    held_.erase(worker);
  }
  if (!open_at_root_ || sent.generation != generation_) return std::nullopt;
  if (snapshot_left_ > 0) --snapshot_left_;
  v1::PopMessage answer;
  if (nack == nullptr) {
    answer.mutable_ack()->set_nonce(sent.root_nonce);
  } else {
    *answer.mutable_nack() = *nack;
    answer.mutable_nack()->set_nonce(sent.root_nonce);
  }
  up_.push_back(std::move(answer));
  return std::nullopt;
}

void RelayChannel::on_heartbeat(const v1::Heartbeat& heartbeat) {
  v1::Heartbeat last = heartbeat;
  if (!last.has_sandbox() && last_beat_.has_sandbox()) {
    last.mutable_sandbox()->Swap(last_beat_.mutable_sandbox());
  }
  last.clear_figures();
  last.clear_wall_ms();  // it is said later
  last_beat_ = std::move(last);
  // What is counted while nobody hears it would come as one great leap later.
  if (!open_at_root_) return;
  beat_ = beat_ ? merged(*beat_, heartbeat) : heartbeat;
}

void RelayChannel::on_tail(const v1::TailEvents& events) {
  const auto tail = tails_.find(events.id());
  if (!open_at_root_ || tail == tails_.end()) return;
  const std::size_t bytes = events.ByteSizeLong();
  if (tail_bytes_ + bytes > kTailBytesMax) {
    tail->second += static_cast<std::uint64_t>(events.events_size()) + events.dropped();
    return;
  }
  v1::PopMessage message;
  *message.mutable_tail_events() = events;
  message.mutable_tail_events()->set_dropped(events.dropped() + std::exchange(tail->second, 0));
  tail_bytes_ += message.tail_events().ByteSizeLong();
  up_.push_back(std::move(message));
}

void RelayChannel::open_at_root() {
  open_at_root_ = true;
  ++generation_;
  v1::PopMessage message;
  *message.mutable_hello() = hello_;
  for (const auto& [worker, held] : held_) *message.mutable_hello()->add_held() = held;
  up_.push_front(std::move(message));
  if (last_beat_.ByteSizeLong() > 0) beat_ = last_beat_;
}

bool RelayChannel::lose_root() {
  open_at_root_ = false;
  up_.clear();
  tail_bytes_ = 0;
  beat_.reset();
  pushes_.clear();  // the root will say what is still to be done
  for (const auto& [id, dropped] : std::exchange(tails_, {})) {
    v1::ControlMessage stop;
    stop.mutable_tail_stop()->set_id(id);
    if (!outbox_.post(stop)) return false;
  }
  // Invalidations were missed from now on.
  v1::ControlMessage forget;
  forget.mutable_kv_invalidations()->set_everything(true);
  return outbox_.post(forget) && snapshot_left_ == 0;
}

bool RelayChannel::receive_from_root(const v1::ControlMessage& message) {
  switch (message.message_case()) {
    case v1::ControlMessage::kWelcome:
      // The PoP is told once, and is complete afterwards; what is pushed then is news to it.
      if (std::exchange(welcomed_, true)) return true;
      snapshot_left_ = message.welcome().workers();
      first_ = message;
      return true;
    case v1::ControlMessage::kRefusal:
      first_ = message;
      closing_ = true;
      return true;
    case v1::ControlMessage::kPush:
      pushes_.push_back(message.push());
      return pushes_.size() + in_flight_.size() <= kPushesMax;
    case v1::ControlMessage::kTailStart:
      if (!outbox_.post(message)) return false;
      tails_[message.tail_start().id()] = 0;
      return true;
    case v1::ControlMessage::kTailStop:
      tails_.erase(message.tail_stop().id());
      return outbox_.post(message);
    case v1::ControlMessage::kKvInvalidations:
    case v1::ControlMessage::kOutage:
      return outbox_.post(message);
    case v1::ControlMessage::kBundleChunk:
    case v1::ControlMessage::MESSAGE_NOT_SET:
      return true;
  }
  return true;
}

void RelayChannel::ask_root(const v1::BundleRequest& request) {
  v1::PopMessage message;
  *message.mutable_bundle_request() = request;
  up_.push_back(std::move(message));
}

v1::PopMessage RelayChannel::next_for_root() {
  v1::PopMessage message;
  if (up_.empty()) {
    *message.mutable_heartbeat() = *std::exchange(beat_, std::nullopt);
    return message;
  }
  message = std::move(up_.front());
  up_.pop_front();
  if (message.has_tail_events()) tail_bytes_ -= message.tail_events().ByteSizeLong();
  return message;
}

bool RelayChannel::has_for_pop() const {
  if (first_) return true;
  return !closing_ && (!outbox_.is_empty() || !pushes_.empty() || transfers_.has_chunk());
}

std::optional<v1::ControlMessage> RelayChannel::next_for_pop() {
  if (first_) return std::exchange(first_, std::nullopt);
  if (closing_) return std::nullopt;
  if (!outbox_.is_empty()) return outbox_.take();
  if (!pushes_.empty()) return next_push();
  if (transfers_.has_chunk()) return transfers_.next_chunk();
  return std::nullopt;
}

void RelayChannel::refuse(const std::string& reason) {
  v1::ControlMessage message;
  message.mutable_refusal()->set_reason(reason);
  first_ = std::move(message);
  closing_ = true;
}

v1::ControlMessage RelayChannel::next_push() {
  v1::ControlMessage message;
  v1::Push& push = *message.mutable_push();
  push = std::move(pushes_.front());
  pushes_.pop_front();
  const std::uint64_t nonce = ++last_nonce_;
  in_flight_[nonce] = {
      .root_nonce = push.nonce(), .generation = generation_, .held = held_of(push)};
  // One push a nonce, so the same number does for both.
  push.set_nonce(nonce);
  push.set_sequence(nonce);
  return message;
}

}  // namespace isopop::control
