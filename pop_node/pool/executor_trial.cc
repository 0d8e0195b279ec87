#include "pop_node/pool/executor_trial.h"

#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <utility>

namespace isopop::pop {
namespace {

Result<void> outcome_of(ExecutorRun& run, ExecutorRun::Placement placement,
                        const std::string& version) {
  switch (placement) {
    case ExecutorRun::Placement::kPlaced:
      return {};
    case ExecutorRun::Placement::kLeft:
      return Error{ErrorCode::kDeadlineExceeded,
                   version + ": no executor was ready with it in time"};
    default:
      break;
  }
  if (run.refusal().reason != RejectReason::kCannotStart) {
    return unavailable(version + " was not tried: this PoP has no place for it now");
  }
  return Error{ErrorCode::kFailedPrecondition,
               version + " does not start: " + run.refusal().detail};
}

}  // namespace

asio::awaitable<Result<void>> try_versions(asio::io_context& io, ExecutorPool& pool,
                                           std::vector<LiveWorkerPtr> versions,
                                           std::chrono::nanoseconds patience) {
  for (const LiveWorkerPtr& worker : versions) {
    // Shared: the timer's last call may come after this coroutine is gone.
    const std::shared_ptr<ExecutorRun> run = pool.submit(worker, PoolPolicy::Turn::kFirst);
    asio::steady_timer timer(
        io, std::chrono::duration_cast<std::chrono::steady_clock::duration>(patience));
    timer.async_wait([run](boost::system::error_code cancelled) {
      if (!cancelled) run->leave();
    });
    const ExecutorRun::Placement placement = co_await run->placed();
    timer.cancel();
    const Result<void> outcome =
        outcome_of(*run, placement, "version " + std::to_string(worker->version.number()));
    run->leave();
    if (!outcome.ok()) co_return outcome;
  }
  co_return Result<void>();
}

}  // namespace isopop::pop
