#include "pop_node/http/error_answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/http/header_names.h"
#include "common/units/units.h"

namespace isopop::pop {
namespace {

constexpr unsigned kException = 1101;
constexpr unsigned kLimit = 1102;

}  // namespace

ErrorAnswer bad_request_answer() {
  return {.status = 400, .code = 400, .sentence = "The request cannot be understood."};
}

ErrorAnswer no_worker_answer() {
  return {.status = 404, .code = 404, .sentence = "No worker answers at this host and path."};
}

ErrorAnswer body_too_large_answer(const v1::WorkerLimits& limits) {
  return {.status = 413,
          .code = 413,
          .sentence = fmt::format("The request body is larger than the worker's limit of {}.",
                                  format_bytes(limits.request_body_bytes()))};
}

ErrorAnswer failure_answer(v1::FailureKind kind, const v1::WorkerLimits& limits) {
  const auto limit = [](std::string sentence) {
    return ErrorAnswer{.status = 503, .code = kLimit, .sentence = std::move(sentence)};
  };
  switch (kind) {
    case v1::FAILURE_KIND_CPU_LIMIT:
      return limit(fmt::format("The worker reached its CPU time limit of {} ms.", limits.cpu_ms()));
    case v1::FAILURE_KIND_MEMORY_LIMIT:
      return limit(
          fmt::format("The worker reached its memory limit: {} MiB of heap, {} MiB in all.",
                      limits.heap_mib(), limits.memory_mib()));
    case v1::FAILURE_KIND_WALL_LIMIT:
      return limit(fmt::format("The worker did not answer within its time limit of {} ms.",
                               limits.wall_ms()));
    case v1::FAILURE_KIND_LOAD:
      return {.status = 500, .code = kException, .sentence = "The worker failed to start."};
    case v1::FAILURE_KIND_NO_HANDLER:
      return {.status = 500, .code = kException, .sentence = "The worker has no fetch handler."};
    default:
      return {.status = 500, .code = kException, .sentence = "The worker threw an exception."};
  }
}

ErrorAnswer lost_answer() {
  return {.status = 500, .code = kException, .sentence = "The worker ended before it answered."};
}

ErrorAnswer unusable_answer() {
  return {.status = 500, .code = kException, .sentence = "The worker gave no valid answer."};
}

ErrorAnswer refusal_answer(RejectReason reason, std::chrono::nanoseconds retry_after) {
  ErrorAnswer answer{.status = 503, .code = 503, .sentence = "", .retry_after = retry_after};
  switch (reason) {
    case RejectReason::kQueueFull:
      answer.sentence = "Too many requests wait for this worker here.";
      break;
    case RejectReason::kQueueDeadline:
      answer.sentence = "The request waited too long for a place to run.";
      break;
    case RejectReason::kCannotStart:
      answer.sentence = "The worker cannot be started here now.";
      break;
    case RejectReason::kDraining:
      answer.sentence = "This point of presence is shutting down.";
      break;
  }
  return answer;
}

http::ResponseHead error_head(const ErrorAnswer& answer) {
  http::ResponseHead head{.status = answer.status, .reason = "", .headers = {}};
  head.headers.add(http::header_names::kContentType, "text/plain; charset=utf-8");
  if (answer.retry_after > std::chrono::nanoseconds(0)) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(answer.retry_after).count();
    head.headers.add(http::header_names::kRetryAfter, std::to_string(seconds));
  }
  return head;
}

std::string error_text(const ErrorAnswer& answer, std::string_view ray) {
  return fmt::format("error code: {}\n{}\nray: {}\n", answer.code, answer.sentence, ray);
}

}  // namespace isopop::pop
