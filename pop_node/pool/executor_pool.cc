#include "pop_node/pool/executor_pool.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "common/log/log.h"
#include "common/text/text.h"

namespace isopop::pop {
namespace {

// What workers print goes into the PoP's log, but must not fill the disk.
constexpr std::size_t kLogRecordsPerSecondMax = 50;
constexpr std::size_t kLogTextBytesMax = 4 * 1024;
constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);
constexpr std::chrono::milliseconds kDrainPoll{20};
// Load frames that are kept, so that the next executor of their worker starts without the disk.
constexpr std::size_t kLoadFrameKeptBytesMax = 256 * 1024;
constexpr std::size_t kLoadFramesBytesMax = 16 * 1024 * 1024;
constexpr std::chrono::seconds kMeasurePeriod{1};

WorkerLimit limit_of(v1::FailureKind kind) {
  if (kind == v1::FAILURE_KIND_CPU_LIMIT) return WorkerLimit::kCpu;
  if (kind == v1::FAILURE_KIND_MEMORY_LIMIT) return WorkerLimit::kMemory;
  return WorkerLimit::kWall;
}

PoolPolicy::Sharing sharing_of(v1::Isolation isolation) {
  if (isolation == v1::ISOLATION_CONTAINER) return PoolPolicy::Sharing::kContainer;
  return shares_environment(isolation) ? PoolPolicy::Sharing::kManyRequests
                                       : PoolPolicy::Sharing::kOneRequest;
}

// Secrets are variables of text. One with a variable's name takes its place.
void add_secrets(const LiveWorker& worker, v1::WorkerSettings& settings) {
  for (const v1::Secret& secret : worker.secrets) {
    auto& variables = *settings.mutable_variables();
    const auto same = std::find_if(
        variables.begin(), variables.end(),
        [&secret](const v1::Variable& variable) { return variable.name() == secret.name(); });
    v1::Variable& variable = same == variables.end() ? *settings.add_variables() : *same;
    variable.set_name(secret.name());
    variable.set_text(secret.value());
  }
}

std::string describe(const v1::WorkerFault& fault) {
  return fault.module() + ":" + std::to_string(fault.line()) + ":" +
         std::to_string(fault.column()) + ": " + std::string(truncate_utf8(fault.message(), 1024));
}

}  // namespace

ExecutorPool::ExecutorPool(asio::io_context& io, const Clock& clock, ExecutorPoolOptions options,
                           BundleSource bundles)
    : io_(io),
      clock_(clock),
      options_(std::move(options)),
      bundles_(std::move(bundles)),
      zygote_(std::make_shared<ExecutorZygote>(io, clock, options_.zygote)),
      policy_(options_.limits, RandomStream(0, "pop_node/containers/" + options_.colo)),
      timer_(io),
      alive_(std::make_shared<ExecutorPool*>(this)) {
  zygote_->start();
}

ExecutorPool::~ExecutorPool() {
  alive_.reset();
  for (const auto& [id, process] : processes_) process.process->kill();
  zygote_->close();
}

std::unique_ptr<ExecutorRun> ExecutorPool::submit(const LiveWorkerPtr& worker,
                                                  PoolPolicy::Turn turn) {
  auto state = std::make_shared<RunState>(io_);
  state->ticket = TicketId{++last_ticket_};
  state->group = group_of(worker);
  waiting_[state->ticket] = state;
  policy_.submit(state->group, state->ticket, clock_.now(), turn);
  carry_out();
  return std::make_unique<ExecutorRun>(alive_, std::move(state));
}

GroupId ExecutorPool::group_of(const LiveWorkerPtr& worker) {
  const auto [place, inserted] = group_ids_.try_emplace(worker.get());
  if (inserted) {
    place->second = GroupId{++last_group_};
    groups_[place->second].worker = worker;
    policy_.add_group(place->second, sharing_of(worker->isolation));
  }
  return place->second;
}

void ExecutorPool::retire(const LiveWorkerPtr& worker) {
  const auto found = group_ids_.find(worker.get());
  if (found != group_ids_.end()) {
    policy_.retire_group(found->second, clock_.now());
    carry_out();
  } else if (on_forgotten_) {
    on_forgotten_();
  }
}

