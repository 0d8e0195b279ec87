#include "pop_node/pool/executor_process.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <csignal>
#include <utility>

#include "common/log/log.h"
#include "common/process/process_memory.h"

namespace isopop::pop {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::chrono::nanoseconds kWatchPeriodMin = milliseconds(10);
constexpr std::chrono::nanoseconds kWatchPeriodMax = std::chrono::seconds(1);
// Pages of the zygote's that it has replaced by its own, which no cheap figure tells, its page
// tables and its buffers: 0.5 MiB for small workers in all modes (measured, November 2026).
constexpr std::uint64_t kReplacedBytes = 512 * 1024;
constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

}  // namespace

ExecutorProcess::ExecutorProcess(asio::io_context& io, const Clock& clock,
                                 ExecutorProcessOptions options, Events events)
    : io_(io),
      clock_(clock),
      options_(options),
      events_(std::move(events)),
      socket_(io),
      watch_timer_(io),
      protocol_(options_.subrequests_max) {}

ExecutorProcess::~ExecutorProcess() {
  // At the event loop's end, when whoever observes may be gone.
  for (auto& [id, request] : in_flight_) request.observer.reset();
  lose_all_runs();
}

Result<void> ExecutorProcess::start(ExecutorZygote& zygote, std::string_view load_frame) {
  ordered_at_ = clock_.now();
  ISOPOP_TRY_ASSIGN(ExecutorZygote::Seat seat, zygote.take());
  child_ = std::move(seat.child);
  boost::system::error_code error;
  socket_.assign(asio::local::stream_protocol(), seat.connection.get(), error);
  if (error) {
    child_->kill();
    return internal_error("take the executor's socket: " + error.message());
  }
  static_cast<void>(seat.connection.release());
  // It lies there when the child begins to read.
  send(load_frame);
  asio::co_spawn(io_, serve(shared_from_this()), asio::detached);
  asio::co_spawn(io_, watch(shared_from_this()), asio::detached);
  return {};
}

asio::awaitable<void> ExecutorProcess::serve(std::shared_ptr<ExecutorProcess> self) {
  co_await self->read_frames();
  self->mark_broken();
  self->watch_timer_.cancel();
  boost::system::error_code ignored;
  self->socket_.close(ignored);
  const bool had_work = !self->in_flight_.empty() || !self->unsent_.empty();
  self->lose_all_runs();
  co_await self->await_exit();
  const PoolPolicy::Gone how = self->how_it_went();
  const bool was_forked = self->child_->fate() == ExecutorChild::Fate::kExited;
  const bool is_unexpected =
      how == PoolPolicy::Gone::kCrashed ||
      (how == PoolPolicy::Gone::kFailedToStart && was_forked && !self->told_fault_);
  if (is_unexpected) {
    const std::optional<ExitStatus>& status = self->child_->status();
    self->crash_ = status ? status->describe() : "unknown";
    log_warning("executor {} ended {} ({}){}", self->pid(),
                self->is_ready_ ? "by itself" : "before it was ready", *self->crash_,
                had_work ? ", requests in it are lost" : "");
  }
  self->events_.on_gone(how);
}

PoolPolicy::Gone ExecutorProcess::how_it_went() const {
  if (is_stopping_ && !is_ending_) return PoolPolicy::Gone::kAsAsked;
  switch (child_->fate()) {
    case ExecutorChild::Fate::kDiedWithZygote:
      return PoolPolicy::Gone::kSpent;
    case ExecutorChild::Fate::kNeverForked:
      log_warning("an executor was not forked: {}", child_->reason());
      return PoolPolicy::Gone::kFailedToStart;
    default:
      break;
  }
  if (!is_ready_) return PoolPolicy::Gone::kFailedToStart;
  // After a limit it exits, or is killed by us, whoever is faster. Another signal is a crash.
  const std::optional<ExitStatus>& status = child_->status();
  const bool in_order = status && (status->signal == 0 || status->signal == SIGKILL);
  return (told_limit_ || is_ending_) && in_order ? PoolPolicy::Gone::kSpent
                                                 : PoolPolicy::Gone::kCrashed;
}

asio::awaitable<void> ExecutorProcess::read_frames() {
  std::array<char, kReadBytes> buffer{};
  while (!is_broken_) {
    const auto [error, size] = co_await socket_.async_read_some(asio::buffer(buffer), kNoThrow);
    if (error || is_broken_) co_return;
    reader_.feed(std::string_view(buffer.data(), size));
    while (true) {
      Result<std::optional<v1::Frame>> frame = reader_.next();
      if (!frame.ok()) {
        break_off(ExecutorLost::Why::kBrokeProtocol, frame.error().message);
        co_return;
      }
      if (!frame.value()) break;
      const Result<void> handled = handle(*std::move(frame).value());
      if (!handled.ok()) {
        break_off(ExecutorLost::Why::kBrokeProtocol, handled.error().message);
        co_return;
      }
      if (is_broken_) co_return;
    }
  }
}

