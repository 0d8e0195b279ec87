#include "pop_node/http/error_answers.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/http/header_names.h"

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

ErrorAnswer body_too_large_answer() {
  return {.status = 413, .code = 413, .sentence = "The request body is larger than the limit."};
}

ErrorAnswer failure_answer(v1::FailureKind kind) {
  switch (kind) {
    case v1::FAILURE_KIND_CPU_LIMIT:
      return {.status = 503, .code = kLimit, .sentence = "The worker used up its CPU time."};
    case v1::FAILURE_KIND_MEMORY_LIMIT:
      return {.status = 503, .code = kLimit, .sentence = "The worker used up its memory."};
    case v1::FAILURE_KIND_WALL_LIMIT:
      return {.status = 503, .code = kLimit, .sentence = "The worker did not answer in time."};
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

ErrorAnswer silent_answer() {
  return failure_answer(v1::FAILURE_KIND_WALL_LIMIT);
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
