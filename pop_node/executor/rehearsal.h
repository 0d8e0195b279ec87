#pragma once

#include <string_view>

#include "pop_node/executor/realm.h"

namespace isopop::executor {

// Runs a worker of our own through most of what the runtime offers, many times over, before memory
// is saved. What is compiled, optimised and learned about the shapes of objects by then stays so:
// after a restore V8 knows what it knew at the checkpoint, and without a rehearsal it would learn
// of it anew with every request. Leaves nothing behind that a worker could see. `source` is
// pop_node/runtime/rehearsal.js.
void rehearse(Environment& environment, const Surroundings& surroundings, std::string_view source);

}  // namespace isopop::executor
