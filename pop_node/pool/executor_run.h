#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "common/event_loop/asio.h"
#include "common/result/result.h"
#include "isopop/v1/executor.pb.h"
#include "pop_node/pool/pool_policy.h"
#include "pop_node/pool/signal.h"
#include "pop_node/pool/subrequest_port.h"

namespace isopop::pop {

// One request's way through the pool: wait for a place, send the request, take the answer. Lives on
// the PoP's event loop; used by at most two coroutines, one that sends the body and one that does
// the rest.

// The pool did not take the request.
struct RunRefusal {
  RejectReason reason = RejectReason::kQueueFull;
  std::chrono::nanoseconds retry_after{};
  bool is_workers_fault = false;  // kCannotStart, because the worker's own top level fails
  std::string detail;             // of kCannotStart, for those whose worker it is; may be empty
};

// The executor ended, or was ended, before the request was over.
struct ExecutorLost {
  enum class Why { kCrashed, kBrokeProtocol, kSilent } why = Why::kCrashed;
};
struct RunFinished {};

using RunEvent =
    std::variant<v1::ResponseHead, v1::BodyChunk, v1::Failure, ExecutorLost, RunFinished>;

// Whoever wants to know more of a run than its answer.
class RunObserver {
 public:
  virtual ~RunObserver() = default;
  // Its worker printed something.
  virtual void on_log(const v1::LogRecord& record) = 0;
  // Nothing more comes of it, also long after the run was left. 0: nobody knows.
  virtual void on_over(std::uint32_t cpu_us) = 0;
};

// What a run asks of the executor it was given. The process keeps it; it outlives neither.
class RunChannel {
 public:
  virtual ~RunChannel() = default;
  virtual void send_head(struct RunState& run, v1::RequestHead head) = 0;
  [[nodiscard]] virtual std::size_t send_window(const RunState& run) const = 0;
  virtual void send_body(const RunState& run, std::string piece, bool last) = 0;
  virtual void grant(const RunState& run, std::size_t bytes) = 0;
  // The run is over for the client; `run` is not touched again.
  virtual void abandon(RunState& run) = 0;
};

// Shared by the run, the pool (while the request waits) and the executor's process (until
// Finished).
struct RunState {
  explicit RunState(asio::io_context& io) : arrived(io), room(io) {}

  TicketId ticket{};
  GroupId group{};
  std::optional<RunRefusal> refusal;
  RunChannel* channel = nullptr;  // the executor it was assigned to; null before and after
  StartKind start = StartKind::kReady;
  RunLineage lineage;
  std::shared_ptr<RunObserver> observer;  // may be null
  std::uint32_t request_id = 0;           // 0 until the head was sent
  std::deque<RunEvent> events;            // bounded by the credit the run gave
  bool is_over = false;                   // no event comes behind those in `events`
  Signal arrived;                         // placed, refused, an event
  Signal room;  // credit for the request's body, or no use for it any more
};

class ExecutorPool;

class ExecutorRun final {
 public:
  ExecutorRun(std::weak_ptr<ExecutorPool*> pool, std::shared_ptr<RunState> state);
  // Cancels what is not over.
  ~ExecutorRun();
  ExecutorRun(const ExecutorRun&) = delete;
  ExecutorRun& operator=(const ExecutorRun&) = delete;

  // Returns when an executor has a place for the request, or with the reason why none will.
  enum class Placement { kPlaced, kRefused, kLeft };
  asio::awaitable<Placement> placed();
  // After kRefused.
  [[nodiscard]] const RunRefusal& refusal() const;
  // After kPlaced.
  [[nodiscard]] StartKind start_kind() const { return state_->start; }

  // Once, after kPlaced. Fills in the id. `observer` may be null.
  void send_head(v1::RequestHead head, RunLineage lineage,
                 std::shared_ptr<RunObserver> observer = nullptr);
  // Waits for credit, piece by piece. CANCELLED when the executor has no more use for it.
  asio::awaitable<Result<void>> send_body(std::string piece, bool last);

  // The next event; RunFinished or ExecutorLost is the last. Never fails, may wait for long.
  asio::awaitable<RunEvent> next();
  // So many bytes of the answer's body have gone to the client.
  void took(std::size_t bytes);

  // Ends whatever is awaited: placed() returns kLeft, next() RunFinished, send_body() CANCELLED.
  // What the worker has not answered yet, or still reads, is cancelled; after a whole answer it may
  // go on.
  void leave();
  [[nodiscard]] bool has_left() const { return has_left_; }

 private:
  // Weak: a coroutine frame may be destroyed with the event loop, after the pool.
  std::weak_ptr<ExecutorPool*> pool_;
  std::shared_ptr<RunState> state_;
  std::size_t taken_ = 0;  // bytes for which no credit was given yet
  bool has_left_ = false;
};

}  // namespace isopop::pop
