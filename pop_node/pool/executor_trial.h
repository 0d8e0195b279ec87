#pragma once

#include <chrono>
#include <vector>

#include "common/event_loop/asio.h"
#include "common/result/result.h"
#include "pop_node/pool/executor_pool.h"

namespace isopop::pop {

// Whether executors start with these versions: one after the other gets one, which stays for its
// first request. FAILED_PRECONDITION says why one did not start, DEADLINE_EXCEEDED that its
// `patience` was over before, UNAVAILABLE that this PoP has no place for it now. The pool outlives
// the trial.
asio::awaitable<Result<void>> try_versions(asio::io_context& io, ExecutorPool& pool,
                                           std::vector<LiveWorkerPtr> versions,
                                           std::chrono::nanoseconds patience);

}  // namespace isopop::pop
