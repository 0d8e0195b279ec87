#include "common/geo/geo_point.h"

#include <fmt/format.h>

#include <GeographicLib/Geodesic.hpp>
#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>

#include "common/text/text.h"

namespace isopop {

Result<void> check_geo_point(GeoPoint point) {
  if (!(point.latitude_deg >= -90 && point.latitude_deg <= 90)) {
    return invalid_argument(fmt::format("latitude {} is not in -90 .. 90", point.latitude_deg));
  }
  if (!(point.longitude_deg >= -180 && point.longitude_deg <= 180)) {
    return invalid_argument(fmt::format("longitude {} is not in -180 .. 180", point.longitude_deg));
  }
  return {};
}

Result<GeoPoint> parse_geo_point(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, ',');
  if (parts.size() == 2) {
    const std::optional<double> latitude = parse_double(trim(parts[0]));
    const std::optional<double> longitude = parse_double(trim(parts[1]));
    if (latitude && longitude) {
      const GeoPoint point{*latitude, *longitude};
      ISOPOP_TRY(check_geo_point(point));
      return point;
    }
  }
  return invalid_argument(fmt::format("'{}' is not a place, as in \"52.37,4.89\"", text));
}

double geodesic_km(GeoPoint from, GeoPoint to) {
  double metres = 0;
  GeographicLib::Geodesic::WGS84().Inverse(from.latitude_deg, from.longitude_deg, to.latitude_deg,
                                           to.longitude_deg, metres);
  return metres / 1000;
}

double great_circle_km(GeoPoint from, GeoPoint to) {
  constexpr double kMeanRadiusKm = 6371.0088;
  constexpr double kRadians = std::numbers::pi / 180;
  const double half_lat = std::sin((to.latitude_deg - from.latitude_deg) * kRadians / 2);
  const double half_lon = std::sin((to.longitude_deg - from.longitude_deg) * kRadians / 2);
  const double h = half_lat * half_lat + std::cos(from.latitude_deg * kRadians) *
                                             std::cos(to.latitude_deg * kRadians) * half_lon *
                                             half_lon;
  return 2 * kMeanRadiusKm * std::asin(std::sqrt(std::clamp(h, 0.0, 1.0)));
}

}  // namespace isopop
