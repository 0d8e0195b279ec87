#pragma once

#include <string_view>

#include "common/http/message.h"
#include "common/result/result.h"
#include "sim/report/request_outcome.h"

namespace isopop::sim {

// What an answer tells of itself: PoP, start, distance and the times that each hop added. Headers
// that are missing or cannot be read leave their field empty: any HTTP server may stand at the
// other end. Fills all of `outcome` but its times, and decides whether it is a failure: a status of
// 500 and above, or one of 400 and above that no worker gave (it has no isopop-start), such as 404
// for a host nobody serves.
void read_answer(const http::Response& response, RequestOutcome& outcome);

// The class of failure when there is no answer: "connect", "timeout", "closed",
// "broken_answer" (not HTTP, or broken off), "protocol" (cannot be asked over HTTP), "overload",
// "aborted".
[[nodiscard]] std::string_view failure_class(const Error& error, bool request_was_sent);

}  // namespace isopop::sim
