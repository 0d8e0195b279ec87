#pragma once

#include "sim/cli/command.h"

namespace isopop::sim {

// `isopop up`: starts a network and returns when it is ready.
void add_up_command(CLI::App& app, Command& chosen);

}  // namespace isopop::sim
