#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
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
#include "pop_node/pool/pool_policy.h"
#include "pop_node/worker/live_worker.h"

namespace isopop::pop {

struct ExecutorPoolOptions {
  PoolLimits limits;
  std::filesystem::path executor_program;
  std::vector<std::string> executor_arguments;  // "--state", DIR: so that `ps` tells whose it is
  std::string colo;                             // request.cf.colo
  std::chrono::nanoseconds start_timeout = std::chrono::seconds(30);
  std::chrono::nanoseconds stop_grace = std::chrono::seconds(2);
  std::chrono::nanoseconds silence_grace = std::chrono::seconds(2);
};

struct ExecutorPoolCounters {
  std::uint64_t started = 0;
  std::uint64_t start_failures = 0;
  std::uint64_t crashed = 0;  // also those ended for a broken protocol or silence
  std::uint64_t stopped = 0;
  std::uint64_t log_records = 0;
  std::uint64_t log_records_dropped = 0;
};

// The executors of one PoP: carries out what PoolPolicy decides with real processes. Lives on the
// PoP's event loop and outlives its runs.
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
  [[nodiscard]] std::unique_ptr<ExecutorRun> submit(const LiveWorkerPtr& worker);
  // No new request will come for it.
  void retire(const LiveWorkerPtr& worker);

  // Rejects what waits and lets what runs end; done when no executor is left.
  asio::awaitable<void> drain(std::chrono::nanoseconds patience);

  [[nodiscard]] PoolFigures figures() const { return policy_.figures(); }
  [[nodiscard]] const ExecutorPoolCounters& counters() const { return counters_; }
  // Bundles that retired versions may still need.
  [[nodiscard]] std::set<std::string> bundles_in_use() const;
  // Called when one of them is needed no more.
  void on_forgotten(std::function<void()> callback) { on_forgotten_ = std::move(callback); }

 private:
  friend class ExecutorRun;
  struct Group {
    LiveWorkerPtr worker;
    bool load_fault = false;  // why the last start failed
  };
  struct Process {
    GroupId group{};
    std::shared_ptr<ExecutorProcess> process;
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
  [[nodiscard]] ExecutorProcess::Events events_of(ExecutorId id, GroupId group);
  void process_gone(ExecutorId id, PoolPolicy::Gone how);
  void log_record(const LiveWorker& worker, const v1::LogRecord& record);
  void arm_timer();

  asio::io_context& io_;
  const Clock& clock_;
  ExecutorPoolOptions options_;
  BundleSource bundles_;
  PoolPolicy policy_;
  ExecutorPoolCounters counters_;
  std::function<void()> on_forgotten_;
  std::uint64_t last_group_ = 0;
  std::uint64_t last_ticket_ = 0;
  std::map<GroupId, Group> groups_;
  std::map<const LiveWorker*, GroupId> group_ids_;
  std::map<ExecutorId, Process> processes_;
  std::map<TicketId, std::shared_ptr<RunState>> waiting_;
  bool is_acting_ = false;
  asio::steady_timer timer_;
  std::optional<Instant> timer_at_;
  Instant log_second_{};
  std::size_t logged_this_second_ = 0;
  // Callbacks of timers and processes hold it weakly: they may come after the pool is gone.
  std::shared_ptr<ExecutorPool*> alive_;
};

}  // namespace isopop::pop
