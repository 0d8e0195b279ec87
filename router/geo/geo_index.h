#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "common/geo/geo_point.h"
#include "common/result/result.h"

namespace isopop::router {

// A place with a name, as the index is built from.
struct GeoSite {
  std::string id;
  GeoPoint place;
};

// One answer of the index.
struct Neighbour {
  std::size_t site = 0;    // position in the list that the index was built from
  double distance_km = 0;  // geodesic, WGS-84: what geodesic_km() gives
};

// Which of a fixed set of sites are nearest to a point, by the geodesic on the WGS-84 ellipsoid:
// exactly the order a brute-force comparison of geodesic_km() gives, ties broken by id.
//
// A k-d tree (nanoflann) holds the sites as Earth-centred x, y, z. A straight line through the
// Earth is never longer than the way along its surface, so with D the geodesic length to the k-th
// best site by straight line, each site whose geodesic is at most D lies within a straight-line
// radius of D: that ball is read from the tree and put in order by exact geodesics. There are no
// poles, no date line and no projection in it. Usually the ball holds little more than k sites, so
// a look-up costs a few geodesics, about 2 µs each.
//
// Immutable, thus thread-safe; nothing is cached.
class GeoIndex {
 public:
  // INVALID_ARGUMENT for a place out of range, an empty or a repeated id. No sites at all is
  // allowed.
  [[nodiscard]] static Result<std::unique_ptr<const GeoIndex>> create(std::vector<GeoSite> sites);

  ~GeoIndex();
  GeoIndex(const GeoIndex&) = delete;
  GeoIndex& operator=(const GeoIndex&) = delete;

  [[nodiscard]] const std::vector<GeoSite>& sites() const;

  // The `count` nearest sites, nearest first; fewer only if there are fewer. `point` must have
  // passed check_geo_point().
  [[nodiscard]] std::vector<Neighbour> nearest(GeoPoint point, std::size_t count) const;

 private:
  struct Tree;
  explicit GeoIndex(std::unique_ptr<const Tree> tree);

  std::unique_ptr<const Tree> tree_;
};

}  // namespace isopop::router
