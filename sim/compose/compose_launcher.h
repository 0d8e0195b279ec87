#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "sim/compose/container_engine.h"
#include "sim/export/container_settings.h"
#include "sim/launch/interrupt.h"
#include "sim/launch/launcher.h"
#include "sim/launch/progress.h"
#include "sim/launch/state_folder.h"
#include "sim/topology/topology.h"

namespace isopop::sim {

// A network whose programs run in containers, brought up and down by Docker Compose. What it is
// lies in the state folder: compose.yaml, .env for it, launch.json, and the two endpoint files by
// which popctl and replay find it. Its project is named after the folder, so that networks in
// different folders do not meet.

// "isopop-" and eight hexadecimal digits.
[[nodiscard]] std::string compose_project_name(const StateFolder& state);

struct ComposeLaunchOptions {
  Topology topology;
  StateFolder state;
  std::string image = "isopop:latest";
  std::uint16_t port = 8080;  // of the router, on all addresses of this machine
  std::size_t pops_per_container = 1;
  // Where containers of several PoPs look them up: the topology's own file, an absolute path.
  std::string topology_file;
  ProgramLog log;
  std::chrono::nanoseconds timeout = std::chrono::minutes(10);
  // PoPs that are starting at the same time; 0: a number that is good for most machines.
  std::size_t starting_max = 0;
  Progress::Style progress = Progress::Style::kSilent;
};

// Starts the network and returns when the control plane says that every PoP is ready and the router
// serves. Of a network of this project that runs already only what differs is added, changed or
// removed. When a new one does not come up, or an interrupt comes, all of it is taken down again;
// of one that ran before nothing is. Errors: NOT_FOUND (no engine, no image), UNAVAILABLE (the
// engine does not run), FAILED_PRECONDITION (the port is taken, a network of processes runs in this
// folder), DEADLINE_EXCEEDED with the PoPs that are not ready and how the log of one of them ends,
// CANCELLED.
[[nodiscard]] Result<LaunchOutcome> launch_compose(const ComposeLaunchOptions& options,
                                                   Interrupt& interrupt, const Clock& clock);

}  // namespace isopop::sim
