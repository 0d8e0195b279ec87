#pragma once

#include "sim/cli/command.h"

namespace isopop::sim {

// isopop replay: sends a trace through a running network and reports what its users would have
// felt.
void add_replay_command(CLI::App& app, Command& chosen);

}  // namespace isopop::sim
