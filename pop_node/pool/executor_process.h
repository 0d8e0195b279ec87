#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/event_loop/asio.h"
#include "common/result/result.h"
#include "common/time/clock.h"
#include "pop_node/pool/executor_child.h"
#include "pop_node/pool/executor_protocol.h"
#include "pop_node/pool/executor_run.h"
#include "pop_node/pool/executor_zygote.h"
#include "pop_node/pool/frame_codec.h"
#include "pop_node/pool/pool_policy.h"
#include "pop_node/pool/worker_counters.h"

namespace isopop::pop {

struct ExecutorProcessOptions {
  std::chrono::nanoseconds start_timeout = std::chrono::seconds(30);  // from start to Loaded
  std::chrono::nanoseconds stop_grace = std::chrono::seconds(2);      // from Shutdown to SIGKILL
  // An executor whose turn it is says something within the request's wall limit and this.
  std::chrono::nanoseconds silence_grace = std::chrono::seconds(2);
  std::chrono::nanoseconds wall_limit = std::chrono::seconds(30);
  std::uint64_t memory_bytes_max = 256ULL * 1024 * 1024;  // what it may say that it uses
  std::uint32_t subrequests_max = 50;                     // of one request
};

// One executor and the socket to it: has it forked, loads the worker into it, carries frames both
// ways, and ends it. Nothing it sends is believed: ExecutorProtocol checks every frame, a breach or
// a silence ends the process. Whatever happens, every run it was given gets its last event, and
// `on_gone` is called once, when the process has ended. A session: its coroutine keeps it alive
// until then. Lives on the PoP's event loop.
class ExecutorProcess final : public RunChannel,
                              public SubresponseSink,
                              public std::enable_shared_from_this<ExecutorProcess> {
 public:
  struct Events {
    std::function<void()> on_ready;
    std::function<void(TicketId)> on_finished;  // one run's place is free again
    std::function<void()> on_broken;            // takes no more work; on_gone follows
    std::function<void(PoolPolicy::Gone)> on_gone;
    std::function<void(const v1::LogRecord&)> on_log;
    std::function<void(const v1::WorkerFault&)> on_load_fault;
    std::function<void(v1::FailureKind)> on_breach;  // a request reached a limit
    std::function<void(WorkerLimit)> on_reached;     // one that it survived
    std::function<void(const v1::RestoreFigures&)> on_restored;
    std::function<void(std::uint32_t)> on_cpu;  // microseconds that a request used
    SubrequestOpener open_subrequests;
  };

  ExecutorProcess(asio::io_context& io, const Clock& clock, ExecutorProcessOptions options,
                  Events events);
  ~ExecutorProcess() override;

  // Starts it with this Load frame; an error means that there is none and no event will come.
  [[nodiscard]] Result<void> start(ExecutorZygote& zygote, std::string_view load_frame);
  // Gives it a run; the head follows by send_head(), or abandon().
  void assign(const std::shared_ptr<RunState>& run);
  // Asks it to end. What runs is lost.
  void stop();
  // Ends it now; on_gone still comes by the event loop.
  void kill();

  // When it is gone: how it ended, if that was unasked and its worker told no fault.
  [[nodiscard]] const std::optional<std::string>& crash() const { return crash_; }

  [[nodiscard]] pid_t pid() const { return child_ ? child_->pid() : -1; }
  // Its own memory now: what its checkpoint holds, and what it has beyond what it shares with its
  // zygote. Nothing when the kernel does not tell.
  [[nodiscard]] std::optional<std::uint64_t> memory_bytes() const;

  void send_head(RunState& run, v1::RequestHead head) override;
  [[nodiscard]] std::size_t send_window(const RunState& run) const override;
  void send_body(const RunState& run, std::string piece, bool last) override;
  void grant(const RunState& run, std::size_t bytes) override;
  void abandon(RunState& run) override;

  [[nodiscard]] bool is_under_way(std::uint32_t parent, std::uint32_t id) const override;
  [[nodiscard]] std::size_t subresponse_window(std::uint32_t parent,
                                               std::uint32_t id) const override;
  void send_subresponse(v1::Subresponse part) override;

 private:
  struct InFlight {
    std::shared_ptr<RunState> run;  // null: abandoned, only Finished is awaited
    std::shared_ptr<RunObserver> observer;
    TicketId ticket{};
    Instant turn_since;
    SubrequestOrigin origin;
    std::unique_ptr<SubrequestGroup> subrequests;  // once it has made one
    bool is_cancelled = false;
  };

  static asio::awaitable<void> serve(std::shared_ptr<ExecutorProcess> self);
  asio::awaitable<void> read_frames();
  asio::awaitable<void> await_exit();
  static asio::awaitable<void> write_frames(std::shared_ptr<ExecutorProcess> self);
  static asio::awaitable<void> watch(std::shared_ptr<ExecutorProcess> self);
  void send(const v1::Frame& frame) { send(encode_frame(frame)); }
  void send(std::string_view bytes);
  [[nodiscard]] PoolPolicy::Gone how_it_went() const;
  [[nodiscard]] Result<void> handle(v1::Frame frame);
  void note_limit(v1::FailureKind kind);
  void handle_loaded(const v1::Loaded& loaded);
  template <typename Message>
  void deliver(Message message);
  void take_subrequest(v1::Subrequest part);
  void finish(const v1::Finished& finished);
  void lose_all_runs();
  void break_off(ExecutorLost::Why why, std::string_view reason);
  void mark_broken();
  [[nodiscard]] bool is_silent(Instant now);

  asio::io_context& io_;
  const Clock& clock_;
  ExecutorProcessOptions options_;
  Events events_;
  asio::local::stream_protocol::socket socket_;
  asio::steady_timer watch_timer_;
  std::shared_ptr<ExecutorChild> child_;
  FrameReader reader_;
  ExecutorProtocol protocol_;
  std::deque<std::string> outgoing_;
  bool is_writing_ = false;
  bool is_unwatched_ = false;  // the watch sleeps until there is something in flight
  bool told_limit_ = false;    // its last word on a request was that it reached a limit
  bool told_fault_ = false;    // of the worker's top level
  bool is_ending_ = false;     // after a limit: it gets no more work
  bool is_ready_ = false;
  bool is_stopping_ = false;
  bool is_broken_ = false;
  std::optional<std::string> crash_;
  ExecutorLost::Why lost_why_ = ExecutorLost::Why::kCrashed;
  std::uint32_t last_request_id_ = 0;
  std::uint64_t checkpoint_bytes_ = 0;
  Instant ordered_at_;
  std::map<std::uint32_t, InFlight> in_flight_;
  std::map<TicketId, std::shared_ptr<RunState>> unsent_;  // assigned, head not yet sent
};

}  // namespace isopop::pop
