#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/time/clock.h"
#include "control_plane/distribution/bundle_transfers.h"
#include "control_plane/distribution/catalog.h"
#include "control_plane/distribution/outbox.h"
#include "isopop/v1/distribution.pb.h"

namespace isopop::control {

// Where a stream comes from, as far as those who accepted it know.
struct StreamOrigin {
  std::string peer;   // "ipv4:127.0.0.1:40112"
  std::string pop;    // the only PoP it may be, as its certificate says; empty: any
  std::string relay;  // the relay it comes through; empty: none
};

// One stream of one PoP: what is still to be sent, what was sent and is not answered. It keeps
// workers, not messages: one that changes twice before the stream has room is sent once, as it is
// by then. So a slow PoP costs four bytes for each changed worker and at most
// BundleTransfers::kTransfersMax bundle positions, however long it is slow. A plain part of the
// distributor; not thread-safe.
class PopSession final {
 public:
  // Pushes sent and not answered; more wait.
  static constexpr std::size_t kInFlightMax = 64;

  PopSession(StreamOrigin origin, Instant opened_at)
      : origin_(std::move(origin)), opened_at_(opened_at) {}

  [[nodiscard]] const StreamOrigin& origin() const { return origin_; }
  [[nodiscard]] Instant opened_at() const { return opened_at_; }
  // The PoP it belongs to; empty before its Hello.
  [[nodiscard]] const std::string& pop() const { return pop_; }
  [[nodiscard]] bool is_closing() const { return closing_; }

  // After Hello: the workers to bring the PoP up to date with. Once each of them was answered, the
  // PoP is complete.
  void welcome(const std::string& pop, std::uint32_t protocol_version,
               const std::vector<WorkerIndex>& workers);
  void refuse(const std::string& reason);
  void close() { closing_ = true; }

  // What the PoP is to run under the worker's name changed.
  void enqueue(WorkerIndex worker);
  [[nodiscard]] std::size_t queued() const { return queue_.size(); }
  [[nodiscard]] bool is_complete() const { return welcomed_ && snapshot_left_.is_empty(); }

  // A push, and what an answer is about.
  struct Change {
    WorkerIndex worker = 0;
    DesiredRef desired;  // null: a removal
  };
  // Nothing when the nonce is not in flight.
  [[nodiscard]] std::optional<Change> answer(std::uint64_t nonce);
  // Whether a push of this worker waits for its answer.
  [[nodiscard]] bool is_in_flight(WorkerIndex worker) const;
  // When the oldest unanswered push was handed out.
  [[nodiscard]] std::optional<Instant> oldest_unanswered() const;

  // The bundles that it asked for; next() sends them.
  [[nodiscard]] BundleTransfers& transfers() { return transfers_; }

  // A message that is not about what the PoP runs. False: too many wait, it was dropped.
  [[nodiscard]] bool post(const v1::ControlMessage& message) { return outbox_.post(message); }

  // The worker whose turn it is to be pushed, when there is one and a push may be sent.
  [[nodiscard]] std::optional<WorkerIndex> next_worker() const;
  // It needs no push (any more).
  void skip_worker();
  // The next message to write, if there is one. `catalog` knows names; `desired` is what the PoP is
  // to run of next_worker().
  [[nodiscard]] std::optional<v1::ControlMessage> next(const Catalog& catalog,
                                                       const DesiredRef& desired, Instant now);
  // Whether next() would give one.
  [[nodiscard]] bool has_next() const;

 private:
  // A set of workers in a bit each.
  class Marks final {
   public:
    bool insert(WorkerIndex worker);  // false: it was there
    void erase(WorkerIndex worker);
    [[nodiscard]] bool is_empty() const { return count_ == 0; }

   private:
    std::vector<bool> marks_;
    std::size_t count_ = 0;
  };
  struct Sent {
    Change change;
    Instant at;
  };
  [[nodiscard]] v1::ControlMessage next_push(const Catalog& catalog, const DesiredRef& desired,
                                             Instant now);
  [[nodiscard]] bool can_push() const;

  StreamOrigin origin_;
  Instant opened_at_;
  std::string pop_;
  bool welcomed_ = false;
  bool closing_ = false;
  std::optional<v1::ControlMessage> first_;  // Welcome or Refusal: before all else
  std::deque<WorkerIndex> queue_;            // each worker at most once
  Marks queued_;                             // the same, to find one
  std::map<std::uint64_t, Sent> in_flight_;  // by nonce, so by age
  Marks snapshot_left_;
  std::uint64_t last_nonce_ = 0;
  std::uint64_t last_sequence_ = 0;
  BundleTransfers transfers_;
  Outbox outbox_;
  bool posted_last_ = false;  // so that neither posts nor pushes wait for the end of the others
};

}  // namespace isopop::control
