#pragma once

#include <string>

#include "control_plane/rpc/control_loop.h"

namespace isopop::control {

// Tells the loop what the worker is now. Called on the store's thread right after the commit, so
// that the loop hears of changes in the order they were made.
void publish(ControlLoop& loop, Registry& registry, const std::string& worker);

}  // namespace isopop::control
