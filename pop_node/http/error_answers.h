#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/http/message.h"
#include "isopop/v1/executor.pb.h"
#include "pop_node/pool/pool_policy.h"

namespace isopop::pop {

// What a client is told when no worker answered: a status, a code, one sentence and the ray id, as
// text. Never anything of the worker's code or stack; that goes to the log.
struct ErrorAnswer {
  unsigned status = 500;
  unsigned code = 500;  // the status, or 1101 and 1102 as edge networks have them
  std::string sentence;
  std::chrono::nanoseconds retry_after{};  // zero: the client is not told when
};

[[nodiscard]] ErrorAnswer bad_request_answer();
[[nodiscard]] ErrorAnswer no_worker_answer();
// Limits are named with their size: whose they are can do something about it.
[[nodiscard]] ErrorAnswer body_too_large_answer(const v1::WorkerLimits& limits);
// The worker's own fault: an exception, a limit.
[[nodiscard]] ErrorAnswer failure_answer(v1::FailureKind kind, const v1::WorkerLimits& limits);
// The executor ended before it answered.
[[nodiscard]] ErrorAnswer lost_answer();
// An answer that is none in HTTP.
[[nodiscard]] ErrorAnswer unusable_answer();
[[nodiscard]] ErrorAnswer refusal_answer(RejectReason reason, std::chrono::nanoseconds retry_after);

// The head, with content-type and retry-after; the text of the body is the second.
[[nodiscard]] http::ResponseHead error_head(const ErrorAnswer& answer);
[[nodiscard]] std::string error_text(const ErrorAnswer& answer, std::string_view ray);

}  // namespace isopop::pop
