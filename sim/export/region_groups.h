#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "sim/topology/topology.h"

namespace isopop::sim {

// The PoPs of one region as Kubernetes runs them: pods pop-europe-0, pop-europe-1, …
struct RegionGroup {
  std::string label;      // "europe": part of names that DNS takes
  std::size_t first = 0;  // the place of its first PoP in the list
  std::size_t count = 0;
};

// A topology whose PoPs stand together by region, regions by their labels, and within one as they
// stood before; and where each region begins.
struct RegionalTopology {
  Topology topology;
  std::vector<RegionGroup> groups;
};
[[nodiscard]] RegionalTopology by_region(Topology topology);

// "Asia Pacific" is "asia-pacific": lower-case letters, digits and single dashes between them, at
// most 40 bytes; "elsewhere" when nothing of that is in the name.
[[nodiscard]] std::string region_label(std::string_view region);

}  // namespace isopop::sim
