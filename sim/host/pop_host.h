#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "sim/host/hosted_pops.h"

namespace isopop::sim {

struct PopHostOptions {
  std::filesystem::path program;         // isopop-pop
  std::vector<std::string> environment;  // "NAME=value", of each PoP
  std::vector<HostedPop> pops;
  // Before one that ended is started again: doubled with each end, from the beginning once one ran
  // for as long as the longest pause.
  std::chrono::milliseconds restart_min{1'000};
  std::chrono::milliseconds restart_max{30'000};
  // From the signal to stop until what still runs is killed: a PoP drains within 5 s.
  std::chrono::milliseconds stop_patience{10'000};
};

// How long to wait before a PoP that ran for `ran_for` is started again; `last` is how long it was
// the time before, 0 the first time.
[[nodiscard]] std::chrono::milliseconds restart_pause(const PopHostOptions& options,
                                                      std::chrono::milliseconds last,
                                                      std::chrono::nanoseconds ran_for);

// Runs several PoPs in one container, as its first process: starts each, starts one that ends again
// without touching the others, and waits for orphans. SIGTERM and SIGINT are passed on to all;
// returns when the last has ended. Their output is this process's own. Signals are blocked from the
// call on, so it must come before other threads start.
[[nodiscard]] Result<void> host_pops(const PopHostOptions& options, const Clock& clock);

}  // namespace isopop::sim
