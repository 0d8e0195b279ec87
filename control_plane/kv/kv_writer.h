#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "common/time/hybrid_clock.h"
#include "control_plane/access/actor.h"
#include "control_plane/kv/kv_outbox.h"
#include "control_plane/registry/store.h"
#include "isopop/v1/kv.pb.h"

namespace isopop::control {

// Durable writes, many at a time: what comes while the disk works waits, and is then committed in
// one transaction; each is answered when the disk has it. So a write costs the disk's patience once
// for all who wait, not once each. A request is written whole or not at all; one that names a
// namespace that is not there spoils no other.
//
// Gives stamps: to writes without one, and to those whose stamp lies more than a minute off this
// machine's time (a PoP with a wrong clock would win against all others, or always lose).
//
// Thread-safe; the work is done on the store's thread.
class KvWriter final {
 public:
  struct Limits {
    std::size_t waiting_max = 10'000;  // requests
    std::size_t waiting_bytes_max = std::size_t{64} << 20U;
    std::size_t transaction_bytes_max = std::size_t{32} << 20U;
  };
  struct Request {
    v1::KvWriteRequest writes;  // checked; its origin is whose they are in the order of stamps
    Actor actor;
    bool is_audited = false;  // people's are; PoPs' are too many
  };
  using Answer = std::function<void(Result<v1::KvWriteResponse>)>;
  // What was changed, on the store's thread: after the commit, before the answers. `origin` as it
  // stood in the request.
  struct Changed {
    KvChange change;
    std::string origin;
  };
  using OnChanged = std::function<void(const std::vector<Changed>&)>;

  // All outlive the object, and it outlives every write: who asked waits for the answer.
  KvWriter(Store& store, const Clock& clock, OnChanged on_changed, Limits limits);
  KvWriter(Store& store, const Clock& clock, OnChanged on_changed)
      : KvWriter(store, clock, std::move(on_changed), Limits{}) {}

  // Answers on the store's thread, or at once with RESOURCE_EXHAUSTED.
  void write(Request request, Answer answer);

  struct Totals {
    std::uint64_t writes = 0;
    std::uint64_t transactions = 0;
    std::uint64_t restamped = 0;  // stamps of wrong clocks
  };
  [[nodiscard]] Totals totals() const;

 private:
  struct Waiting {
    Request request;
    Answer answer;
    std::size_t bytes = 0;
  };
  using Outcome = Result<v1::KvWriteResponse>;

  [[nodiscard]] std::vector<Waiting> take_batch();
  void drain(Registry& registry);
  void go_on();
  [[nodiscard]] Result<std::vector<Outcome>> commit(Registry& registry,
                                                    const std::vector<Waiting>& batch,
                                                    std::vector<Changed>& changed);
  [[nodiscard]] Outcome apply(class KvTable& table, const Request& request,
                              std::vector<Changed>& changed);
  [[nodiscard]] std::uint64_t stamp_for(std::uint64_t asked);
  [[nodiscard]] Result<void> audit(Registry& registry, const Request& request);
  void sweep(Registry& registry);

  Store& store_;
  const Clock& clock_;
  OnChanged on_changed_;
  Limits limits_;

  mutable std::mutex mutex_;
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  bool is_posted_ = false;  // a drain is in the store's line, or at work
  Totals totals_;

  // On the store's thread.
  std::optional<HybridClock> stamps_;  // once what was given before the restart is known
  Instant swept_at_;
};

}  // namespace isopop::control