// One that used up its time or memory ends by itself, in most modes. It gets no more work in any,
// so that no request meets its end.
void ExecutorProcess::note_limit(v1::FailureKind kind) {
  told_limit_ = is_limit(kind);
  if (!told_limit_) return;
  events_.on_breach(kind);
  if (kind == v1::FAILURE_KIND_WALL_LIMIT || std::exchange(is_ending_, true)) return;
  events_.on_broken();
}

// Waits until the process has ended; one that was asked to gets its grace, any other is killed now.
asio::awaitable<void> ExecutorProcess::await_exit() {
  if (!is_stopping_) child_->kill();
  asio::steady_timer grace(io_);
  if (is_stopping_) {
    grace.expires_after(options_.stop_grace);
    // The child outlives the timer: both end in this coroutine's frame, which cancels it below.
    grace.async_wait([this, self = shared_from_this()](boost::system::error_code cancelled) {
      if (!cancelled) child_->kill();
    });
  }
  co_await child_->ended();
  grace.cancel();
}

// What the socket takes at once goes without a detour through the event loop; that is nearly all.
void ExecutorProcess::send(std::string_view bytes) {
  if (is_broken_) return;
  if (!is_writing_) {
    const ssize_t sent =
        ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    if (bytes.empty()) return;
  }
  outgoing_.emplace_back(bytes);
  if (std::exchange(is_writing_, true)) return;
  asio::co_spawn(io_, write_frames(shared_from_this()), asio::detached);
}

asio::awaitable<void> ExecutorProcess::write_frames(std::shared_ptr<ExecutorProcess> self) {
  while (!self->outgoing_.empty() && !self->is_broken_) {
    const std::string bytes = std::move(self->outgoing_.front());
    self->outgoing_.pop_front();
    const auto [error, size] =
        co_await asio::async_write(self->socket_, asio::buffer(bytes), kNoThrow);
    // The reader sees the broken connection too and cleans up.
    if (error) break;
  }
  self->is_writing_ = false;
}

// Ends an executor that does not get ready, is silent when it should speak, or does not stop.
asio::awaitable<void> ExecutorProcess::watch(std::shared_ptr<ExecutorProcess> self) {
  asio::steady_timer& timer = self->watch_timer_;
  timer.expires_after(self->options_.start_timeout);
  co_await timer.async_wait(kNoThrow);
  if (!self->is_ready_ && !self->is_stopping_) {
    self->break_off(ExecutorLost::Why::kSilent, "it was not ready in time");
  }
  const auto period = std::clamp(self->options_.wall_limit / 4, kWatchPeriodMin, kWatchPeriodMax);
  while (!self->is_broken_ && !self->is_stopping_) {
    // An idle executor is not watched: the timer sleeps until send_head() wakes it.
    self->is_unwatched_ = self->in_flight_.empty();
    if (self->is_unwatched_) {
      timer.expires_at(asio::steady_timer::time_point::max());
    } else {
      timer.expires_after(period);
    }
    co_await timer.async_wait(kNoThrow);
    if (self->is_silent(self->clock_.now())) {
      self->break_off(ExecutorLost::Why::kSilent, "it was silent for longer than the wall limit");
    }
  }
  if (self->is_broken_) co_return;
  timer.expires_after(self->options_.stop_grace);
  co_await timer.async_wait(kNoThrow);
  if (!self->is_broken_) self->kill();
}

bool ExecutorProcess::is_silent(Instant now) {
  for (auto& [id, request] : in_flight_) {
    const bool is_abandoned = request.run == nullptr;
    if (!is_abandoned && !protocol_.is_executors_turn(id)) request.turn_since = now;
    if (now - request.turn_since > options_.wall_limit + options_.silence_grace) return true;
  }
  return false;
}

void ExecutorProcess::break_off(ExecutorLost::Why why, std::string_view reason) {
  if (is_broken_) return;
  log_warning("executor {} is ended: {}", pid(), reason);
  lost_why_ = why;
  mark_broken();
  kill();
}

void ExecutorProcess::mark_broken() {
  if (std::exchange(is_broken_, true)) return;
  events_.on_broken();
}

