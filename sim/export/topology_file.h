#pragma once

#include <string>

#include "sim/topology/topology.h"

namespace isopop::sim {

// A topology in the format of docs/topology.md: reading it gives the same topology. `head` are the
// comment's lines, without "#".
[[nodiscard]] std::string topology_file(const Topology& topology, const std::string& head);

}  // namespace isopop::sim
