#include "router/geo/geo_index.h"

#include <fmt/format.h>

#include <GeographicLib/Geocentric.hpp>
#include <algorithm>
#include <array>
#include <cstdint>
#include <nanoflann.hpp>
#include <set>
#include <tuple>
#include <utility>

#include "common/result/assert.h"

namespace isopop::router {
namespace {

using Position = std::array<double, 3>;  // kilometres from the centre of the Earth

Position to_position(GeoPoint point) {
  double x = 0;
  double y = 0;
  double z = 0;
  GeographicLib::Geocentric::WGS84().Forward(point.latitude_deg, point.longitude_deg, 0, x, y, z);
  return {x / 1000, y / 1000, z / 1000};
}

// What nanoflann wants to see of the sites; its names are its own.
struct PositionList {
  std::vector<Position> positions;

  [[nodiscard]] std::size_t kdtree_get_point_count() const { return positions.size(); }
  [[nodiscard]] double kdtree_get_pt(std::size_t index, std::size_t axis) const {
    return positions[index][axis];
  }
  template <typename Box>
  bool kdtree_get_bbox(Box& /*box*/) const {
    return false;  // the tree computes it
  }
};

using KdTree =
    nanoflann::KDTreeSingleIndexAdaptor<nanoflann::L2_Simple_Adaptor<double, PositionList>,
                                        PositionList, 3, std::uint32_t>;

constexpr std::size_t kLeafSites = 10;  // nanoflann's own default

// Widens the ball by a millimetre, against rounding in straight lines (1e-9 km) and geodesics
// (1e-11 km).
constexpr double kRoundingKm = 1e-6;

}  // namespace

struct GeoIndex::Tree {
  explicit Tree(std::vector<GeoSite> sites_given)
      : sites(std::move(sites_given)),
        list(positions_of(sites)),
        tree(3, list, nanoflann::KDTreeSingleIndexAdaptorParams(kLeafSites)) {}

  static PositionList positions_of(const std::vector<GeoSite>& sites) {
    PositionList list;
    list.positions.reserve(sites.size());
    for (const GeoSite& site : sites) list.positions.push_back(to_position(site.place));
    return list;
  }

  std::vector<GeoSite> sites;
  PositionList list;
  KdTree tree;
};

Result<std::unique_ptr<const GeoIndex>> GeoIndex::create(std::vector<GeoSite> sites) {
  std::set<std::string_view> ids;
  for (const GeoSite& site : sites) {
    if (site.id.empty()) return invalid_argument("a place without an id");
    if (!ids.insert(site.id).second) {
      return invalid_argument(fmt::format("two places have the id '{}'", site.id));
    }
    ISOPOP_TRY(check_geo_point(site.place).with_context(site.id));
  }
  return std::unique_ptr<const GeoIndex>(
      new GeoIndex(std::make_unique<const Tree>(std::move(sites))));
}

GeoIndex::GeoIndex(std::unique_ptr<const Tree> tree) : tree_(std::move(tree)) {}

GeoIndex::~GeoIndex() = default;

const std::vector<GeoSite>& GeoIndex::sites() const {
  return tree_->sites;
}

std::vector<Neighbour> GeoIndex::nearest(GeoPoint point, std::size_t count) const {
  const std::vector<GeoSite>& sites = tree_->sites;
  count = std::min(count, sites.size());
  if (count == 0) return {};
  ISOPOP_ASSERT(check_geo_point(point).ok(), "a place that passed check_geo_point()");

  const Position position = to_position(point);
  std::vector<std::uint32_t> nearest_sites(count);
  std::vector<double> squared_km(count);
  tree_->tree.knnSearch(position.data(), count, nearest_sites.data(), squared_km.data());

  double radius_km = 0;
  for (const std::uint32_t site : nearest_sites) {
    radius_km = std::max(radius_km, geodesic_km(point, sites[site].place));
  }
  radius_km += kRoundingKm;
  std::vector<std::pair<std::uint32_t, double>> ball;
  tree_->tree.radiusSearch(position.data(), radius_km * radius_km, ball,
                           nanoflann::SearchParams(0, 0, false));

  std::vector<Neighbour> neighbours;
  neighbours.reserve(ball.size());
  for (const auto& [site, unused] : ball) {
    neighbours.push_back({.site = site, .distance_km = geodesic_km(point, sites[site].place)});
  }
  const auto is_nearer = [&sites](const Neighbour& a, const Neighbour& b) {
    return std::tie(a.distance_km, sites[a.site].id) < std::tie(b.distance_km, sites[b.site].id);
  };
  std::partial_sort(neighbours.begin(), neighbours.begin() + static_cast<std::ptrdiff_t>(count),
                    neighbours.end(), is_nearer);
  neighbours.resize(count);
  return neighbours;
}

}  // namespace isopop::router
