#pragma once

#include <cstdint>
#include <optional>

#include "common/http/message.h"
#include "common/result/result.h"
#include "isopop/v1/executor.pb.h"

namespace isopop::pop {

// A worker's answer as it may go to the client. The executor is not trusted: header names and
// values are checked, framing and connection headers are the PoP's own, "isopop-" headers cannot be
// forged.

struct WorkerAnswer {
  http::ResponseHead head;
  // The content-length that the worker gave, if it is one and the body does not come whole at once.
  std::optional<std::uint64_t> declared_length;
};

// An error when the answer cannot be sent as HTTP; to the client that is an exception of the
// worker.
[[nodiscard]] Result<WorkerAnswer> to_http_answer(const v1::ResponseHead& response);

}  // namespace isopop::pop
