#include "pop_node/http/edge_request.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <utility>
#include <variant>

#include "common/http/header_names.h"
#include "common/http/server_timing.h"
#include "common/log/log.h"
#include "common/text/text.h"
#include "pop_node/http/response_translation.h"
#include "pop_node/http/version_choice.h"
#include "pop_node/pool/frame_codec.h"

namespace isopop::pop {
namespace {

namespace header_names = http::header_names;
namespace timing_names = http::timing_names;

// A body up to this is read before the request takes an executor.
constexpr std::size_t kFirstPartBytes = kBodyPieceBytesMax;

std::string failure_name(v1::FailureKind kind) {
  switch (kind) {
    case v1::FAILURE_KIND_CPU_LIMIT:
      return "cpu_limit";
    case v1::FAILURE_KIND_MEMORY_LIMIT:
      return "memory_limit";
    case v1::FAILURE_KIND_WALL_LIMIT:
      return "wall_limit";
    case v1::FAILURE_KIND_LOAD:
      return "load";
    case v1::FAILURE_KIND_NO_HANDLER:
      return "no_handler";
    default:
      return "exception";
  }
}

std::string reason_name(RejectReason reason) {
  switch (reason) {
    case RejectReason::kQueueFull:
      return "queue_full";
    case RejectReason::kQueueDeadline:
      return "queue_deadline";
    case RejectReason::kCannotStart:
      return "cannot_start";
    default:
      return "draining";
  }
}

// What a tail calls a request that came to this.
std::string_view outcome_name(std::string_view reason) {
  if (reason == "cpu_limit") return "exceededCpu";
  if (reason == "memory_limit") return "exceededMemory";
  if (reason == "wall_limit" || reason == "executor_silent") return "exceededWall";
  if (reason == "executor_lost") return "crashed";
  if (reason == "queue_full" || reason == "queue_deadline" || reason == "cannot_start" ||
      reason == "draining") {
    return "overloaded";
  }
  if (reason == "body_too_large") return "ok";  // the client was told what the matter is
  return "exception";
}

}  // namespace

EdgeRequest::EdgeRequest(EdgeContext& context, http::Exchange& exchange, std::string ray)
    : context_(context),
      exchange_(exchange),
      ray_(std::move(ray)),
      began_(context.clock.now()),
      upload_ended_(context.io) {}

asio::awaitable<void> EdgeRequest::serve() {
  // GCC 12 miscompiles co_await behind && and ?:, so each stands alone, here and below.
  Next next = co_await find_worker();
  if (next == Next::kGoOn) next = co_await read_first_part();
  if (next == Next::kGoOn) next = co_await wait_for_place();
  if (next == Next::kGoOn) co_await run_worker();
  exchange_.on_client_gone({});
  count();
}

void EdgeRequest::count() {
  const auto total = context_.clock.now() - began_;
  const std::string_view start = start_name();
  context_.metrics.count({.status = status_, .start = start, .total = total, .queued = queued_});
  if (worker_ != nullptr) {
    context_.figures.count(worker_->version,
                           {.status = status_, .latency = total, .is_cold = start == "cold"});
  }
  if (tailed_ != nullptr) {
    tailed_->request_over({.status = status_, .outcome = outcome_, .start = start, .wall = total});
  }
}

asio::awaitable<EdgeRequest::Next> EdgeRequest::find_worker() {
  Result<RequestTarget> target = parse_target(exchange_.request());
  if (!target.ok()) {
    co_await send_error(bad_request_answer(), "bad_request");
    co_return Next::kDone;
  }
  target_ = std::move(target).value();
  client_ = client_address(exchange_.request().headers,
                           exchange_.remote_endpoint().address().to_string());
  worker_ = choose_worker();
  if (worker_ == nullptr) {
    co_await send_error(no_worker_answer(), "no_worker");
    co_return Next::kDone;
  }
  if (context_.tails.any()) begin_tail();
  co_return Next::kGoOn;
}

LiveWorkerPtr EdgeRequest::choose_worker() const {
  const LiveAssignmentPtr assignment = context_.registry.find(target_.host, target_.path);
  if (assignment == nullptr) return nullptr;
  const std::string& header = sticky_header(*assignment);
  return choose_version(*assignment,
                        {.header = exchange_.request().headers.get(header).value_or(""),
                         .client = client_,
                         .ray = ray_});
}

void EdgeRequest::begin_tail() {
  if (!context_.tails.want(worker_->version.worker())) return;
  v1::TailEvent event;
  event.set_pop(context_.colo);
  event.set_at_ms(to_unix_ms(context_.clock.wall_now()));
  event.set_worker(worker_->version.worker());
  event.set_number(worker_->version.number());
  event.set_ray(ray_);
  event.set_method(exchange_.request().method);
  event.set_url(target_.url);
  event.set_country(client_place(exchange_.request().headers).country());
  tailed_ = std::make_shared<TailedRequest>(std::move(event),
                                            [&context = context_](const v1::TailEvent& whole) {
                                              context.tails.offer(whole, context.clock.now());
                                            });
}

bool EdgeRequest::is_over_limit(std::uint64_t body_bytes) const {
  return body_bytes > worker_->limits.request_body_bytes();
}

asio::awaitable<void> EdgeRequest::refuse_body() {
  context_.pool.count_breach(*worker_, WorkerLimit::kBody);
  exchange_.close_after();
  co_await send_error(body_too_large_answer(worker_->limits), "body_too_large");
}

asio::awaitable<EdgeRequest::Next> EdgeRequest::read_first_part() {
  if (is_over_limit(exchange_.body_length().value_or(0))) {
    co_await refuse_body();
    co_return Next::kDone;
  }
  body_complete_ = !exchange_.has_body();
  while (!body_complete_ && first_part_.size() < kFirstPartBytes) {
    const Result<std::string> piece = co_await exchange_.read_body();
    // The server knows the right 4xx and says it when this handler returns.
    if (!piece.ok()) co_return Next::kDone;
    body_complete_ = piece.value().empty();
    first_part_ += piece.value();
    if (is_over_limit(first_part_.size())) {
      co_await refuse_body();
      co_return Next::kDone;
    }
  }
  body_bytes_ = first_part_.size();
  co_return Next::kGoOn;
}

asio::awaitable<EdgeRequest::Next> EdgeRequest::wait_for_place() {
  // A new version may have come while the body did; the old one takes no new requests.
  worker_ = choose_worker();
  if (worker_ == nullptr) {
    co_await send_error(no_worker_answer(), "no_worker");
    co_return Next::kDone;
  }
  const Instant since = context_.clock.now();
  run_ = context_.pool.submit(worker_);
  watch_client();
  const ExecutorRun::Placement placement = co_await run_->placed();
  queued_ = context_.clock.now() - since;
  if (placement == ExecutorRun::Placement::kPlaced) co_return Next::kGoOn;
  if (placement == ExecutorRun::Placement::kRefused) {
    const RunRefusal& refusal = run_->refusal();
    if (refusal.is_workers_fault) {
      co_await send_error(failure_answer(v1::FAILURE_KIND_LOAD, worker_->limits), "load");
    } else {
      co_await send_error(refusal_answer(refusal.reason, refusal.retry_after),
                          reason_name(refusal.reason));
    }
  }
  co_return Next::kDone;
}

// A client that goes away cancels its request. It cannot be watched while its body is read; then
// the reading shows it.
void EdgeRequest::watch_client() {
  if (!body_complete_) return;
  exchange_.on_client_gone([this] { run_->leave(); });
}

asio::awaitable<void> EdgeRequest::run_worker() {
  was_placed_ = true;
  send_head();
  if (!body_complete_) {
    is_uploading_ = true;
    asio::co_spawn(context_.io, upload(*this), asio::detached);
  }
  co_await answer();
  run_->leave();
  // The upload uses this object and the exchange; it ends at its next piece, or at its time-out.
  while (is_uploading_) co_await upload_ended_.wait();
  if (too_large_ && !exchange_.response_started()) {
    co_await refuse_body();
  }
}

void EdgeRequest::send_head() {
  const bool has_body = exchange_.has_body();
  v1::RequestHead head =
      to_executor_request(exchange_.mutable_request(), target_, ray_, context_.clock.wall_now());
  head.set_has_body(has_body);
  const bool fits = first_part_.size() <= kBodyPieceBytesMax;
  head.set_body(fits ? std::exchange(first_part_, {}) : first_part_.substr(0, kBodyPieceBytesMax));
  if (!fits) first_part_.erase(0, kBodyPieceBytesMax);
  head.set_body_complete(fits && body_complete_);
  // What did not fit is the upload's to send.
  if (!fits) body_complete_ = false;
  if (tailed_ != nullptr) tailed_->run_begins();
  run_->send_head(std::move(head), {.ray = ray_, .address = client_}, tailed_);
}

asio::awaitable<void> EdgeRequest::upload(EdgeRequest& self) {
  co_await self.upload_body();
  self.is_uploading_ = false;
  self.upload_ended_.notify();
}

asio::awaitable<void> EdgeRequest::upload_body() {
  if (!first_part_.empty()) {
    const Result<void> sent = co_await run_->send_body(std::exchange(first_part_, {}), false);
    if (!sent.ok()) co_return;
  }
  while (true) {
    Result<std::string> piece = co_await exchange_.read_body();
    if (!piece.ok()) {
      // Gone, too slow, too large or garbled: the request is over. The server answers if it can.
      run_->leave();
      co_return;
    }
    const bool last = piece.value().empty();
    body_bytes_ += piece.value().size();
    if (is_over_limit(body_bytes_)) {
      too_large_ = true;
      run_->leave();
      co_return;
    }
    const Result<void> sent = co_await run_->send_body(std::move(piece).value(), last);
    if (!sent.ok()) co_return;
    if (last) break;
  }
  body_complete_ = true;
  watch_client();
}

asio::awaitable<void> EdgeRequest::answer() {
  RunEvent event = co_await run_->next();
  if (auto* response = std::get_if<v1::ResponseHead>(&event)) {
    co_await send_answer(std::move(*response));
  } else if (const auto* failure = std::get_if<v1::Failure>(&event)) {
    note_fault(*failure);
    co_await send_error(failure_answer(failure->kind(), worker_->limits),
                        failure_name(failure->kind()));
  } else if (const auto* lost = std::get_if<ExecutorLost>(&event)) {
    const bool silent = lost->why == ExecutorLost::Why::kSilent;
    if (silent) context_.pool.count_breach(*worker_, WorkerLimit::kWall);
    ErrorAnswer error = lost_answer();
    if (silent) error = failure_answer(v1::FAILURE_KIND_WALL_LIMIT, worker_->limits);
    co_await send_error(std::move(error), silent ? "executor_silent" : "executor_lost");
  } else if (!run_->has_left()) {
    co_await send_error(unusable_answer(), "no_answer");
  }
}

asio::awaitable<void> EdgeRequest::send_answer(v1::ResponseHead response) {
  Result<WorkerAnswer> translated = to_http_answer(response);
  if (!translated.ok()) {
    log_info("worker {}: unusable answer: {}", worker_->version.worker(),
             translated.error().message);
    co_await send_error(unusable_answer(), "unusable_answer");
    co_return;
  }
  WorkerAnswer answer = std::move(translated).value();
  status_ = answer.head.status;
  decorate(answer.head, response.times());
  const bool head_only = exchange_.request().method == "HEAD";
  if (response.body_complete() && !(head_only && answer.declared_length)) {
    note_sent(co_await exchange_.respond(std::move(answer.head), response.body()));
    co_return;
  }
  const Result<void> started =
      co_await exchange_.start_response(std::move(answer.head), answer.declared_length);
  ISOPOP_ASSERT(started.ok(), "a checked head can be sent");
  if (head_only || !http::status_allows_body(status_)) {
    note_sent(co_await exchange_.finish());
    co_return;
  }
  co_await stream_body(std::move(*response.mutable_body()));
}

// On a broken stream the answer stays unfinished: the server cuts the connection, so that the
// client does not take the part for the whole.
asio::awaitable<void> EdgeRequest::stream_body(std::string first_piece) {
  v1::BodyChunk chunk;
  chunk.set_data(std::move(first_piece));
  while (true) {
    const std::string& data = chunk.data();
    Result<void> written;
    if (data.empty()) {
      written = co_await exchange_.flush();
    } else {
      written = co_await exchange_.write(data);
    }
    if (!written.ok()) co_return;
    run_->took(data.size());
    if (chunk.last()) break;
    RunEvent event = co_await run_->next();
    auto* next = std::get_if<v1::BodyChunk>(&event);
    if (next == nullptr) {
      if (run_->has_left()) co_return;
      outcome_ = "crashed";
      if (const auto* failure = std::get_if<v1::Failure>(&event)) {
        outcome_ = outcome_name(failure_name(failure->kind()));
        note_fault(*failure);
      }
      context_.metrics.count_failure("broken_stream");
      co_return;
    }
    chunk = std::move(*next);
  }
  note_sent(co_await exchange_.finish());
}

// It fails when the client is gone, or when the worker announced a longer body.
void EdgeRequest::note_sent(const Result<void>& sent) {
  if (sent.ok()) outcome_ = "ok";
}

asio::awaitable<void> EdgeRequest::send_error(ErrorAnswer error, const std::string& reason) {
  context_.metrics.count_failure(reason);
  status_ = error.status;
  outcome_ = outcome_name(reason);
  http::ResponseHead head = error_head(error);
  decorate(head, {});
  (co_await exchange_.respond(std::move(head), error_text(error, ray_)))
      .ignore("the client is gone");
}

// The PoP's own headers. Its timing stands before any that the worker gave.
void EdgeRequest::decorate(http::ResponseHead& head, const v1::RunTimes& times) const {
  const auto micros = [](std::uint32_t us) { return std::chrono::microseconds(us); };
  std::string timing;
  http::append_timing(timing, timing_names::kPop, context_.clock.now() - began_);
  http::append_timing(timing, timing_names::kQueue, queued_);
  if (was_placed_) {
    http::append_timing(timing, timing_names::kIsolate, micros(times.isolate_us()));
    http::append_timing(timing, timing_names::kRun, micros(times.run_us()));
    head.headers.set(header_names::kStart, start_name());
  }
  for (const std::string_view own : head.headers.get_all(header_names::kServerTiming)) {
    timing.append(", ").append(own);
  }
  head.headers.set(header_names::kServerTiming, timing);
  head.headers.set(header_names::kRay, ray_);
  if (worker_ != nullptr) {
    head.headers.set(header_names::kVersion, std::to_string(worker_->version.number()));
  }
}

std::string_view EdgeRequest::start_name() const {
  if (!was_placed_) return "";
  if (run_->start_kind() == StartKind::kCold) return "cold";
  // A container that was there already is what others call a warm start.
  if (worker_->isolation == v1::ISOLATION_CONTAINER) return isolation_name(v1::ISOLATION_WARM);
  return isolation_name(worker_->isolation);
}

void EdgeRequest::note_fault(const v1::Failure& failure) {
  if (tailed_ != nullptr) tailed_->failed(failure.fault());
  const v1::WorkerFault& fault = failure.fault();
  log_info("worker {} version {} ray {}: {}: {}:{}:{}: {}", worker_->version.worker(),
           worker_->version.number(), ray_, failure_name(failure.kind()), fault.module(),
           fault.line(), fault.column(), truncate_utf8(fault.message(), 1024));
}

}  // namespace isopop::pop
