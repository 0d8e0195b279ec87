#include "control_plane/distribution/distributor.h"

#include <fmt/format.h>

#include <utility>

#include "common/result/assert.h"
#include "common/text/text.h"
#include "common/units/units.h"
#include "control_plane/distribution/convergence.h"

namespace isopop::control {
namespace {

constexpr std::size_t kNackBytesMax = 1024;

v1::ControlMessage outage(bool failed) {
  v1::ControlMessage message;
  message.mutable_outage()->set_failed(failed);
  return message;
}

}  // namespace

Distributor::Distributor(const Clock& clock, DistributorLimits limits)
    : clock_(clock),
      limits_(limits),
      cache_(limits.bundle_cache_bytes_max),
      last_tick_(clock.now()) {}

Distributor::Effects Distributor::take_effects() {
  return std::exchange(effects_, {});
}

Distributor::SessionId Distributor::open(const StreamOrigin& origin) {
  const SessionId id = ++last_session_;
  sessions_.emplace(id, PopSession(origin, clock_.now()));
  return id;
}

void Distributor::receive(SessionId id, const v1::PopMessage& message) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end() || found->second.is_closing()) return;
  PopSession& session = found->second;
  if (message.has_hello() != session.pop().empty()) {
    close(id, session, message.has_hello() ? "a second Hello" : "a message before Hello");
    return;
  }
  switch (message.message_case()) {
    case v1::PopMessage::kHello:
      return on_hello(id, session, message.hello());
    case v1::PopMessage::kAck:
      return on_ack(id, session, message.ack().nonce());
    case v1::PopMessage::kNack:
      return on_nack(id, session, message.nack());
    case v1::PopMessage::kHeartbeat:
      return on_heartbeat(session, message.heartbeat());
    case v1::PopMessage::kBundleRequest:
      return on_bundle_request(id, session, message.bundle_request());
    case v1::PopMessage::kTailEvents:
      return on_tail(session, message.tail_events());
    case v1::PopMessage::MESSAGE_NOT_SET:
      return;  // of a newer PoP: nothing we must understand
  }
}

std::string Distributor::refusal(const v1::Hello& hello, const StreamOrigin& origin) const {
  const std::string& id = hello.identity().id();
  if (std::string reason = refusal_of(hello, origin, kProtocolVersion); !reason.empty()) {
    return reason;
  }
  if (pops_.find(id) == nullptr && pops_.records().size() >= limits_.pops_max) {
    return fmt::format("there are {} PoPs already, the most this control plane takes",
                       limits_.pops_max);
  }
  if (catalog_.names() + static_cast<std::size_t>(hello.held_size()) > limits_.names_max) {
    return fmt::format("PoP {}: it holds more workers than this control plane can know", id);
  }
  return {};
}

void Distributor::on_hello(SessionId id, PopSession& session, const v1::Hello& hello) {
  if (const std::string reason = refusal(hello, session.origin()); !reason.empty()) {
    effects_.warnings.push_back(fmt::format("refused {}: {}", session.origin().peer, reason));
    session.refuse(reason);
    effects_.sendable.insert(id);
    effects_.closed.insert(id);
    ++totals_.streams_closed;
    return;
  }
  const std::string& pop = hello.identity().id();
  if (PopRecord* known = pops_.find(pop)) replace_session(*known, session.origin().peer);
  PopRecord& record = pops_.greet(hello, session.origin(), id, clock_);
  session.welcome(pop, kProtocolVersion, difference(record, hello));
  const bool is_told = session.post(outage(pops_.service_of(pop) == v1::POP_SERVICE_FAILED));
  ISOPOP_ASSERT(is_told, "room in a new session");
  effects_.sendable.insert(id);
  effects_.pops_changed.insert(pop);
  note_complete(session);
}

// The workers whose state at the PoP is not what it is to be; what it holds right counts as
// acknowledged.
std::vector<WorkerIndex> Distributor::difference(PopRecord& record, const v1::Hello& hello) {
  Holdings before = std::exchange(record.holdings, {});
  std::vector<WorkerIndex> workers;
  for (const v1::HeldVersion& held : hello.held()) {
    const WorkerIndex worker = catalog_.index_of(held.worker());
    if (record.holdings.find(worker) != nullptr) continue;  // told twice
    const DesiredRef desired = catalog_.desired(worker, hello.identity());
    Holdings::Entry& entry = record.holdings.at(worker);
    if (desired != nullptr && desired->assignment.digest() == held.digest()) {
      entry.held = desired->held;
      // One that only lost its stream is remembered to have acknowledged it.
      const Holdings::Entry* known = before.find(worker);
      const bool is_same = known != nullptr && known->held != nullptr &&
                           known->held->deployment() == held.deployment();
      if (is_same) entry.ack_ms = known->ack_ms;
    } else {
      entry.held = std::make_shared<const v1::HeldVersion>(held);
      if (desired == nullptr) workers.push_back(worker);
    }
  }
  for (const WorkerIndex worker : catalog_.workers()) {
    const DesiredRef desired = catalog_.desired(worker, hello.identity());
    if (desired == nullptr) continue;
    if (record.holdings.answer_to(worker, desired) != Holdings::Answer::kAcknowledged) {
      workers.push_back(worker);
    }
  }
  return workers;
}

