#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "sim/replay/replay_plan.h"
#include "sim/report/request_outcome.h"

namespace isopop::sim {

struct SendOptions {
  std::string target;  // "127.20.0.2:8080": whom all requests are sent to
  // At a timed speed, requests beyond this are dropped and counted; at speed max it is the window
  // that is kept full.
  std::size_t in_flight_max = 1024;
  std::chrono::milliseconds request_timeout{30'000};
  // How long answers are waited for once sending was interrupted; then they count as "aborted".
  std::chrono::milliseconds patience{5'000};
  std::chrono::milliseconds tick{200};
  // SIGINT and SIGTERM end the sending, and a second one the process (exit code 130, no report).
  enum class Signals { kHandled, kLeftAlone } signals = Signals::kHandled;
};

// Who is told what happens. Called on the thread that called send_plan(), one call at a time; times
// are from the start of the run.
class ReplaySink {
 public:
  virtual ~ReplaySink() = default;
  virtual void issued(const PlannedRequest& request, std::chrono::nanoseconds sent) = 0;
  virtual void dropped(const PlannedRequest& request) = 0;
  virtual void ended(const PlannedRequest& request, const RequestOutcome& outcome) = 0;
  // Every `tick`; false ends the sending as an interrupt does.
  virtual bool tick(std::chrono::nanoseconds elapsed) = 0;
};

struct SendSummary {
  bool interrupted = false;
};

// Sends a plan, open loop: each request at its due time whatever the answers do, over kept-alive
// connections, on one thread. Returns when every request that was issued has ended. At speed max a
// request is due when it is sent, and the plan's duration ends the sending by the clock. The error:
// the target is no address.
[[nodiscard]] Result<SendSummary> send_plan(ReplayPlan& plan, const SendOptions& options,
                                            const Clock& clock, ReplaySink& sink);

}  // namespace isopop::sim
