#pragma once

#include "sim/cli/command.h"

namespace isopop::sim {

// `isopop doctor`: exit 0 when nothing is a problem (warnings are none), 1 when something is,
// 2 usage, 4 the topology is wrong.
void add_doctor_command(CLI::App& app, Command& chosen);

}  // namespace isopop::sim
