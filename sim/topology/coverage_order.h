#pragma once

#include <cstddef>
#include <vector>

#include "common/geo/geo_point.h"

namespace isopop::sim {

// People at a place who want to be near a PoP.
struct Demand {
  GeoPoint place;
  double weight = 0;  // for instance the population of a city; not negative
};

// The order in which a network would be built out if every new site were put where it helps most:
// each next site is the one that shortens the mean distance (great circle) from people to their
// nearest site the most, so that the first N are a sensible network of N. Returns positions in
// `sites`, at most `count`. `existing` sites are there from the start and are not returned. Equal
// gains go to the lower position. The greedy answer to the k-median problem; time sites² × demand.
// Pure.
[[nodiscard]] std::vector<std::size_t> coverage_order(const std::vector<GeoPoint>& sites,
                                                      const std::vector<Demand>& demand,
                                                      const std::vector<GeoPoint>& existing,
                                                      std::size_t count);

}  // namespace isopop::sim
