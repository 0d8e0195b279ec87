#pragma once

#include "sim/cli/command.h"

namespace isopop::sim {

// `isopop down`: stops a network; nothing of it is left running. Safe to repeat.
void add_down_command(CLI::App& app, Command& chosen);

}  // namespace isopop::sim
