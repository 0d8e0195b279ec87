#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "control_plane/distribution/bundle_cache.h"
#include "control_plane/distribution/catalog.h"
#include "control_plane/distribution/pop_session.h"
#include "control_plane/distribution/pop_table.h"
#include "control_plane/distribution/telemetry_sink.h"
#include "isopop/v1/control.pb.h"
#include "isopop/v1/distribution.pb.h"

namespace isopop::control {

inline constexpr std::uint32_t kProtocolVersion = 2;

struct DistributorLimits {
  std::chrono::nanoseconds heartbeat_interval = std::chrono::seconds(1);
  unsigned heartbeats_missed_max = 3;
  std::chrono::nanoseconds hello_timeout = std::chrono::seconds(5);
  // A push that waits longer for its answer ends the stream; the PoP comes back for a fresh
  // snapshot.
  std::chrono::nanoseconds answer_timeout = std::chrono::seconds(60);
  // Changes that wait for one PoP, beyond what its snapshot brought.
  std::size_t queue_max = 4096;
  std::size_t pops_max = 10'000;
  // Names of workers that PoPs may bring; each is kept as long as the process lives.
  std::size_t names_max = 1'000'000;
  std::uint64_t bundle_cache_bytes_max = 64ULL << 20U;
};

// Which PoP is to run what, and what it has: the core of distribution. It is told what happened (a
// stream opened, a message came, a version went live, time passed) and keeps what is to be done
// about it; whoever drives it takes the effects after each call and pulls messages when a stream
// has room. Nothing is ever written from here, so no stream can hold up another. Not thread-safe:
// lives on the control loop. Invariants: a PoP id has at most one stream; every stream of a known
// PoP is sent each worker's newest state exactly once unless it changes again.
class Distributor final {
 public:
  using SessionId = std::uint64_t;

  // What became necessary since the effects were last taken.
  struct Effects {
    std::set<SessionId> sendable;          // next_message() has something
    std::set<SessionId> closed;            // write what next_message() still gives, then end it
    std::set<std::string> bundles_wanted;  // read them and call provide_bundle()
    std::set<std::string> pops_changed;    // came, went, or changed address, identity or state
    // Their progress moved. A PoP that came or went moves every worker's.
    std::set<std::string> workers_changed;
    std::vector<std::string> warnings;  // for the log
  };

  struct Totals {
    std::uint64_t pushes = 0;
    std::uint64_t acks = 0;
    std::uint64_t nacks = 0;
    std::uint64_t bundle_bytes = 0;
    std::uint64_t streams_closed = 0;  // by us: silent, stuck, overflowing, replaced, misbehaving
  };

  explicit Distributor(const Clock& clock, DistributorLimits limits = {});

  [[nodiscard]] Effects take_effects();

  // Streams. An id that is not (any more) known is ignored: the stream may be ending on both sides.
  [[nodiscard]] SessionId open(const StreamOrigin& origin);
  void receive(SessionId id, const v1::PopMessage& message);
  void disconnected(SessionId id);
  [[nodiscard]] std::optional<v1::ControlMessage> next_message(SessionId id);

  // What the worker is from now on: what is live and what is on its way, to PoPs of the waves that
  // the latter's number of the wave says are begun. Neither: it is gone. PoPs that are to run
  // something else than before are told. INVALID_ARGUMENT: the plan cannot be understood; nothing
  // changed.
  [[nodiscard]] Result<void> set_worker(const std::string& worker,
                                        const std::optional<Release>& base,
                                        const std::optional<Release>& rolling);
  // In place of those it had. PoPs whose secrets change are told.
  void set_secrets(const std::string& worker, std::vector<ScopedSecret> secrets);
  void provide_bundle(const std::string& sha256, const BundleBytes& bytes);
  void bundle_unavailable(const std::string& sha256, const std::string& reason);

  // Messages that are not about what a PoP runs. False: it is not connected, or too much waits for
  // it already; invalidated keys are always taken by one that is connected.
  [[nodiscard]] bool post_to_pop(const std::string& pop, const v1::ControlMessage& message);
  // How many took it.
  std::size_t post_to_all(const v1::ControlMessage& message);

  // What people want of a PoP, known or not yet. A PoP is told whether its outage is rehearsed each
  // time it connects, and when that changes.
  void set_service(const std::string& pop, v1::PopService service);
  // Ends the PoP's stream, if it has one: it may not be there any more (its identity was revoked).
  void cut_off(const std::string& pop, const std::string& reason);
  // Told of each heartbeat and tail event from now on; outlives the distributor's last receive().
  void add_sink(TelemetrySink& sink) { sinks_.push_back(&sink); }

  // Several times a second. Notices silent and stuck PoPs. When this process itself stood still
  // (suspended, starved), the gap is not held against them.
  void tick();

  // What PoPs are to run, and what is known of them: convergence.h makes figures of both.
  [[nodiscard]] const Catalog& catalog() const { return catalog_; }
  [[nodiscard]] const PopTable& pop_table() const { return pops_; }

  // By id, without what each of them holds.
  [[nodiscard]] std::vector<v1::Pop> pops() const;
  // One, with all it holds, by name.
  [[nodiscard]] std::optional<v1::Pop> pop(const std::string& id) const;
  [[nodiscard]] std::set<std::string> connected() const;
  [[nodiscard]] std::map<v1::PopState, std::size_t> pops_by_state() const;
  // Connected PoPs that hold what they are to run of the worker.
  [[nodiscard]] std::uint64_t pops_live(const std::string& worker) const;
  [[nodiscard]] const std::set<WorkerIndex>& live() const { return catalog_.workers(); }
  [[nodiscard]] const Totals& totals() const { return totals_; }

 private:
  [[nodiscard]] PopSession* session_of(const std::string& pop);  // null when it has none

  void on_hello(SessionId id, PopSession& session, const v1::Hello& hello);
  [[nodiscard]] std::string refusal(const v1::Hello& hello, const StreamOrigin& origin) const;
  [[nodiscard]] std::vector<WorkerIndex> difference(PopRecord& record, const v1::Hello& hello);
  void replace_session(PopRecord& record, const std::string& peer);
  void on_ack(SessionId id, PopSession& session, std::uint64_t nonce);
  void on_nack(SessionId id, PopSession& session, const v1::Nack& nack);
  void on_heartbeat(PopSession& session, const v1::Heartbeat& heartbeat);
  void on_tail(const PopSession& session, const v1::TailEvents& events);
  void on_bundle_request(SessionId id, PopSession& session, const v1::BundleRequest& request);
  void note_complete(PopSession& session);
  // What each connected PoP is to run of the worker.
  using Wanted = std::map<SessionId, DesiredRef>;
  [[nodiscard]] Wanted wanted_of(WorkerIndex worker) const;
  void enqueue_changes(WorkerIndex worker, const Wanted& before);
  void skip_what_is_held(PopSession& session);
  [[nodiscard]] std::shared_ptr<const Refused> remember(const std::string& digest,
                                                        const std::string& error);
  void close(SessionId id, PopSession& session, const std::string& reason);
  void mark_down(const std::string& pop, SessionId id);

  const Clock& clock_;
  DistributorLimits limits_;
  Catalog catalog_;
  BundleCache cache_;
  std::map<SessionId, PopSession> sessions_;
  PopTable pops_;
  std::shared_ptr<const Refused> last_refused_;
  std::vector<TelemetrySink*> sinks_;
  SessionId last_session_ = 0;
  Instant last_tick_;
  Effects effects_;
  Totals totals_;
};

}  // namespace isopop::control