std::set<std::string> ExecutorPool::bundles_in_use() const {
  std::set<std::string> hashes;
  for (const auto& [id, group] : groups_) hashes.insert(group.worker->version.bundle_sha256());
  return hashes;
}

std::uint64_t ExecutorPool::memory_bytes() const {
  return policy_.figures().memory_bytes + zygote_->memory_bytes();
}

void ExecutorPool::withdraw(const std::shared_ptr<RunState>& run) {
  if (waiting_.erase(run->ticket) == 0) return;
  policy_.withdraw(run->ticket, clock_.now());
  carry_out();
}

// Actions may lead to events that lead to actions; one loop carries them all out in order.
void ExecutorPool::carry_out() {
  if (std::exchange(is_acting_, true)) return;
  while (true) {
    const std::vector<PoolAction> actions = policy_.take_actions();
    if (actions.empty()) break;
    for (const PoolAction& action : actions) {
      std::visit([this](const auto& one) { act(one); }, action);
    }
  }
  is_acting_ = false;
  arm_timer();
}

void ExecutorPool::act(const StartExecutor& action) {
  Result<std::shared_ptr<ExecutorProcess>> process = start_process(action.executor, action.group);
  if (process.ok()) {
    ++counters_.started;
    ++worker_counters_[groups_.at(action.group).worker->version.worker()].starts;
    Process& started = processes_[action.executor];
    started.group = action.group;
    started.process = std::move(process).value();
    started.ready_from = clock_.now() + action.delay;
    return;
  }
  log_error("cannot start an executor: {}", process.error().message);
  ++counters_.start_failures;
  groups_.at(action.group).load_fault = false;
  groups_.at(action.group).start_failure = process.error().message;
  policy_.executor_gone(action.executor, PoolPolicy::Gone::kFailedToStart, clock_.now());
}

Result<std::shared_ptr<ExecutorProcess>> ExecutorPool::start_process(ExecutorId id,
                                                                     GroupId group_id) {
  Group& group = groups_.at(group_id);
  const v1::WorkerLimits& limits = group.worker->limits;
  ISOPOP_TRY_ASSIGN(const std::shared_ptr<const std::string> load, load_frame_of(group));
  auto process = std::make_shared<ExecutorProcess>(
      io_, clock_,
      ExecutorProcessOptions{.start_timeout = options_.start_timeout,
                             .stop_grace = options_.stop_grace,
                             .silence_grace = options_.silence_grace,
                             .wall_limit = std::chrono::milliseconds(limits.wall_ms()),
                             .memory_bytes_max = limits.memory_mib() * 1024ULL * 1024,
                             .subrequests_max = limits.subrequests()},
      events_of(id, group_id));
  ISOPOP_TRY(process->start(*zygote_, *load));
  return process;
}

Result<std::shared_ptr<const std::string>> ExecutorPool::load_frame_of(Group& group) {
  if (group.load_frame != nullptr) return group.load_frame;
  const LiveWorker& worker = *group.worker;
  ISOPOP_TRY_ASSIGN(std::string bundle, bundles_(worker));
  v1::Frame frame;
  v1::Load& load = *frame.mutable_load();
  *load.mutable_version() = worker.version;
  add_secrets(worker, *load.mutable_version()->mutable_settings());
  load.set_bundle(std::move(bundle));
  load.mutable_place()->set_colo(options_.colo);
  load.set_isolation(worker.isolation);
  *load.mutable_limits() = worker.limits;
  auto bytes = std::make_shared<const std::string>(encode_frame(frame));
  if (bytes->size() <= kLoadFrameKeptBytesMax &&
      load_frame_bytes_ + bytes->size() <= kLoadFramesBytesMax) {
    load_frame_bytes_ += bytes->size();
    group.load_frame = bytes;
  }
  return std::shared_ptr<const std::string>(std::move(bytes));
}