void ExecutorProcess::kill() {
  if (child_) child_->kill();
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void ExecutorProcess::stop() {
  if (std::exchange(is_stopping_, true) || is_broken_) return;
  v1::Frame frame;
  frame.mutable_shutdown();
  send(frame);
  watch_timer_.cancel();
}

Result<void> ExecutorProcess::handle(v1::Frame frame) {
  ISOPOP_TRY_ASSIGN(const auto verdict, protocol_.check(frame));
  if (verdict == ExecutorProtocol::Verdict::kDrop) return {};
  switch (frame.frame_case()) {
    case v1::Frame::kLoaded:
      handle_loaded(frame.loaded());
      break;
    case v1::Frame::kResponse:
      told_limit_ = false;
      deliver(std::move(*frame.mutable_response()));
      break;
    case v1::Frame::kResponseBody:
      deliver(std::move(*frame.mutable_response_body()));
      break;
    case v1::Frame::kFailure:
      note_limit(frame.failure().kind());
      if (verdict == ExecutorProtocol::Verdict::kDeliver)
        deliver(std::move(*frame.mutable_failure()));
      break;
    case v1::Frame::kFinished:
      finish(frame.finished());
      break;
    case v1::Frame::kSubrequest:
      take_subrequest(std::move(*frame.mutable_subrequest()));
      break;
    case v1::Frame::kCredit:
      if (const auto found = in_flight_.find(frame.credit().id()); found != in_flight_.end()) {
        found->second.turn_since = clock_.now();
        if (found->second.run != nullptr) found->second.run->room.notify();
      }
      break;
    default:
      events_.on_log(frame.log());
      if (const auto found = in_flight_.find(frame.log().id()); found != in_flight_.end()) {
        if (found->second.observer) found->second.observer->on_log(frame.log());
      }
  }
  return {};
}

void ExecutorProcess::handle_loaded(const v1::Loaded& loaded) {
  if (is_stopping_) return;
  if (!loaded.ok()) {
    told_fault_ = true;
    events_.on_load_fault(loaded.fault());
    mark_broken();
    kill();
    return;
  }
  is_ready_ = true;
  log_debug(
      "executor {} is ready {} µs after its order; its own: {} µs from the code to here, of these "
      "compiling {}, top level {} (CPU), checkpoint {}",
      pid(),
      std::chrono::duration_cast<std::chrono::microseconds>(clock_.now() - ordered_at_).count(),
      loaded.total_us(), loaded.compile_us(), loaded.top_level_us(), loaded.checkpoint_us());
  checkpoint_bytes_ =
      std::min<std::uint64_t>(loaded.checkpoint_kib() * 1024ULL, options_.memory_bytes_max);
  watch_timer_.cancel();
  events_.on_ready();
}

void ExecutorProcess::assign(const std::shared_ptr<RunState>& run) {
  run->channel = this;
  unsent_[run->ticket] = run;
  run->arrived.notify();
}

void ExecutorProcess::send_head(RunState& run, v1::RequestHead head) {
  const auto found = unsent_.find(run.ticket);
  ISOPOP_ASSERT(found != unsent_.end(), "a run that was assigned here");
  run.request_id = ++last_request_id_;
  head.set_id(run.request_id);
  InFlight& request = in_flight_[run.request_id];
  request.run = found->second;
  request.observer = std::move(run.observer);
  request.ticket = run.ticket;
  request.turn_since = clock_.now();
  request.origin = {
      .parent = run.request_id, .lineage = std::move(run.lineage), .client = head.client()};
  unsent_.erase(found);
  protocol_.request_sent(head);
  v1::Frame frame;
  *frame.mutable_request() = std::move(head);
  send(frame);
  if (std::exchange(is_unwatched_, false)) watch_timer_.cancel();
}

std::size_t ExecutorProcess::send_window(const RunState& run) const {
  return protocol_.send_window(run.request_id);
}

void ExecutorProcess::send_body(const RunState& run, std::string piece, bool last) {
  protocol_.body_sent(run.request_id, piece.size(), last);
  in_flight_.at(run.request_id).turn_since = clock_.now();
  v1::Frame frame;
  v1::BodyChunk& chunk = *frame.mutable_request_body();
  chunk.set_id(run.request_id);
  chunk.set_data(std::move(piece));
  chunk.set_last(last);
  send(frame);
}

void ExecutorProcess::grant(const RunState& run, std::size_t bytes) {
  const auto found = in_flight_.find(run.request_id);
  if (found == in_flight_.end()) return;
  found->second.turn_since = clock_.now();
  protocol_.granted(run.request_id, bytes);
  v1::Frame frame;
  frame.mutable_credit()->set_id(run.request_id);
  frame.mutable_credit()->set_bytes(static_cast<std::uint32_t>(bytes));
  send(frame);
}

void ExecutorProcess::abandon(RunState& run) {
  run.channel = nullptr;
  if (const auto waiting = unsent_.find(run.ticket); waiting != unsent_.end()) {
    const TicketId ticket = run.ticket;
    unsent_.erase(waiting);
    events_.on_finished(ticket);
    return;
  }
  const auto found = in_flight_.find(run.request_id);
  if (found == in_flight_.end()) return;
  found->second.run = nullptr;
  found->second.turn_since = clock_.now();
  if (protocol_.is_settled(run.request_id)) return;
  found->second.is_cancelled = true;
  found->second.subrequests.reset();
  v1::Frame frame;
  frame.mutable_cancel()->set_id(run.request_id);
  send(frame);
}

template <typename Message>
void ExecutorProcess::deliver(Message message) {
  const auto found = in_flight_.find(message.id());
  if (found == in_flight_.end()) return;
  found->second.turn_since = clock_.now();
  const std::shared_ptr<RunState>& run = found->second.run;
  if (run == nullptr) return;
  run->events.emplace_back(std::move(message));
  run->arrived.notify();
}

void ExecutorProcess::take_subrequest(v1::Subrequest part) {
  const auto found = in_flight_.find(part.parent());
  if (found == in_flight_.end() || found->second.is_cancelled) return;
  InFlight& request = found->second;
  request.turn_since = clock_.now();
  if (request.subrequests == nullptr) {
    request.subrequests = events_.open_subrequests(request.origin, *this);
  }
  if (request.subrequests != nullptr) request.subrequests->take(std::move(part));
}

bool ExecutorProcess::is_under_way(std::uint32_t parent, std::uint32_t id) const {
  const SubrequestLedger* ledger = protocol_.subrequests(parent);
  return ledger != nullptr && ledger->is_under_way(id);
}

std::size_t ExecutorProcess::subresponse_window(std::uint32_t parent, std::uint32_t id) const {
  const SubrequestLedger* ledger = protocol_.subrequests(parent);
  return ledger == nullptr ? 0 : ledger->window(id);
}

void ExecutorProcess::send_subresponse(v1::Subresponse part) {
  protocol_.subresponse_sent(part);
  if (const auto found = in_flight_.find(part.parent()); found != in_flight_.end()) {
    found->second.turn_since = clock_.now();
  }
  v1::Frame frame;
  *frame.mutable_subresponse() = std::move(part);
  send(frame);
}

void ExecutorProcess::finish(const v1::Finished& finished) {
  const auto found = in_flight_.find(finished.id());
  if (found == in_flight_.end()) return;
  InFlight request = std::move(found->second);
  in_flight_.erase(found);
  if (request.run != nullptr) {
    request.run->events.emplace_back(RunFinished());
    request.run->is_over = true;
    request.run->channel = nullptr;
    request.run->arrived.notify();
    request.run->room.notify();
  }
  if (request.observer) request.observer->on_over(finished.cpu_us());
  events_.on_cpu(finished.cpu_us());
  if (finished.has_restore()) events_.on_restored(finished.restore());
  if (finished.reached_subrequests()) events_.on_reached(WorkerLimit::kSubrequests);
  if (finished.reached_log()) events_.on_reached(WorkerLimit::kLog);
  events_.on_finished(request.ticket);
  if (is_ending_ && in_flight_.empty() && unsent_.empty()) stop();
}

std::optional<std::uint64_t> ExecutorProcess::memory_bytes() const {
  const std::optional<std::uint64_t> anonymous = anonymous_bytes(pid());
  if (!anonymous) return std::nullopt;
  const std::uint64_t inherited = child_->inherited_bytes();
  const std::uint64_t added = *anonymous > inherited ? *anonymous - inherited : 0;
  return kReplacedBytes + checkpoint_bytes_ + added;
}

// The pool learns of the tickets' end by on_gone.
void ExecutorProcess::lose_all_runs() {
  const auto lose = [this](const std::shared_ptr<RunState>& run) {
    if (run == nullptr) return;
    run->events.emplace_back(ExecutorLost{lost_why_});
    run->is_over = true;
    run->channel = nullptr;
    run->arrived.notify();
    run->room.notify();
  };
  for (const auto& [id, request] : std::exchange(in_flight_, {})) {
    lose(request.run);
    if (request.observer) request.observer->on_over(0);
  }
  for (const auto& [ticket, run] : std::exchange(unsent_, {})) lose(run);
}

}  // namespace isopop::pop
