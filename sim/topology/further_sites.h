#pragma once

#include <cstddef>

#include "common/result/result.h"
#include "sim/topology/topology.h"

namespace isopop::sim {

// The network of `count` PoPs, 1 to kPopsMax: the first of the list, and beyond its end further
// ones in the same cities, in the list's order, with a number behind the id: AMS, … AMS2, …
// AMS3, …. A number that would make an id that is there already is passed over. The PoP at an index
// is the same whatever the count. OUT_OF_RANGE for any other count.
[[nodiscard]] Result<Topology> with_pops(Topology topology, std::size_t count);

}  // namespace isopop::sim
