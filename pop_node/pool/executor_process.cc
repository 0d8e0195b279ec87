#include "pop_node/pool/executor_process.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <csignal>
#include <utility>

#include "common/log/log.h"

namespace isopop::pop {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kReadBytes = 16 * 1024;
constexpr std::chrono::nanoseconds kWatchPeriodMin = milliseconds(10);
constexpr std::chrono::nanoseconds kWatchPeriodMax = std::chrono::seconds(1);
constexpr auto kNoThrow = asio::as_tuple(asio::use_awaitable);

}  // namespace

ExecutorProcess::ExecutorProcess(asio::io_context& io, const Clock& clock,
                                 ExecutorProcessOptions options, Events events)
    : io_(io),
      clock_(clock),
      options_(std::move(options)),
      events_(std::move(events)),
      socket_(io),
      watch_timer_(io) {}

ExecutorProcess::~ExecutorProcess() {
  lose_all_runs();
}

Result<void> ExecutorProcess::start(v1::Load load) {
  std::array<int, 2> ends{};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return errno_error("create a socket pair", errno);
  }
  const UniqueFd theirs(ends[1]);
  UniqueFd ours(ends[0]);
  boost::system::error_code error;
  socket_.assign(asio::local::stream_protocol(), ours.release(), error);
  if (error) return internal_error("take the executor's socket: " + error.message());

  // Its standard error is ours, so that the last words of a crash are not lost.
  ISOPOP_TRY_ASSIGN(Child child, Child::start({.program = options_.program,
                                               .arguments = options_.arguments,
                                               .environment = {},
                                               .channel = theirs.get(),
                                               .standard_error = 2}));
  child_ = std::move(child);
  v1::Frame frame;
  *frame.mutable_load() = std::move(load);
  send(frame);
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
  auto how = PoolPolicy::Gone::kCrashed;
  if (!self->is_ready_) how = PoolPolicy::Gone::kFailedToStart;
  if (self->is_stopping_) how = PoolPolicy::Gone::kAsAsked;
  const std::optional<ExitStatus> status = self->child_->poll_exit();
  if (how == PoolPolicy::Gone::kCrashed) {
    log_warning("executor {} ended by itself ({}){}", self->pid(),
                status ? status->describe() : "unknown",
                had_work ? ", requests in it are lost" : "");
  }
  self->events_.on_gone(how);
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

// Waits until the process has ended; one that was asked to gets its grace, any other is killed now.
asio::awaitable<void> ExecutorProcess::await_exit() {
  if (!is_stopping_) child_->send_signal(SIGKILL);
  asio::posix::stream_descriptor exited(io_);
  boost::system::error_code error;
  exited.assign(fcntl(child_->pid_fd(), F_DUPFD_CLOEXEC, 0), error);
  asio::steady_timer grace(io_);
  if (is_stopping_) {
    grace.expires_after(options_.stop_grace);
    // The child outlives the timer: both end in this coroutine's frame, which cancels it below.
    grace.async_wait([this, self = shared_from_this()](boost::system::error_code cancelled) {
      if (!cancelled) child_->send_signal(SIGKILL);
    });
  }
  if (error) {
    child_->kill_and_reap();
    co_return;
  }
  co_await exited.async_wait(asio::posix::stream_descriptor::wait_read, kNoThrow);
  grace.cancel();
  if (!child_->poll_exit()) child_->kill_and_reap();
}

void ExecutorProcess::send(const v1::Frame& frame) {
  if (is_broken_) return;
  outgoing_.push_back(encode_frame(frame));
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
    if (self->in_flight_.empty()) {
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
  if (child_) child_->send_signal(SIGKILL);
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
      deliver(std::move(*frame.mutable_response()));
      break;
    case v1::Frame::kResponseBody:
      deliver(std::move(*frame.mutable_response_body()));
      break;
    case v1::Frame::kFailure:
      deliver(std::move(*frame.mutable_failure()));
      break;
    case v1::Frame::kFinished:
      finish(frame.finished().id());
      break;
    case v1::Frame::kCredit:
      if (const auto found = in_flight_.find(frame.credit().id()); found != in_flight_.end()) {
        found->second.turn_since = clock_.now();
        if (found->second.run != nullptr) found->second.run->room.notify();
      }
      break;
    default:
      events_.on_log(frame.log());
  }
  return {};
}

void ExecutorProcess::handle_loaded(const v1::Loaded& loaded) {
  if (is_stopping_) return;
  if (!loaded.ok()) {
    events_.on_load_fault(loaded.fault());
    mark_broken();
    kill();
    return;
  }
  is_ready_ = true;
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
  in_flight_[run.request_id] = {found->second, run.ticket, clock_.now()};
  unsent_.erase(found);
  protocol_.request_sent(head);
  v1::Frame frame;
  *frame.mutable_request() = std::move(head);
  send(frame);
  if (in_flight_.size() == 1) watch_timer_.cancel();
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

void ExecutorProcess::finish(std::uint32_t id) {
  const auto found = in_flight_.find(id);
  if (found == in_flight_.end()) return;
  const InFlight request = std::move(found->second);
  in_flight_.erase(found);
  if (request.run != nullptr) {
    request.run->events.emplace_back(RunFinished());
    request.run->is_over = true;
    request.run->channel = nullptr;
    request.run->arrived.notify();
    request.run->room.notify();
  }
  events_.on_finished(request.ticket);
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
  for (const auto& [id, request] : std::exchange(in_flight_, {})) lose(request.run);
  for (const auto& [ticket, run] : std::exchange(unsent_, {})) lose(run);
}

}  // namespace isopop::pop