void Distributor::replace_session(PopRecord& record, const std::string& peer) {
  if (!record.session) return;
  const auto old = sessions_.find(*record.session);
  if (old == sessions_.end()) return;
  const std::string& pop = record.pop.identity().id();
  effects_.warnings.push_back(
      fmt::format("PoP {} came again from {}: its stream from {} is closed. If that goes on, two "
                  "processes were given the same id",
                  pop, peer, old->second.origin().peer));
  // The record belongs to the new stream from now on, so the end of the old one changes nothing.
  record.session.reset();
  old->second.refuse(
      fmt::format("PoP {} connected again from {}; the newest stream is kept", pop, peer));
  effects_.sendable.insert(old->first);
  effects_.closed.insert(old->first);
  ++totals_.streams_closed;
}

void Distributor::on_ack(SessionId id, PopSession& session, std::uint64_t nonce) {
  const std::optional<PopSession::Change> change = session.answer(nonce);
  if (!change)
    return close(id, session, fmt::format("an Ack of nonce {}, which is not open", nonce));
  ++totals_.acks;
  Holdings& holdings = pops_.find(session.pop())->holdings;
  if (change->desired == nullptr) {
    holdings.erase(change->worker);
  } else {
    Holdings::Entry& entry = holdings.at(change->worker);
    const std::uint64_t deployment = change->desired->assignment.deployment();
    // Other secrets do not change when the PoP first had the deployment.
    if (entry.held == nullptr || entry.held->deployment() != deployment) {
      entry.ack_ms = static_cast<float>(to_ms(clock_.now() - change->desired->committed_at));
    }
    entry.held = change->desired->held;
    entry.refused = nullptr;
  }
  effects_.workers_changed.insert(catalog_.name(change->worker));
  if (session.has_next()) effects_.sendable.insert(id);
  note_complete(session);
}

void Distributor::on_nack(SessionId id, PopSession& session, const v1::Nack& nack) {
  const std::optional<PopSession::Change> change = session.answer(nack.nonce());
  if (!change) {
    return close(id, session, fmt::format("a Nack of nonce {}, which is not open", nack.nonce()));
  }
  ++totals_.nacks;
  const std::string error(truncate_utf8(nack.error(), kNackBytesMax));
  const std::string& worker = catalog_.name(change->worker);
  effects_.warnings.push_back(
      fmt::format("PoP {} rejected {} of {} and keeps v{}: {}", session.pop(),
                  change->desired == nullptr
                      ? std::string("the removal")
                      : fmt::format("deployment {}", change->desired->assignment.deployment()),
                  worker, nack.kept_number(), error));
  if (change->desired != nullptr) {
    Holdings::Entry& entry = pops_.find(session.pop())->holdings.at(change->worker);
    entry.refused = remember(change->desired->assignment.digest(), error);
    if (nack.kept_number() == 0) entry.held = nullptr;
  }
  effects_.workers_changed.insert(worker);
  if (session.has_next()) effects_.sendable.insert(id);
  note_complete(session);
}

// Many PoPs refuse one thing in the same words.
std::shared_ptr<const Refused> Distributor::remember(const std::string& digest,
                                                     const std::string& error) {
  if (last_refused_ == nullptr || last_refused_->digest != digest ||
      last_refused_->error != error) {
    last_refused_ = std::make_shared<const Refused>(Refused{.digest = digest, .error = error});
  }
  return last_refused_;
}

void Distributor::on_heartbeat(PopSession& session, const v1::Heartbeat& heartbeat) {
  const std::optional<std::string> warning =
      pops_.note_heartbeat(*pops_.find(session.pop()), heartbeat, clock_);
  if (warning) effects_.warnings.push_back(*warning);
  for (TelemetrySink* sink : sinks_) sink->on_heartbeat(session.pop(), heartbeat);
}

void Distributor::on_tail(const PopSession& session, const v1::TailEvents& events) {
  for (TelemetrySink* sink : sinks_) sink->on_tail(session.pop(), events);
}

PopSession* Distributor::session_of(const std::string& pop) {
  const PopRecord* record = pops_.find(pop);
  if (record == nullptr || !record->session) return nullptr;
  const auto session = sessions_.find(*record->session);
  return session != sessions_.end() && !session->second.is_closing() ? &session->second : nullptr;
}

