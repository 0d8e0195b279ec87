#pragma once

#include <chrono>
#include <cstddef>
#include <vector>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "sim/launch/interrupt.h"
#include "sim/launch/launch_plan.h"
#include "sim/launch/progress.h"
#include "sim/launch/state_folder.h"
#include "sim/topology/topology.h"

namespace isopop::sim {

struct LaunchOptions {
  Topology topology;
  StateFolder state;
  LaunchSettings settings;
  std::chrono::nanoseconds timeout = std::chrono::minutes(3);
  // PoPs that are starting at the same time; 0: eight for each processor. More would only make each
  // other miss their deadlines.
  std::size_t starting_max = 0;
  Progress::Style progress = Progress::Style::kSilent;
};

struct LaunchOutcome {
  LaunchRecord record;
  std::chrono::nanoseconds took{};
  bool was_running = false;  // the same network was up already; nothing was started
};

// Starts a network and returns when the control plane says that every PoP is ready and the router
// serves. Processes are sessions of their own, write to DIR/logs and outlive the launcher. If
// anything goes wrong or an interrupt comes, all that was started is stopped again. What an earlier
// launcher left behind when it was killed is cleared up first. Errors: FAILED_PRECONDITION when
// another network runs in that folder or another launcher works on it; CANCELLED after an
// interrupt; DEADLINE_EXCEEDED and others with a message that says which PoPs are not ready and how
// the log of one of them ends.
[[nodiscard]] Result<LaunchOutcome> launch_network(const LaunchOptions& options,
                                                   Interrupt& interrupt, const Clock& clock);

}  // namespace isopop::sim
