#include "control_plane/distribution/distributor.h"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "common/geo/geo_point.h"
#include "common/result/assert.h"
#include "common/text/text.h"
#include "common/units/units.h"

namespace isopop::control {
namespace {

constexpr std::size_t kPopIdBytesMax = 64;
constexpr std::size_t kTextBytesMax = 256;
constexpr std::size_t kNackBytesMax = 1024;
constexpr int kHeldMax = 100'000;
constexpr int kMeasuresMax = 64;
constexpr int kProblemsMax = 8;
// Beyond what a way and a busy machine explain.
constexpr std::int64_t kClockSkewToldMs = 2'000;

bool is_pop_id(const std::string& id) {
  if (id.empty() || id.size() > kPopIdBytesMax) return false;
  return id.find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") ==
         std::string::npos;
}

// No more of it than any PoP has to say.
v1::SandboxReport bounded(const v1::SandboxReport& report) {
  v1::SandboxReport kept;
  for (const v1::SandboxMeasure& measure : report.measures()) {
    if (kept.measures_size() == kMeasuresMax) break;
    v1::SandboxMeasure& entry = *kept.add_measures();
    entry.set_name(std::string(truncate_utf8(measure.name(), kTextBytesMax)));
    entry.set_active(measure.active());
    entry.set_detail(std::string(truncate_utf8(measure.detail(), kTextBytesMax)));
  }
  return kept;
}

const v1::WorkerVersion& version_of(const v1::Assignment& assignment) {
  return assignment.shares(0).version();
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

std::string Distributor::refusal_of(const v1::Hello& hello, const StreamOrigin& origin) const {
  const v1::PopIdentity& identity = hello.identity();
  if (hello.protocol_version() != kProtocolVersion) {
    const bool pop_is_newer = hello.protocol_version() > kProtocolVersion;
    return fmt::format(
        "PoP {} speaks distribution protocol {}, this control plane speaks {}; update {} so that "
        "both are of one release",
        identity.id(), hello.protocol_version(), kProtocolVersion,
        pop_is_newer ? "isopop-control" : "isopop-pop");
  }
  if (!is_pop_id(identity.id())) {
    return fmt::format("a PoP's id must be 1 to {} letters, digits, '-', '_' or '.'; give it --id",
                       kPopIdBytesMax);
  }
  if (!origin.pop.empty() && origin.pop != identity.id()) {
    return fmt::format(
        "its certificate is that of PoP {}, so it cannot be PoP {}; start it with --id {}, or let "
        "it join again with an empty state folder",
        origin.pop, identity.id(), origin.pop);
  }
  const Result<void> place = check_geo_point(
      {.latitude_deg = identity.latitude_deg(), .longitude_deg = identity.longitude_deg()});
  if (!place.ok()) return fmt::format("PoP {}: {}", identity.id(), place.error().message);
  if (identity.city().size() > kTextBytesMax || identity.region().size() > kTextBytesMax ||
      identity.country().size() > kTextBytesMax || hello.http_address().size() > kTextBytesMax ||
      hello.host().size() > kTextBytesMax || hello.program_version().size() > kTextBytesMax ||
      hello.held_size() > kHeldMax) {
    return fmt::format("PoP {}: its Hello is larger than any PoP's can be", identity.id());
  }
  if (!pops_.contains(identity.id()) && pops_.size() >= limits_.pops_max) {
    return fmt::format("there are {} PoPs already, the most this control plane takes",
                       limits_.pops_max);
  }
  return {};
}

void Distributor::on_hello(SessionId id, PopSession& session, const v1::Hello& hello) {
  if (const std::string reason = refusal_of(hello, session.origin()); !reason.empty()) {
    effects_.warnings.push_back(fmt::format("refused {}: {}", session.peer(), reason));
    session.refuse(reason);
    effects_.sendable.insert(id);
    effects_.closed.insert(id);
    ++totals_.streams_closed;
    return;
  }
  const std::string pop = hello.identity().id();
  PopRecord& record = pops_[pop];
  replace_session(record, session.peer());
  record.session = id;
  record.last_heartbeat = clock_.now();
  *record.pop.mutable_identity() = hello.identity();
  record.pop.set_http_address(hello.http_address());
  record.pop.set_relay(session.origin().relay);
  record.pop.set_host(hello.host());
  record.pop.set_program_version(hello.program_version());
  record.pop.set_connected_at_ms(to_unix_ms(clock_.wall_now()));
  record.pop.set_last_heartbeat_ms(record.pop.connected_at_ms());
  record.pop.set_state(v1::POP_STATE_STARTING);
  record.pop.clear_sandbox();
  record.pop.clear_problems();
  record.pop.clear_clock_skew_ms();

  session.welcome(pop, kProtocolVersion, difference(record, hello));
  v1::ControlMessage outage;
  outage.mutable_outage()->set_failed(service_of(pop) == v1::POP_SERVICE_FAILED);
  ISOPOP_ASSERT(session.post(outage), "room in a new session");
  effects_.sendable.insert(id);
  effects_.pops_changed.insert(pop);
  // One more PoP to wait for, or one that is through already: every rollout moved.
  for (const auto& [worker, version] : live_) effects_.workers_changed.insert(worker);
  note_complete(session);
}

// The workers whose state at the PoP is not what is live; what it holds right counts as
// acknowledged.
std::set<std::string> Distributor::difference(PopRecord& record, const v1::Hello& hello) {
  const std::string& pop = hello.identity().id();
  std::set<std::string> workers;
  record.held.clear();
  for (const v1::HeldVersion& held : hello.held()) {
    record.held[held.worker()] = held;
    if (!live_.contains(held.worker())) workers.insert(held.worker());
  }
  for (const auto& [worker, assignment] : live_) {
    const v1::WorkerVersion& version = version_of(assignment);
    const auto held = record.held.find(worker);
    if (held != record.held.end() && held->second.number() == version.number() &&
        held->second.bundle_sha256() == version.bundle_sha256()) {
      rollouts_.found_at(pop, worker, version.number());
    } else {
      rollouts_.forget(pop, worker);
      workers.insert(worker);
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
                  pop, peer, old->second.peer()));
  // The record belongs to the new stream from now on, so the end of the old one changes nothing.
  record.session.reset();
  old->second.refuse(
      fmt::format("PoP {} connected again from {}; the newest stream is kept", pop, peer));
  effects_.sendable.insert(old->first);
  effects_.closed.insert(old->first);
  ++totals_.streams_closed;
}

void Distributor::on_ack(SessionId id, PopSession& session, std::uint64_t nonce) {
  const std::optional<PopSession::Answered> change = session.answer(nonce);
  if (!change)
    return close(id, session, fmt::format("an Ack of nonce {}, which is not open", nonce));
  ++totals_.acks;
  PopRecord& record = pops_.at(session.pop());
  if (change->number == 0) {
    record.held.erase(change->worker);
  } else {
    v1::HeldVersion& held = record.held[change->worker];
    held.set_worker(change->worker);
    held.set_number(change->number);
    held.clear_bundle_sha256();
    if (const auto live = live_.find(change->worker);
        live != live_.end() && version_of(live->second).number() == change->number) {
      held.set_bundle_sha256(version_of(live->second).bundle_sha256());
    }
    if (rollouts_.acknowledge(session.pop(), change->worker, change->number, clock_.now())) {
      effects_.workers_changed.insert(change->worker);
    }
  }
  if (session.has_next()) effects_.sendable.insert(id);
  note_complete(session);
}

void Distributor::on_nack(SessionId id, PopSession& session, const v1::Nack& nack) {
  const std::optional<PopSession::Answered> change = session.answer(nack.nonce());
  if (!change) {
    return close(id, session, fmt::format("a Nack of nonce {}, which is not open", nack.nonce()));
  }
  ++totals_.nacks;
  const std::string error(truncate_utf8(nack.error(), kNackBytesMax));
  effects_.warnings.push_back(fmt::format("PoP {} rejected {} v{} and keeps v{}: {}", session.pop(),
                                          change->worker, change->number, nack.kept_number(),
                                          error));
  PopRecord& record = pops_.at(session.pop());
  if (nack.kept_number() == 0) {
    record.held.erase(change->worker);
  } else if (v1::HeldVersion& held = record.held[change->worker];
             held.number() != nack.kept_number()) {
    held.set_worker(change->worker);
    held.set_number(nack.kept_number());
    held.clear_bundle_sha256();
  }
  if (rollouts_.refuse(session.pop(), change->worker, change->number, error)) {
    effects_.workers_changed.insert(change->worker);
  }
  if (session.has_next()) effects_.sendable.insert(id);
  note_complete(session);
}

void Distributor::on_heartbeat(PopSession& session, const v1::Heartbeat& heartbeat) {
  PopRecord& record = pops_.at(session.pop());
  record.last_heartbeat = clock_.now();
  record.pop.set_last_heartbeat_ms(to_unix_ms(clock_.wall_now()));
  record.pop.set_executors(heartbeat.executors());
  record.pop.set_requests(heartbeat.requests());
  record.pop.set_errors(heartbeat.errors());
  // Once a stream: it does not change as long as the PoP lives.
  if (heartbeat.has_sandbox()) *record.pop.mutable_sandbox() = bounded(heartbeat.sandbox());
  if (heartbeat.has_kv()) *record.pop.mutable_kv() = heartbeat.kv();
  record.pop.set_memory_bytes(heartbeat.memory_bytes());
  record.pop.clear_problems();
  for (const std::string& problem : heartbeat.problems()) {
    if (record.pop.problems_size() == kProblemsMax) break;
    record.pop.add_problems(std::string(truncate_utf8(problem, kTextBytesMax)));
  }
  if (heartbeat.wall_ms() != 0) note_clock(record, heartbeat.wall_ms());
  for (TelemetrySink* sink : sinks_) sink->on_heartbeat(session.pop(), heartbeat);
}

// The heartbeat was written before it came here, so a PoP whose clock is right seems a little
// behind; how much varies with the way, and the way is at most seconds.
void Distributor::note_clock(PopRecord& record, std::int64_t pop_wall_ms) {
  const std::int64_t skew_ms = pop_wall_ms - to_unix_ms(clock_.wall_now());
  const bool was_off = std::abs(record.pop.clock_skew_ms()) >= kClockSkewToldMs;
  record.pop.set_clock_skew_ms(skew_ms);
  if (std::abs(skew_ms) < kClockSkewToldMs) return;
  const std::string problem =
      fmt::format("its clock is {} {} the control plane's",
                  format_duration(std::chrono::milliseconds(std::abs(skew_ms))),
                  skew_ms > 0 ? "ahead of" : "behind");
  if (!was_off) {
    effects_.warnings.push_back(fmt::format("PoP {}: {}", record.pop.identity().id(), problem));
  }
  record.pop.add_problems(problem);
}

void Distributor::on_tail(const PopSession& session, const v1::TailEvents& events) {
  for (TelemetrySink* sink : sinks_) sink->on_tail(session.pop(), events);
}

PopSession* Distributor::session_of(const std::string& pop) {
  const auto record = pops_.find(pop);
  if (record == pops_.end() || !record->second.session) return nullptr;
  const auto session = sessions_.find(*record->second.session);
  return session != sessions_.end() && !session->second.is_closing() ? &session->second : nullptr;
}

bool Distributor::post_to_pop(const std::string& pop, const v1::ControlMessage& message) {
  PopSession* session = session_of(pop);
  if (session == nullptr || !session->post(message)) return false;
  effects_.sendable.insert(*pops_.at(pop).session);
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

v1::PopService Distributor::service_of(const std::string& pop) const {
  const auto found = services_.find(pop);
  return found == services_.end() ? v1::POP_SERVICE_UNSPECIFIED : found->second;
}

void Distributor::set_service(const std::string& pop, v1::PopService service) {
  const v1::PopService before = service_of(pop);
  if (service == before) return;
  if (service == v1::POP_SERVICE_UNSPECIFIED) {
    services_.erase(pop);
  } else {
    services_[pop] = service;
  }
  if (!pops_.contains(pop)) return;
  effects_.pops_changed.insert(pop);
  const bool fails = service == v1::POP_SERVICE_FAILED;
  if (fails == (before == v1::POP_SERVICE_FAILED)) return;
  v1::ControlMessage outage;
  outage.mutable_outage()->set_failed(fails);
  if (session_of(pop) != nullptr && !post_to_pop(pop, outage)) {
    // Too much waits for it. It is told when it comes back.
    close(*pops_.at(pop).session, *session_of(pop), "too many messages wait for it");
  }
}

void Distributor::cut_off(const std::string& pop, const std::string& reason) {
  PopSession* session = session_of(pop);
  if (session == nullptr) return;
  const SessionId id = *pops_.at(pop).session;
  close(id, *session, reason);
  session->refuse(reason);
  effects_.sendable.insert(id);
}

void Distributor::on_bundle_request(SessionId id, PopSession& session,
                                    const v1::BundleRequest& request) {
  if (!session.begin_transfer(request.sha256(), request.offset())) {
    return close(id, session, "more bundles asked for at once than pushes can be open");
  }
  if (const BundleBytes bytes = cache_.find(request.sha256()); bytes != nullptr) {
    session.provide(request.sha256(), bytes);
    effects_.sendable.insert(id);
  } else {
    effects_.bundles_wanted.insert(request.sha256());
  }
}

void Distributor::provide_bundle(const std::string& sha256, const BundleBytes& bytes) {
  cache_.put(sha256, bytes);
  for (auto& [id, session] : sessions_) {
    if (!session.wants(sha256)) continue;
    session.provide(sha256, bytes);
    effects_.sendable.insert(id);
  }
}

void Distributor::bundle_unavailable(const std::string& sha256, const std::string& reason) {
  for (auto& [id, session] : sessions_) {
    if (session.wants(sha256)) close(id, session, reason);
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
  std::optional<v1::ControlMessage> message = found->second.next(live_, clock_.now());
  if (message && message->has_push()) ++totals_.pushes;
  if (message && message->has_bundle_chunk()) {
    totals_.bundle_bytes += message->bundle_chunk().data().size();
  }
  return message;
}

void Distributor::set_live(const v1::WorkerVersion& version, Instant committed_at) {
  v1::Assignment& assignment = live_[version.worker()];
  assignment.Clear();
  assignment.set_worker(version.worker());
  v1::Share& share = *assignment.add_shares();
  *share.mutable_version() = version;
  share.set_weight(10'000);
  rollouts_.begin(version.worker(), version.number(), committed_at);
  effects_.workers_changed.insert(version.worker());
  enqueue_everywhere(version.worker());
}

void Distributor::remove(const std::string& worker) {
  if (live_.erase(worker) == 0) return;
  rollouts_.end(worker);
  effects_.workers_changed.insert(worker);
  enqueue_everywhere(worker);
}

void Distributor::enqueue_everywhere(const std::string& worker) {
  for (auto& [id, session] : sessions_) {
    if (session.pop().empty() || session.is_closing()) continue;
    if (session.queued() >= limits_.queue_max + live_.size()) {
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
    for (auto& [id, record] : pops_) record.last_heartbeat += gap;
  }
  const auto silence_max = limits_.heartbeat_interval * limits_.heartbeats_missed_max;
  for (auto& [id, session] : sessions_) {
    if (session.is_closing()) continue;
    if (session.pop().empty()) {
      if (now - session.opened_at() > limits_.hello_timeout) close(id, session, "no Hello came");
      continue;
    }
    const auto silence = now - pops_.at(session.pop()).last_heartbeat;
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
  effects_.warnings.push_back(fmt::format("closed the stream of {}: {}",
                                          pop.empty() ? session.peer() : "PoP " + pop, reason));
  if (!pop.empty()) mark_down(pop, id);
}

void Distributor::mark_down(const std::string& pop, SessionId id) {
  PopRecord& record = pops_.at(pop);
  if (record.session != id) return;  // a newer stream speaks for the PoP
  record.session.reset();
  record.pop.set_state(v1::POP_STATE_DOWN);
  effects_.pops_changed.insert(pop);
  for (const auto& [worker, version] : live_) effects_.workers_changed.insert(worker);
}

void Distributor::note_complete(PopSession& session) {
  if (!session.is_complete()) return;
  PopRecord& record = pops_.at(session.pop());
  if (record.pop.state() == v1::POP_STATE_READY) return;
  record.pop.set_state(v1::POP_STATE_READY);
  effects_.pops_changed.insert(session.pop());
}

v1::VersionProgress Distributor::progress(const std::string& worker, std::uint64_t number) const {
  return rollouts_.progress(worker, number, connected());
}

std::set<std::string> Distributor::connected() const {
  std::set<std::string> ids;
  for (const auto& [id, record] : pops_) {
    if (record.session) ids.insert(ids.end(), id);
  }
  return ids;
}

std::uint64_t Distributor::pops_live(const std::string& worker) const {
  std::uint64_t count = 0;
  for (const auto& [id, record] : pops_) {
    if (record.session && rollouts_.has_acknowledged(id, worker)) ++count;
  }
  return count;
}

v1::Pop Distributor::describe(const PopRecord& record) const {
  v1::Pop pop = record.pop;
  pop.set_service(service_of(pop.identity().id()));
  for (const auto& [worker, held] : record.held) *pop.add_workers() = held;
  return pop;
}

std::vector<v1::Pop> Distributor::pops() const {
  std::vector<v1::Pop> all;
  all.reserve(pops_.size());
  for (const auto& [id, record] : pops_) all.push_back(describe(record));
  return all;
}

std::optional<v1::Pop> Distributor::pop(const std::string& id) const {
  const auto found = pops_.find(id);
  if (found == pops_.end()) return std::nullopt;
  return describe(found->second);
}

}  // namespace isopop::control
