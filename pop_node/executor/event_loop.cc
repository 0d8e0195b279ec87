#include "pop_node/executor/event_loop.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <limits>
#include <type_traits>
#include <utility>
#include <variant>

#include "pop_node/checkpoint/request_heap.h"
#include "pop_node/executor/exit_codes.h"
#include "pop_node/executor/fault_reader.h"
#include "pop_node/executor/sandbox.h"

namespace isopop::executor {
EventLoop::EventLoop(const Parts& parts)
    : parts_(parts),
      clock_(parts.groundwork.clock),
      traffic_(parts.channel.output(), clock_),
      surroundings_(parts.groundwork.surroundings(traffic_, parts.watchdog, parts.last_words)) {}

Result<int> EventLoop::run() {
  while (true) {
    ISOPOP_TRY(parts_.channel.send());
    if (exit_code_) break;
    // Not before the last byte is out: what was not sent yet would be lost with the rest.
    if (isolation_ != nullptr && isolation_->spent() && !parts_.channel.has_output()) {
      checkpoint_->restore();
    }
    ISOPOP_TRY_ASSIGN(const bool open, wait());
    if (!open) return kExitDone;
    const Result<void> taken = take_frames();
    if (!taken.ok()) {
      parts_.channel.send_all_then_stop();
      return taken.error();
    }
    if (isolation_ != nullptr && !exit_code_) {
      const std::optional<Instant> next = isolation_->next_event();
      const Instant now = clock_.now();
      if (next && *next <= now) {
        // What a worker does behind its answer must not be able to hold that up, nor take it along.
        ISOPOP_TRY(parts_.channel.send());
        parts_.groundwork.frozen_clock.advance();
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
  const std::optional<Instant> next =
      isolation_ == nullptr ? std::nullopt : isolation_->next_event();
  if (!next && !parts_.channel.has_output()) {
    ISOPOP_TRY_ASSIGN(const Channel::Input input, parts_.channel.receive(Channel::Wait::kForInput));
    return input != Channel::Input::kEnd;
  }
  int timeout_ms = -1;
  if (next) {
    // Rounded up: waking a moment early would only spin.
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*next - clock_.now());
    timeout_ms = static_cast<int>(
        std::clamp<std::int64_t>(left.count(), 0, std::numeric_limits<int>::max()));
  }
  pollfd entry{.fd = parts_.channel.descriptor(), .events = POLLIN, .revents = 0};
  if (parts_.channel.has_output()) entry.events |= POLLOUT;
  const int ready = ::poll(&entry, 1, timeout_ms);
  if (ready < 0 && errno != EINTR) return errno_error("poll", errno);
  if (ready <= 0 || (entry.revents & (POLLIN | POLLHUP | POLLERR)) == 0) return true;
  ISOPOP_TRY_ASSIGN(const Channel::Input input, parts_.channel.receive(Channel::Wait::kNo));
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
  parts_.groundwork.frozen_clock.advance();
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
  const Instant start = clock_.now();
  worker_ = std::move(frame);
  traffic_.set_limits(worker_->limits);
  const bool pristine = worker_->isolation == Isolation::kPristine;
  LoadTimes times;
  std::optional<WorkerFault> fault;
  if (pristine) fault = prepare_checkpoint();
  ISOPOP_TRY(seal());
  if (pristine) checkpoint::use_request_heap();
  isolation_ = make_isolation(surroundings_, std::move(parts_.groundwork.environment), *worker_);
  if (!fault) fault = isolation_->load(times);
  if (!fault && pristine) {
    switch (take_checkpoint(times)) {
      case checkpoint::Checkpoint::Point::kTaken:
        break;
      case checkpoint::Checkpoint::Point::kRestored:
        // From here on it is as if Loaded had just been said. What the top level had logged was
        // sent with it.
        parts_.channel.output().clear();
        return {};
      case checkpoint::Checkpoint::Point::kFailed:
        fault = fault_of("no checkpoint: " + std::string(checkpoint_->failure()));
    }
  }
  times.total_us = microseconds(clock_.now() - start);
  if (fault) {
    append_load_refused(parts_.channel.output(), *fault, times);
    exit_code_ = kExitInvalid;
  } else {
    append_loaded(parts_.channel.output(), times);
  }
  return {};
}

// Before the worker's code runs: opens what may not be opened any more afterwards.
std::optional<WorkerFault> EventLoop::prepare_checkpoint() {
  Result<Groundwork::Layer> layer = parts_.groundwork.make_layer();
  if (!layer.ok()) return fault_of("isolation mode pristine: " + layer.error().message);
  checkpoint_ = layer.value().checkpoint;
  parts_.channel.keep_input_in(layer.value().memory);
  return std::nullopt;
}

// From here on this process can only compute and answer: the worker's code comes next.
Result<void> EventLoop::seal() {
  SealOptions options{.descriptors_kept = {parts_.channel.descriptor(), STDERR_FILENO},
                      .memory_bytes_max = std::uint64_t{worker_->limits.memory_mib} << 20U};
  if (checkpoint_ != nullptr) {
    const std::vector<int> needed = checkpoint_->descriptors();
    options.descriptors_kept.insert(options.descriptors_kept.end(), needed.begin(), needed.end());
  }
  return seal_process(options);
}

// Returns once as taken, and again after each restore.
checkpoint::Checkpoint::Point EventLoop::take_checkpoint(LoadTimes& times) {
  const Instant start = clock_.now();
  const checkpoint::Checkpoint::Point point = checkpoint_->take();
  if (point == checkpoint::Checkpoint::Point::kRestored) {
    const checkpoint::Checkpoint::Figures& figures = checkpoint_->figures();
    traffic_.set_restore_figures({.restore_ns = figures.restore_ns,
                                  .pages_found = figures.pages_found,
                                  .pages_restored = figures.pages_restored,
                                  .pages_dropped = figures.pages_dropped,
                                  .mappings_undone = figures.mappings_undone});
  } else {
    times.checkpoint_us = microseconds(clock_.now() - start);
    times.checkpoint_kib = static_cast<std::uint32_t>(checkpoint_->own_pages() * 4);
  }
  return point;
}

Result<void> EventLoop::start(RequestFrame frame) {
  if (stopping_) return invalid_argument("a request after Shutdown");
  if (checkpoint_ != nullptr && traffic_.size() > 0) {
    return invalid_argument("a second request at a time in a pristine executor");
  }
  if (isolation_->spent()) return invalid_argument("a request before the last one's Finished");
  ISOPOP_TRY(traffic_.begin(frame));
  isolation_->start(std::move(frame));
  return {};
}

void EventLoop::proceed() {
  if (isolation_->proceed() == IsolationStrategy::Health::kGood) return;
  exit_code_ = isolation_->breach() == Realm::Breach::kMemory ? kExitMemoryLimit : kExitCpuLimit;
}

}  // namespace isopop::executor
