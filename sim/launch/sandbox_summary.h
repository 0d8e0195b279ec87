#pragma once

#include <string>
#include <vector>

#include "sim/rpc/control_client.h"

namespace isopop::sim {

// What executors are confined by, over all PoPs, for people: first what is active everywhere, then
// what is missing, each reason once. A namespace goes by the name of what it hides.
//
//   seccomp landlock memory-limit (all 12 PoPs)
//   without user network (2 PoPs): Operation not permitted
//   1 PoP has not told yet
[[nodiscard]] std::vector<std::string> summarize_sandboxes(const std::vector<PopReport>& pops);

}  // namespace isopop::sim