bool Distributor::post_to_pop(const std::string& pop, const v1::ControlMessage& message) {
  PopSession* session = session_of(pop);
  if (session == nullptr || !session->post(message)) return false;
  effects_.sendable.insert(*pops_.find(pop)->session);
  return true;
}

std::size_t Distributor::post_to_all(const v1::ControlMessage& message) {
  std::size_t taken = 0;
  for (auto& [id, session] : sessions_) {
    if (session.pop().empty() || session.is_closing() || !session.post(message)) continue;
    effects_.sendable.insert(id);
    ++taken;
  }
  return taken;
}

void Distributor::set_service(const std::string& pop, v1::PopService service) {
  const v1::PopService before = pops_.service_of(pop);
  if (service == before) return;
  pops_.set_service(pop, service);
  if (pops_.find(pop) == nullptr) return;
  effects_.pops_changed.insert(pop);
  const bool fails = service == v1::POP_SERVICE_FAILED;
  PopSession* session = session_of(pop);
  if (session == nullptr || fails == (before == v1::POP_SERVICE_FAILED)) return;
  if (!post_to_pop(pop, outage(fails))) {
    // It is told when it comes back.
    close(*pops_.find(pop)->session, *session, "too many messages wait for it");
  }
}

void Distributor::cut_off(const std::string& pop, const std::string& reason) {
  PopSession* session = session_of(pop);
  if (session == nullptr) return;
  const SessionId id = *pops_.find(pop)->session;
  close(id, *session, reason);
  session->refuse(reason);
  effects_.sendable.insert(id);
}

void Distributor::on_bundle_request(SessionId id, PopSession& session,
                                    const v1::BundleRequest& request) {
  if (!session.transfers().begin(request.sha256(), request.offset())) {
    return close(id, session, "more bundles asked for at once than pushes can be open");
  }
  if (const BundleBytes bytes = cache_.find(request.sha256()); bytes != nullptr) {
    session.transfers().provide(request.sha256(), bytes);
    effects_.sendable.insert(id);
  } else {
    effects_.bundles_wanted.insert(request.sha256());
  }
}

void Distributor::provide_bundle(const std::string& sha256, const BundleBytes& bytes) {
  cache_.put(sha256, bytes);
  for (auto& [id, session] : sessions_) {
    if (!session.transfers().wants(sha256)) continue;
    session.transfers().provide(sha256, bytes);
    effects_.sendable.insert(id);
  }
}

void Distributor::bundle_unavailable(const std::string& sha256, const std::string& reason) {
  for (auto& [id, session] : sessions_) {
    if (session.transfers().wants(sha256)) close(id, session, reason);
  }
}

void Distributor::disconnected(SessionId id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return;
  const std::string pop = found->second.pop();
  sessions_.erase(found);
  if (!pop.empty()) mark_down(pop, id);
}

std::optional<v1::ControlMessage> Distributor::next_message(SessionId id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) return std::nullopt;
  PopSession& session = found->second;
  skip_what_is_held(session);
  DesiredRef desired;
  if (const std::optional<WorkerIndex> worker = session.next_worker()) {
    desired = catalog_.desired(*worker, pops_.find(session.pop())->pop.identity());
  }
  std::optional<v1::ControlMessage> message = session.next(catalog_, desired, clock_.now());
  if (message && message->has_push()) ++totals_.pushes;
  if (message && message->has_bundle_chunk()) {
    totals_.bundle_bytes += message->bundle_chunk().data().size();
  }
  return message;
}

// A change that was taken back before its turn came.
void Distributor::skip_what_is_held(PopSession& session) {
  bool skipped = false;
  while (const std::optional<WorkerIndex> worker = session.next_worker()) {
    const PopRecord& record = *pops_.find(session.pop());
    const DesiredRef desired = catalog_.desired(*worker, record.pop.identity());
    if (session.is_in_flight(*worker) ||
        record.holdings.answer_to(*worker, desired) != Holdings::Answer::kAcknowledged) {
      break;
    }
    session.skip_worker();
    skipped = true;
  }
  if (skipped) note_complete(session);
}

Result<void> Distributor::set_worker(const std::string& worker, const std::optional<Release>& base,
                                     const std::optional<Release>& rolling) {
  const WorkerIndex index = catalog_.index_of(worker);
  const Wanted before = wanted_of(index);
  ISOPOP_TRY(catalog_.set(index, base, rolling));
  enqueue_changes(index, before);
  return {};
}

void Distributor::set_secrets(const std::string& worker, std::vector<ScopedSecret> secrets) {
  const WorkerIndex index = catalog_.index_of(worker);
  const Wanted before = wanted_of(index);
  catalog_.set_secrets(index, std::move(secrets));
  enqueue_changes(index, before);
}