ExecutorProcess::Events ExecutorPool::events_of(ExecutorId id, GroupId group) {
  const std::weak_ptr<ExecutorPool*> weak = alive_;
  // Runs `function` on the pool if it is still there.
  const auto guarded = [weak](auto function) {
    return [weak, function](const auto&... arguments) {
      if (const auto pool = weak.lock()) function(**pool, arguments...);
    };
  };
  return {
      .on_ready = guarded([id](ExecutorPool& pool) { pool.process_loaded(id); }),
      .on_finished = guarded([id](ExecutorPool& pool, TicketId ticket) {
        pool.policy_.finished(id, ticket, pool.clock_.now());
        pool.measure(id);
        pool.carry_out();
      }),
      .on_broken = guarded([id](ExecutorPool& pool) {
        pool.policy_.executor_broken(id, pool.clock_.now());
        pool.carry_out();
      }),
      .on_gone =
          guarded([id](ExecutorPool& pool, PoolPolicy::Gone how) { pool.process_gone(id, how); }),
      .on_log = guarded([group](ExecutorPool& pool, const v1::LogRecord& record) {
        pool.log_record(*pool.groups_.at(group).worker, record);
      }),
      .on_load_fault = guarded([group](ExecutorPool& pool, const v1::WorkerFault& fault) {
        Group& failed = pool.groups_.at(group);
        failed.load_fault = true;
        failed.start_failure = describe(fault);
        log_warning("worker {} version {} does not start: {}", failed.worker->version.worker(),
                    failed.worker->version.number(), failed.start_failure);
      }),
      .on_breach = guarded([group](ExecutorPool& pool, v1::FailureKind kind) {
        pool.count_breach(*pool.groups_.at(group).worker, limit_of(kind));
      }),
      .on_reached = guarded([group](ExecutorPool& pool, WorkerLimit limit) {
        pool.count_breach(*pool.groups_.at(group).worker, limit);
      }),
      .on_restored = guarded([group](ExecutorPool& pool, const v1::RestoreFigures& figures) {
        pool.restored(group, figures);
      }),
      .on_cpu = guarded([group](ExecutorPool& pool, std::uint32_t cpu_us) {
        if (pool.on_cpu_) pool.on_cpu_(*pool.groups_.at(group).worker, cpu_us);
      }),
      .open_subrequests = [weak, group](SubrequestOrigin origin,
                                        SubresponseSink& sink) -> std::unique_ptr<SubrequestGroup> {
        const auto pool = weak.lock();
        if (pool == nullptr || !(*pool)->open_subrequests_) return nullptr;
        origin.worker = (*pool)->groups_.at(group).worker;
        return (*pool)->open_subrequests_(origin, sink);
      },
  };
}

// A container is ready when its delay has passed too.
void ExecutorPool::process_loaded(ExecutorId id) {
  Process& process = processes_.at(id);
  if (clock_.now() >= process.ready_from) {
    process_ready(id);
    return;
  }
  process.hold = std::make_unique<asio::steady_timer>(
      io_, std::chrono::time_point_cast<std::chrono::steady_clock::duration>(process.ready_from));
  process.hold->async_wait([id, weak = std::weak_ptr(alive_)](boost::system::error_code cancelled) {
    const auto pool = weak.lock();
    if (!cancelled && pool && (*pool)->processes_.contains(id)) (*pool)->process_ready(id);
  });
}

void ExecutorPool::process_ready(ExecutorId id) {
  policy_.executor_ready(id, clock_.now());
  carry_out();
  // Behind the request that waits for it.
  asio::post(io_, [id, weak = std::weak_ptr(alive_)] {
    const auto pool = weak.lock();
    if (!pool) return;
    (*pool)->measure(id);
    (*pool)->carry_out();
  });
}

// Tells the policy what the executor uses, unless it was told just now.
void ExecutorPool::measure(ExecutorId id) {
  const auto found = processes_.find(id);
  if (found == processes_.end()) return;
  Process& process = found->second;
  const Instant now = clock_.now();
  if (process.measured_at != Instant{} && now - process.measured_at < kMeasurePeriod) return;
  const std::optional<std::uint64_t> bytes = process.process->memory_bytes();
  if (!bytes) return;
  process.measured_at = now;
  policy_.executor_memory(id, *bytes, now);
}

