#pragma once

#include <string>

#include "common/result/result.h"
#include "sim/export/container_settings.h"
#include "sim/topology/topology.h"

namespace isopop::sim {

// How a topology becomes a stack of Docker's swarm mode.
struct SwarmOptions {
  std::string image =
      "${ISOPOP_IMAGE:-isopop:latest}";  // variables are filled in by `stack deploy`
  ContainerMemory memory;
  ProgramLog log;
  // The topology's file, of which every PoP finds its own line by the number of its task: as the
  // stack names it (relative to the stack's own file), and what is in it.
  std::string topology_file;
  std::string topology_text;
  std::string made_by = "isopop topology export --target swarm";
};

// The stack of a network: control, router, and one service `pop` with a task for each PoP, on an
// overlay network without virtual addresses. Deterministic. OUT_OF_RANGE when the topology's text
// is larger than a config of swarm may be.
[[nodiscard]] Result<std::string> swarm_stack(const Topology& topology,
                                              const SwarmOptions& options);

}  // namespace isopop::sim
