#pragma once

#include "sim/cli/command.h"

namespace isopop::sim {

// `isopop topology export`: writes a topology as the files of an engine that runs containers.
void add_topology_command(CLI::App& app, Command& chosen);

}  // namespace isopop::sim
