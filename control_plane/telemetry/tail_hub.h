#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "isopop/v1/distribution.pb.h"
#include "isopop/v1/operations.pb.h"

namespace isopop::control {

// A PoP with an open stream, as far as tails choose by it.
struct TailPop {
  std::string id;
  std::string region;
};

// Who tails what: the core of `popctl tail`. A tail asks every connected PoP that its filter names,
// also those that come later; a PoP that does not (yet) run the worker has nothing to tell. What
// comes waits in a bounded queue for the reader; what does not fit is counted, so a slow reader
// costs nobody else anything. It is told what happened and keeps what is to be sent to PoPs. Not
// thread-safe.
class TailHub final {
 public:
  using TailId = std::uint64_t;

  struct Limits {
    std::size_t tails_max = 32;
    std::size_t queue_events_max = 4096;        // per tail
    std::size_t queue_bytes_max = 4U << 20U;    // per tail
    std::size_t batch_events_max = 256;         // per message
    std::size_t batch_bytes_max = 512U << 10U;  // about: the last event may go beyond it
  };
  struct ToPop {
    std::string pop;
    v1::ControlMessage message;
  };

  TailHub() : TailHub(Limits()) {}
  explicit TailHub(Limits limits) : limits_(limits) {}

  // RESOURCE_EXHAUSTED: too many at once. INVALID_ARGUMENT: a filter that nothing can pass.
  [[nodiscard]] Result<TailId> open(const v1::TailRequest& request);
  void close(TailId id);

  // A PoP opened a stream: nothing is asked of it yet, whatever was before.
  void pop_connected(const TailPop& pop);
  void pop_disconnected(const std::string& pop);
  // Events of a tail that was not asked of this PoP are dropped.
  void receive(const std::string& pop, const v1::TailEvents& events);

  // What waits for the reader, or nothing. The first call gives the number of PoPs that are asked.
  [[nodiscard]] std::optional<v1::TailBatch> next(TailId id);

  // Since the last call: what is to be sent, in order; and the tails whose next() has something.
  [[nodiscard]] std::vector<ToPop> take_messages();
  [[nodiscard]] std::set<TailId> take_readable();

  [[nodiscard]] std::size_t size() const { return tails_.size(); }

 private:
  struct Tail {
    v1::TailRequest request;
    std::set<std::string> asked;  // PoPs
    std::deque<v1::TailEvent> queue;
    std::size_t queue_bytes = 0;
    std::uint64_t dropped_at_pops = 0;
    std::uint64_t dropped_here = 0;
    bool pops_changed = true;
  };
  void ask_if_named(TailId id, Tail& tail, const TailPop& pop);

  Limits limits_;
  std::map<TailId, Tail> tails_;
  std::map<std::string, TailPop> pops_;
  TailId last_id_ = 0;
  std::vector<ToPop> messages_;
  std::set<TailId> readable_;
};

}  // namespace isopop::control
