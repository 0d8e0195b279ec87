#pragma once

#include <CLI/App.hpp>

#include "control_plane/cli/rollout_options.h"

namespace isopop::control::cli {

// --waves, --wave, --abort-on, --bake and --at-once.
void add_rollout_options(CLI::App& command, RolloutOptions& options);

}  // namespace isopop::control::cli
