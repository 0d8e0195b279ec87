#pragma once

#include <cstddef>

#include "common/http/message.h"
#include "common/result/result.h"
#include "common/time/clock.h"
#include "isopop/v1/executor.pb.h"
#include "pop_node/http/error_answers.h"
#include "pop_node/http/request_translation.h"
#include "pop_node/pool/subrequest_port.h"

namespace isopop::pop {

// A worker's own request as the worker that it asks will see it, and the answer on its way back.
// The same rules as for a client's request and answer: the executor is as little trusted as a
// client. Pure functions.

// More workers than this may not have passed a client's request on: workers that ask each other in
// a circle end here. Fewer than the executors that one worker may have, since each in a circle
// holds one.
inline constexpr unsigned kSubrequestDepthMax = 6;

struct TranslatedSubrequest {
  RequestTarget target;
  v1::RequestHead head;  // all but id and body
};

// The client is the one whose request it all began with, and so is the ray. An error is for the
// worker to see.
[[nodiscard]] Result<TranslatedSubrequest> to_executor_request(const v1::SubrequestHead& asked,
                                                               std::size_t body_bytes,
                                                               const SubrequestOrigin& origin,
                                                               WallTime now);

// For a subrequest whose URL no worker has.
[[nodiscard]] Error nobody_answers(const v1::SubrequestHead& asked);

// An error when it cannot be an answer of HTTP.
[[nodiscard]] Result<v1::ResponseHead> to_subresponse(const v1::ResponseHead& response,
                                                      const SubrequestOrigin& origin);
// As a client would be told it; with its whole body.
[[nodiscard]] v1::ResponseHead to_subresponse(const ErrorAnswer& error,
                                              const SubrequestOrigin& origin);

}  // namespace isopop::pop
