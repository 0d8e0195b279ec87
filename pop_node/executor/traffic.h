#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "pop_node/executor/frames.h"
#include "pop_node/executor/subrequests.h"

namespace isopop::executor {

// The requests in flight, seen from the wire: what has come of each body and not been read, what
// may be sent of each response under the peer's credit, what must be said at the end. Knows nothing
// of JavaScript. Writes frames into a buffer that is given to it. Lives on one thread.
//
// Invariants: a body from outside never holds more than kBodyWindowBytes here; never more than
// kBodyWindowBytes of a response are on their way unacknowledged; after finish() of a request
// nothing more is sent of it, and finish() comes once for each.
class Traffic {
 public:
  // Both outlive this object.
  Traffic(std::string& out, const Clock& clock) : out_(out), clock_(clock), subrequests_(out) {}

  // Those of the worker, once it is known.
  void set_limits(const Limits& limits) {
    limits_ = limits;
    subrequests_.set_limit(limits.subrequests);
  }

  // From the peer. An error means that it broke the contract.

  // `out`: the request's head, without its body, to be run.
  [[nodiscard]] Result<void> begin(RequestFrame& request);
  // True when somebody waits for the body of this request. Pieces for unknown requests are dropped:
  // they may have been on their way when the request ended.
  [[nodiscard]] Result<bool> add_body(BodyFrame frame);
  // True when the response had been held up and now all that was handed over is sent.
  [[nodiscard]] bool add_credit(CreditFrame frame);

  [[nodiscard]] bool contains(std::uint32_t id) const { return requests_.contains(id); }
  [[nodiscard]] std::size_t size() const { return requests_.size(); }

  // For the worker. Calls for a request that is over do nothing.

  enum class Piece { kData, kNotYet, kEnd };
  struct BodyRead {
    Piece kind = Piece::kEnd;
    std::string data;
  };
  // The next piece of the request's body; gives the peer credit for it.
  [[nodiscard]] BodyRead read_body(std::uint32_t id);
  // All of the body if all of it is here, else nothing is taken.
  [[nodiscard]] std::optional<std::string> take_whole_body(std::uint32_t id);

  enum class Ending { kComplete, kOpen };
  // Head and (part of) the body. True when all of it is sent; false: add_credit() will tell.
  bool respond(std::uint32_t id, const ResponseHead& head, std::string_view body, Ending ending);
  bool write_body(std::uint32_t id, std::string_view data);
  bool end_body(std::uint32_t id);

  void started(std::uint32_t id, std::uint32_t isolate_us);
  void fail(std::uint32_t id, FailureKind kind, const WorkerFault& fault);
  void finish(std::uint32_t id, std::uint32_t cpu_us);
  // Goes with the Finished of the request that finishes next, and of no other.
  void set_restore_figures(const RestoreFigures& figures) { restore_figures_ = figures; }

  // Bounded in length, and for each request in all: one line says that the rest is lost. The id may
  // be 0, for what belongs to no request.
  void log(std::uint32_t id, std::string_view level, std::string_view text);

  // What the requests in flight ask of other workers; it ends with them.
  [[nodiscard]] Subrequests& subrequests() { return subrequests_; }

  // True when the request waits for something from the peer: more of its body, room for more of the
  // response, the answer to a request of its own. Such a request is not dead.
  [[nodiscard]] bool waits_for_peer(std::uint32_t id) const;
  // Something of its response waits for credit.
  [[nodiscard]] bool is_held_up(std::uint32_t id) const;

 private:
  struct Exchange {
    // Body of the request.
    std::deque<std::string> inbox;
    std::size_t inbox_bytes = 0;
    std::uint32_t credit_due = 0;
    bool inbox_complete = true;
    bool reader_waits = false;
    // Body of the response.
    std::string outbox;  // what the credit did not cover, from outbox_sent on
    std::size_t outbox_sent = 0;
    std::uint32_t window = kBodyWindowBytes;
    bool ended = false;
    bool end_sent = false;
    bool head_sent = false;
    bool failed = false;
    RunTimes times;
    Instant started_at{};
  };

  Exchange* find(std::uint32_t id);
  void give_credit(std::uint32_t id, Exchange& exchange, std::size_t bytes);
  bool push_out(std::uint32_t id, Exchange& exchange, std::string_view data);
  std::size_t send_covered(std::uint32_t id, Exchange& exchange, std::string_view data);
  [[nodiscard]] std::size_t log_bytes_max() const { return std::size_t{limits_.log_kib} << 10U; }
  [[nodiscard]] RunTimes times_now(const Exchange& exchange) const;

  std::string& out_;
  const Clock& clock_;
  Limits limits_;
  Subrequests subrequests_;
  std::map<std::uint32_t, Exchange> requests_;
  // How much each request has logged; 0 is the top level.
  std::map<std::uint32_t, std::size_t> logged_bytes_;
  std::optional<RestoreFigures> restore_figures_;
};

}  // namespace isopop::executor
