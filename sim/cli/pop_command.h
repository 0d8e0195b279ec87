#pragma once

#include "sim/cli/command.h"

namespace isopop::sim {

// `isopop pop`: what a container starts to be a PoP, or several. Finds out which from the
// environment, the host name or the control plane.
void add_pop_command(CLI::App& app, Command& chosen);

}  // namespace isopop::sim