Distributor::Wanted Distributor::wanted_of(WorkerIndex worker) const {
  Wanted wanted;
  for (const auto& [id, session] : sessions_) {
    if (session.pop().empty() || session.is_closing()) continue;
    wanted.emplace_hint(wanted.end(), id,
                        catalog_.desired(worker, pops_.find(session.pop())->pop.identity()));
  }
  return wanted;
}

void Distributor::enqueue_changes(WorkerIndex worker, const Wanted& before) {
  effects_.workers_changed.insert(catalog_.name(worker));
  for (const auto& [id, was] : before) {
    PopSession& session = sessions_.at(id);
    const DesiredRef is = catalog_.desired(worker, pops_.find(session.pop())->pop.identity());
    const bool is_same = was == nullptr || is == nullptr
                             ? was == is
                             : was->assignment.digest() == is->assignment.digest();
    if (is_same) continue;
    if (session.queued() >= limits_.queue_max + catalog_.workers().size()) {
      close(id, session, fmt::format("{} changes wait for it", session.queued()));
      continue;
    }
    session.enqueue(worker);
    effects_.sendable.insert(id);
  }
}

void Distributor::tick() {
  const Instant now = clock_.now();
  const auto gap = now - last_tick_;
  last_tick_ = now;
  if (gap > limits_.heartbeat_interval) {
    for (auto& [id, record] : pops_.records()) record.last_heartbeat += gap;
  }
  const auto silence_max = limits_.heartbeat_interval * limits_.heartbeats_missed_max;
  for (auto& [id, session] : sessions_) {
    if (session.is_closing()) continue;
    if (session.pop().empty()) {
      if (now - session.opened_at() > limits_.hello_timeout) close(id, session, "no Hello came");
      continue;
    }
    const auto silence = now - pops_.find(session.pop())->last_heartbeat;
    const std::optional<Instant> unanswered = session.oldest_unanswered();
    if (silence > silence_max) {
      close(id, session, fmt::format("no heartbeat for {}", format_duration(silence)));
    } else if (unanswered && now - *unanswered > limits_.answer_timeout) {
      close(id, session,
            fmt::format("a push was not answered for {}", format_duration(now - *unanswered)));
    }
  }
}

void Distributor::close(SessionId id, PopSession& session, const std::string& reason) {
  if (session.is_closing()) return;
  session.close();
  effects_.closed.insert(id);
  ++totals_.streams_closed;
  const std::string& pop = session.pop();
  effects_.warnings.push_back(fmt::format(
      "closed the stream of {}: {}", pop.empty() ? session.origin().peer : "PoP " + pop, reason));
  if (!pop.empty()) mark_down(pop, id);
}

void Distributor::mark_down(const std::string& pop, SessionId id) {
  PopRecord& record = *pops_.find(pop);
  if (record.session != id) return;  // a newer stream speaks for the PoP
  record.session.reset();
  record.pop.set_state(v1::POP_STATE_DOWN);
  effects_.pops_changed.insert(pop);
}

void Distributor::note_complete(PopSession& session) {
  if (!session.is_complete()) return;
  PopRecord& record = *pops_.find(session.pop());
  if (record.pop.state() != v1::POP_STATE_STARTING) return;
  record.pop.set_state(v1::POP_STATE_READY);
  effects_.pops_changed.insert(session.pop());
}

std::set<std::string> Distributor::connected() const {
  std::set<std::string> ids;
  for (const auto& [id, record] : pops_.records()) {
    if (record.session) ids.insert(ids.end(), id);
  }
  return ids;
}

std::uint64_t Distributor::pops_live(const std::string& worker) const {
  const std::optional<WorkerIndex> index = catalog_.find(worker);
  return index ? pops_in_sync(catalog_, pops_, *index) : 0;
}

std::map<v1::PopState, std::size_t> Distributor::pops_by_state() const {
  std::map<v1::PopState, std::size_t> counts;
  for (const auto& [id, record] : pops_.records()) ++counts[record.pop.state()];
  return counts;
}

std::vector<v1::Pop> Distributor::pops() const {
  std::vector<v1::Pop> all;
  all.reserve(pops_.records().size());
  for (const auto& [id, record] : pops_.records()) all.push_back(pops_.describe(record));
  return all;
}

std::optional<v1::Pop> Distributor::pop(const std::string& id) const {
  const PopRecord* record = pops_.find(id);
  if (record == nullptr) return std::nullopt;
  v1::Pop pop = pops_.describe(*record);
  std::map<std::string, const v1::HeldVersion*> by_name;
  for (const Holdings::Entry& entry : record->holdings.entries()) {
    if (entry.held != nullptr) by_name.emplace(catalog_.name(entry.worker), entry.held.get());
  }
  for (const auto& [name, held] : by_name) *pop.add_workers() = *held;
  return pop;
}

}  // namespace isopop::control
