#pragma once

#include <string_view>

#include "common/result/result.h"

namespace isopop {

// A place on Earth in decimal degrees, WGS-84. A plain value without invariants: ranges are checked
// where places enter the program, by check_geo_point().
struct GeoPoint {
  double latitude_deg = 0.0;   // -90 .. 90, north positive
  double longitude_deg = 0.0;  // -180 .. 180, east positive

  friend bool operator==(const GeoPoint&, const GeoPoint&) = default;
};

// Rejects what is out of range or not finite, naming the number that is wrong.
[[nodiscard]] Result<void> check_geo_point(GeoPoint point);

// "52.37,4.89".
[[nodiscard]] Result<GeoPoint> parse_geo_point(std::string_view text);

// Length of the shortest path on the WGS-84 ellipsoid (GeographicLib; Karney 2013), accurate to
// nanometres; about 2 µs a call.
[[nodiscard]] double geodesic_km(GeoPoint from, GeoPoint to);

// Length of the great circle, on a sphere of mean Earth radius (6371.0088 km, IUGG): what the
// network model's constants were fitted with. At most about 0.6 % off the ellipsoid, far below the
// spread of real fibre paths; about 50 ns a call.
[[nodiscard]] double great_circle_km(GeoPoint from, GeoPoint to);

}  // namespace isopop
