#pragma once

#include <chrono>
#include <cstddef>
#include <functional>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "sim/launch/state_folder.h"

namespace isopop::sim {

struct StopOptions {
  // How long programs may finish what they are doing after SIGTERM; then SIGKILL.
  std::chrono::milliseconds drain{5'000};
  // More of it for each process, since hundreds that end at once share a few processors.
  std::chrono::milliseconds drain_per_process{10};
  // Called with how many processes have ended, of how many.
  std::function<void(std::size_t done, std::size_t total)> on_progress = [](auto, auto) {};
};

struct StopOutcome {
  std::size_t stopped = 0;  // processes that were there
  std::size_t killed = 0;   // of these, how many did not end by themselves in time
};

// Ends every process of the network in that folder and returns when all are gone: SIGTERM first,
// after the drain time SIGKILL, executors without a PoP at once; then looks again until none is
// left. Safe when nothing runs. PERMISSION_DENIED when processes are another user's.
[[nodiscard]] Result<StopOutcome> stop_network(const StateFolder& state, const StopOptions& options,
                                               const Clock& clock);

}  // namespace isopop::sim