void ExecutorPool::restored(GroupId group, const v1::RestoreFigures& figures) {
  WorkerCounters& counters = worker_counters_[groups_.at(group).worker->version.worker()];
  ++counters.restores;
  counters.pages_restored += figures.pages_restored();
  if (on_restored_) on_restored_(figures);
}

void ExecutorPool::count_breach(const LiveWorker& worker, WorkerLimit limit) {
  ++worker_counters_[worker.version.worker()].breaches.at(static_cast<std::size_t>(limit));
}

void ExecutorPool::keep_counters(const std::function<bool(std::string_view)>& is_held) {
  std::erase_if(worker_counters_, [&](const auto& entry) { return !is_held(entry.first); });
}

void ExecutorPool::process_gone(ExecutorId id, PoolPolicy::Gone how) {
  const auto process = processes_.extract(id);
  ISOPOP_ASSERT(!process.empty(), "an executor goes once");
  if (const std::optional<std::string> crash = process.mapped().process->crash()) {
    Group& group = groups_.at(process.mapped().group);
    group.load_fault = false;
    group.start_failure = "its executor ended before it was ready (" + *crash + ")";
    if (on_crashed_) on_crashed_(*group.worker);
  }
  if (how == PoolPolicy::Gone::kAsAsked) ++counters_.stopped;
  if (how == PoolPolicy::Gone::kCrashed) ++counters_.crashed;
  if (how == PoolPolicy::Gone::kSpent) ++counters_.spent;
  if (how == PoolPolicy::Gone::kFailedToStart) ++counters_.start_failures;
  policy_.executor_gone(id, how, clock_.now());
  carry_out();
}

void ExecutorPool::act(const StopExecutor& action) {
  const auto found = processes_.find(action.executor);
  if (found != processes_.end()) found->second.process->stop();
}

void ExecutorPool::act(const AssignTicket& action) {
  const auto run = waiting_.extract(action.ticket);
  const Process& process = processes_.at(action.executor);
  groups_.at(process.group).load_fault = false;
  groups_.at(process.group).start_failure.clear();
  ISOPOP_ASSERT(!run.empty(), "an assigned ticket waited");
  run.mapped()->start = action.start;
  process.process->assign(run.mapped());
}

void ExecutorPool::act(const RejectTicket& action) {
  const auto run = waiting_.extract(action.ticket);
  ISOPOP_ASSERT(!run.empty(), "a rejected ticket waited");
  RunRefusal refusal{.reason = action.reason, .retry_after = action.retry_after};
  if (action.reason == RejectReason::kCannotStart) {
    const Group& group = groups_.at(run.mapped()->group);
    refusal.is_workers_fault = group.load_fault;
    refusal.detail = group.start_failure;
  }
  run.mapped()->refusal = refusal;
  run.mapped()->arrived.notify();
}

void ExecutorPool::act(const ForgetGroup& action) {
  const auto found = groups_.find(action.group);
  if (found->second.load_frame) load_frame_bytes_ -= found->second.load_frame->size();
  group_ids_.erase(found->second.worker.get());
  groups_.erase(found);
  if (on_forgotten_) on_forgotten_();
}

void ExecutorPool::log_record(const LiveWorker& worker, const v1::LogRecord& record) {
  ++counters_.log_records;
  const Instant now = clock_.now();
  if (now - log_second_ >= std::chrono::seconds(1)) {
    log_second_ = now;
    logged_this_second_ = 0;
  }
  if (++logged_this_second_ > kLogRecordsPerSecondMax) {
    ++counters_.log_records_dropped;
    return;
  }
  log_info("worker {} {}: {}", worker.version.worker(), truncate_utf8(record.level(), 16),
           truncate_utf8(record.text(), kLogTextBytesMax));
}

