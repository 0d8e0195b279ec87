#include "pop_node/executor/event_loop.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <limits>
#include <type_traits>
#include <utility>
#include <variant>

#include "pop_node/executor/exit_codes.h"
#include "pop_node/executor/fault_reader.h"

namespace isopop::executor {

EventLoop::EventLoop(const Parts& parts)
    : parts_(parts),
      traffic_(parts.channel.output(), parts.clock),
      surroundings_{.traffic = traffic_,
                    .frozen_clock = parts.frozen_clock,
                    .clock = parts.clock,
                    .watchdog = parts.watchdog,
                    .last_words = parts.last_words,
                    .v8_system = parts.v8_system,
                    .snapshot = parts.snapshot} {}

Result<int> EventLoop::run() {
  while (true) {
    ISOPOP_TRY(parts_.channel.send());
    if (exit_code_) break;
    ISOPOP_TRY_ASSIGN(const bool open, wait());
    if (!open) return kExitDone;
    const Result<void> taken = take_frames();
    if (!taken.ok()) {
      parts_.channel.send_all_then_stop();
      return taken.error();
    }
    if (isolation_ != nullptr && !exit_code_) {
      const std::optional<Instant> next = isolation_->next_event();
      const Instant now = parts_.clock.now();
      if (next && *next <= now) {
        parts_.frozen_clock.advance();
        isolation_->on_time(now);
        proceed();
      }
    }
    if (stopping_ && traffic_.size() == 0 && !exit_code_) exit_code_ = kExitDone;
  }
  parts_.channel.send_all_then_stop();
  return *exit_code_;
}

// Sleeps until something comes in, can be sent, or is due. False: the PoP is gone.
Result<bool> EventLoop::wait() {
  int timeout_ms = -1;
  const std::optional<Instant> next =
      isolation_ == nullptr ? std::nullopt : isolation_->next_event();
  if (next) {
    // Rounded up: waking a moment early would only spin.
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - parts_.clock.now());
    timeout_ms = static_cast<int>(
        std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max()));
  }
  pollfd entry{.fd = parts_.channel.descriptor(), .events = POLLIN, .revents = 0};
  if (parts_.channel.has_output()) entry.events |= POLLOUT;
  const int ready = ::poll(&entry, 1, timeout_ms);
  if (ready < 0 && errno != EINTR) return errno_error("poll", errno);
  if (ready <= 0 || (entry.revents & (POLLIN | POLLHUP | POLLERR)) == 0) return true;
  ISOPOP_TRY_ASSIGN(const Channel::Input input, parts_.channel.receive());
  return input != Channel::Input::kEnd;
}

Result<void> EventLoop::take_frames() {
  while (!exit_code_) {
    ISOPOP_TRY_ASSIGN(const std::optional<std::string_view> bytes, parts_.channel.next_frame());
    if (!bytes) return {};
    ISOPOP_TRY_ASSIGN(InboundFrame frame, decode_frame(*bytes));
    ISOPOP_TRY(take(std::move(frame)));
  }
  return {};
}

Result<void> EventLoop::take(InboundFrame frame) {
  if (auto* const load_frame = std::get_if<LoadFrame>(&frame)) return load(std::move(*load_frame));
  if (isolation_ == nullptr) return invalid_argument("a frame before Load");
  // Something has come in from outside: the worker's time moves on.
  parts_.frozen_clock.advance();
  if (auto* const request = std::get_if<RequestFrame>(&frame)) {
    ISOPOP_TRY(start(std::move(*request)));
  } else if (auto* const body = std::get_if<BodyFrame>(&frame)) {
    const std::uint32_t id = body->id;
    ISOPOP_TRY_ASSIGN(const bool awaited, traffic_.add_body(std::move(*body)));
    if (awaited) isolation_->on_body(id);
  } else if (const auto* const credit = std::get_if<CreditFrame>(&frame)) {
    if (traffic_.add_credit(*credit)) isolation_->on_credit(credit->id);
  } else if (auto* const answer = std::get_if<SubresponseFrame>(&frame)) {
    ISOPOP_TRY_ASSIGN(const std::optional<std::uint32_t> parent,
                      traffic_.subrequests().take(std::move(*answer)));
    if (parent) isolation_->on_body(*parent);
  } else if (const auto* const cancel = std::get_if<CancelFrame>(&frame)) {
    if (traffic_.contains(cancel->id)) isolation_->cancel(cancel->id);
  } else {
    stopping_ = true;
  }
  proceed();
  return {};
}

Result<void> EventLoop::load(LoadFrame frame) {
  if (worker_) return invalid_argument("a second Load");
  worker_ = std::move(frame);
  traffic_.set_limits(worker_->limits);
  LoadTimes times;
  Result<std::unique_ptr<IsolationStrategy>> made = make_isolation(surroundings_, *worker_);
  std::optional<WorkerFault> fault;
  if (made.ok()) {
    isolation_ = std::move(made).value();
    fault = isolation_->load(times);
  } else {
    fault = fault_of(made.error().message);
  }
  if (fault) {
    append_load_refused(parts_.channel.output(), *fault, times);
    exit_code_ = kExitInvalid;
  } else {
    append_loaded(parts_.channel.output(), times);
  }
  return {};
}

Result<void> EventLoop::start(RequestFrame frame) {
  if (stopping_) return invalid_argument("a request after Shutdown");
  ISOPOP_TRY(traffic_.begin(frame));
  isolation_->start(std::move(frame));
  return {};
}

void EventLoop::proceed() {
  if (isolation_->proceed() == IsolationStrategy::Health::kGood) return;
  exit_code_ = isolation_->breach() == Realm::Breach::kMemory ? kExitMemoryLimit : kExitCpuLimit;
}

}  // namespace isopop::executor
