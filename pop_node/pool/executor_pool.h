#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "common/event_loop/asio.h"
#include "common/result/result.h"
#include "common/time/clock.h"
#include "pop_node/pool/executor_process.h"
#include "pop_node/pool/executor_run.h"
#include "pop_node/pool/executor_zygote.h"
#include "pop_node/pool/pool_policy.h"
#include "pop_node/pool/worker_counters.h"
#include "pop_node/worker/live_worker.h"

namespace isopop::pop {

struct ExecutorPoolOptions {
  PoolLimits limits;
  ExecutorZygoteOptions zygote;
  std::string colo;  // request.cf.colo
  std::chrono::nanoseconds start_timeout = std::chrono::seconds(30);
  std::chrono::nanoseconds stop_grace = std::chrono::seconds(2);
  std::chrono::nanoseconds silence_grace = std::chrono::seconds(2);
};

struct ExecutorPoolCounters {
  std::uint64_t started = 0;
  std::uint64_t start_failures = 0;
  std::uint64_t crashed = 0;  // also those ended for a broken protocol or silence
  std::uint64_t stopped = 0;
  std::uint64_t spent = 0;  // ended by a limit that they told of, or with their zygote
  std::uint64_t log_records = 0;
  std::uint64_t log_records_dropped = 0;
};

// The executors of one PoP: carries out what PoolPolicy decides with real processes, forked from a
// zygote that is started with the pool. Lives on the PoP's event loop and outlives its runs.
class ExecutorPool final {
 public:
  // Gives the code of a worker, when an executor is started for it.
  using BundleSource = std::function<Result<std::string>(const LiveWorker&)>;

  ExecutorPool(asio::io_context& io, const Clock& clock, ExecutorPoolOptions options,
               BundleSource bundles);
  // Kills what still runs.
  ~ExecutorPool();
  ExecutorPool(const ExecutorPool&) = delete;
  ExecutorPool& operator=(const ExecutorPool&) = delete;

  // Puts one request of this version in line.
  [[nodiscard]] std::unique_ptr<ExecutorRun> submit(
      const LiveWorkerPtr& worker, PoolPolicy::Turn turn = PoolPolicy::Turn::kLast);
  // There are workers here: an executor is kept in reserve for the next that needs its first.
  void expect_requests() { zygote_->expect_requests(); }
  // No new request will come for it.
  void retire(const LiveWorkerPtr& worker);

  // Rejects what waits and lets what runs end; done when no executor is left.
  asio::awaitable<void> drain(std::chrono::nanoseconds patience);

  [[nodiscard]] PoolFigures figures() const { return policy_.figures(); }
  [[nodiscard]] const ExecutorPoolCounters& counters() const { return counters_; }
  [[nodiscard]] std::uint64_t zygote_restarts() const { return zygote_->restarts(); }
  // What executors are confined by and how; null until the first zygote is ready.
  [[nodiscard]] const v1::ZygoteReady* zygote_report() const { return zygote_->report(); }

  // Of the zygote and all executors, as it was measured last: asking costs nothing.
  [[nodiscard]] std::uint64_t memory_bytes() const;

  // By worker. Those that `is_held` denies are forgotten.
  [[nodiscard]] const std::map<std::string, WorkerCounters, std::less<>>& worker_counters() const {
    return worker_counters_;
  }
  void keep_counters(const std::function<bool(std::string_view)>& is_held);
  void count_breach(const LiveWorker& worker, WorkerLimit limit);
  // Called with the figures of each restore.
  void on_restored(std::function<void(const v1::RestoreFigures&)> callback) {
    on_restored_ = std::move(callback);
  }

  // Called with what each request used, and when an executor ended unasked.
  void on_cpu(std::function<void(const LiveWorker&, std::uint32_t cpu_us)> callback) {
    on_cpu_ = std::move(callback);
  }
  void on_crashed(std::function<void(const LiveWorker&)> callback) {
    on_crashed_ = std::move(callback);
  }

  // Who answers what workers ask of each other. Before the first request.
  void serve_subrequests(SubrequestOpener opener) { open_subrequests_ = std::move(opener); }

  // Bundles that retired versions may still need.
  [[nodiscard]] std::set<std::string> bundles_in_use() const;
  // Called when one of them is needed no more.
  void on_forgotten(std::function<void()> callback) { on_forgotten_ = std::move(callback); }

 private:
  friend class ExecutorRun;
  struct Group {
    LiveWorkerPtr worker;
    bool load_fault = false;    // the last start failed by the worker's own top level
    std::string start_failure;  // why it failed, for people
    // The frame that starts an executor, once it was made; null when it is not to be kept.
    std::shared_ptr<const std::string> load_frame;
  };
  struct Process {
    GroupId group{};
    std::shared_ptr<ExecutorProcess> process;
    Instant ready_from{};                      // not before
    Instant measured_at{};                     // its memory
    std::unique_ptr<asio::steady_timer> hold;  // while it is ready too early
  };

  void withdraw(const std::shared_ptr<RunState>& run);
  GroupId group_of(const LiveWorkerPtr& worker);
  void carry_out();
  void act(const StartExecutor& action);
  void act(const StopExecutor& action);
  void act(const AssignTicket& action);
  void act(const RejectTicket& action);
  void act(const ForgetGroup& action);
  [[nodiscard]] Result<std::shared_ptr<ExecutorProcess>> start_process(ExecutorId id,
                                                                       GroupId group);
  [[nodiscard]] Result<std::shared_ptr<const std::string>> load_frame_of(Group& group);
  [[nodiscard]] ExecutorProcess::Events events_of(ExecutorId id, GroupId group);
  void process_loaded(ExecutorId id);
  void process_ready(ExecutorId id);
  void process_gone(ExecutorId id, PoolPolicy::Gone how);
  void measure(ExecutorId id);
  void restored(GroupId group, const v1::RestoreFigures& figures);
  void log_record(const LiveWorker& worker, const v1::LogRecord& record);
  void arm_timer();

  asio::io_context& io_;
  const Clock& clock_;
  ExecutorPoolOptions options_;
  BundleSource bundles_;
  std::shared_ptr<ExecutorZygote> zygote_;
  PoolPolicy policy_;
  ExecutorPoolCounters counters_;
  std::map<std::string, WorkerCounters, std::less<>> worker_counters_;
  std::function<void()> on_forgotten_;
  SubrequestOpener open_subrequests_;
  std::function<void(const v1::RestoreFigures&)> on_restored_;
  std::function<void(const LiveWorker&, std::uint32_t)> on_cpu_;
  std::function<void(const LiveWorker&)> on_crashed_;
  std::uint64_t last_group_ = 0;
  std::uint64_t last_ticket_ = 0;
  std::map<GroupId, Group> groups_;
  std::map<const LiveWorker*, GroupId> group_ids_;
  std::map<ExecutorId, Process> processes_;
  std::map<TicketId, std::shared_ptr<RunState>> waiting_;
  std::size_t load_frame_bytes_ = 0;  // of those that are kept
  bool is_acting_ = false;
  asio::steady_timer timer_;
  std::optional<Instant> timer_at_;
  Instant log_second_{};
  std::size_t logged_this_second_ = 0;
  // Callbacks of timers and processes hold it weakly: they may come after the pool is gone.
  std::shared_ptr<ExecutorPool*> alive_;
};

}  // namespace isopop::pop