// A timer that fires too early costs less than one that is set anew for each request.
void ExecutorPool::arm_timer() {
  const std::optional<Instant> at = policy_.next_tick();
  if (!at || (timer_at_ && *timer_at_ <= *at)) return;
  timer_at_ = at;
  timer_.expires_at(std::chrono::time_point_cast<std::chrono::steady_clock::duration>(*at));
  timer_.async_wait([weak = std::weak_ptr(alive_)](boost::system::error_code cancelled) {
    const auto pool = weak.lock();
    if (cancelled || !pool) return;
    (*pool)->timer_at_.reset();
    (*pool)->policy_.tick((*pool)->clock_.now());
    (*pool)->carry_out();
  });
}

asio::awaitable<void> ExecutorPool::drain(std::chrono::nanoseconds patience) {
  policy_.drain(clock_.now());
  carry_out();
  const Instant deadline = clock_.now() + patience;
  asio::steady_timer pause(io_);
  while (!processes_.empty()) {
    if (clock_.now() >= deadline) {
      for (const auto& [id, process] : processes_) process.process->kill();
      zygote_->close();
    }
    pause.expires_after(kDrainPoll);
    co_await pause.async_wait(kNoThrow);
  }
}

ExecutorRun::ExecutorRun(std::weak_ptr<ExecutorPool*> pool, std::shared_ptr<RunState> state)
    : pool_(std::move(pool)), state_(std::move(state)) {}

ExecutorRun::~ExecutorRun() {
  leave();
}

asio::awaitable<ExecutorRun::Placement> ExecutorRun::placed() {
  while (true) {
    if (has_left_) co_return Placement::kLeft;
    if (state_->refusal) co_return Placement::kRefused;
    // An executor that broke between placing and now shows as the run's first event.
    if (state_->channel != nullptr || state_->is_over) co_return Placement::kPlaced;
    co_await state_->arrived.wait();
  }
}

const RunRefusal& ExecutorRun::refusal() const {
  ISOPOP_ASSERT(state_->refusal.has_value(), "a run that was refused");
  return *state_->refusal;
}

void ExecutorRun::send_head(v1::RequestHead head, RunLineage lineage,
                            std::shared_ptr<RunObserver> observer) {
  state_->lineage = std::move(lineage);
  if (state_->channel != nullptr) {
    state_->observer = std::move(observer);
    state_->channel->send_head(*state_, std::move(head));
  } else if (observer != nullptr) {
    observer->on_over(0);
  }
}

asio::awaitable<Result<void>> ExecutorRun::send_body(std::string piece, bool last) {
  std::size_t sent = 0;
  while (true) {
    if (state_->channel == nullptr || has_left_) {
      co_return Error{ErrorCode::kCancelled, "the executor reads no more of the body"};
    }
    const std::size_t left = piece.size() - sent;
    const std::size_t size =
        std::min({left, kBodyPieceBytesMax, state_->channel->send_window(*state_)});
    if (size == 0 && left > 0) {
      co_await state_->room.wait();
      continue;
    }
    const bool is_last = last && size == left;
    if (size > 0 || is_last) {
      state_->channel->send_body(*state_, piece.substr(sent, size), is_last);
    }
    sent += size;
    if (sent == piece.size()) co_return Result<void>();
  }
}

asio::awaitable<RunEvent> ExecutorRun::next() {
  while (state_->events.empty()) {
    if (has_left_ || state_->is_over) co_return RunFinished();
    co_await state_->arrived.wait();
  }
  RunEvent event = std::move(state_->events.front());
  state_->events.pop_front();
  co_return event;
}

void ExecutorRun::took(std::size_t bytes) {
  taken_ += bytes;
  // One Credit for several pieces; the executor still has half its window when it goes out.
  if (taken_ < kBodyWindowBytes / 2 || state_->channel == nullptr) return;
  state_->channel->grant(*state_, std::exchange(taken_, 0));
}

void ExecutorRun::leave() {
  if (std::exchange(has_left_, true)) return;
  if (state_->channel != nullptr) {
    state_->channel->abandon(*state_);
  } else if (const auto pool = pool_.lock()) {
    (*pool)->withdraw(state_);
  }
  state_->events.clear();
  state_->arrived.notify();
  state_->room.notify();
}

}  // namespace isopop::pop
