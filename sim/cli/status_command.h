#pragma once

#include "sim/cli/command.h"

namespace isopop::sim {

// `isopop status`: exit 0 when all is ready, 1 otherwise (degraded, starting or stopped; the output
// says which).
void add_status_command(CLI::App& app, Command& chosen);

}  // namespace isopop::sim
