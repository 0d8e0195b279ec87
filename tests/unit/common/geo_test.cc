#include <gtest/gtest.h>

#include <limits>

#include "common/geo/geo_point.h"

namespace isopop {
namespace {

constexpr GeoPoint kAmsterdam{52.37, 4.89};
constexpr GeoPoint kSydney{-33.87, 151.21};

TEST(GeoTest, GeodesicBetweenKnownPlaces) {
  // One degree of latitude from the equator and one of longitude along it, WGS-84.
  EXPECT_NEAR(geodesic_km({0, 0}, {1, 0}), 110.574, 0.001);
  EXPECT_NEAR(geodesic_km({0, 0}, {0, 1}), 111.319, 0.001);
  EXPECT_NEAR(geodesic_km({90, 0}, {-90, 0}), 20003.931, 0.001);
}

TEST(GeoTest, GreatCircleIsWithinSixTenthsOfAPercentOfTheGeodesic) {
  const double geodesic = geodesic_km(kAmsterdam, kSydney);
  EXPECT_NEAR(great_circle_km(kAmsterdam, kSydney), geodesic, geodesic * 0.006);
}

TEST(GeoTest, TheDateLineIsNoDistance) {
  EXPECT_NEAR(geodesic_km({0, 179.9}, {0, -179.9}), 22.26, 0.01);
  EXPECT_NEAR(great_circle_km({90, 10}, {90, -170}), 0, 1e-9);
}

TEST(GeoTest, PlacesOutOfRangeAreNamed) {
  EXPECT_EQ(check_geo_point({95, 0}).error().message, "latitude 95 is not in -90 .. 90");
  EXPECT_FALSE(check_geo_point({0, 181}).ok());
  EXPECT_FALSE(check_geo_point({std::numeric_limits<double>::quiet_NaN(), 0}).ok());
}

TEST(GeoTest, ParsesAPair) {
  EXPECT_EQ(parse_geo_point("52.37, 4.89").value(), kAmsterdam);
  for (const char* wrong : {"", "52.37", "a,b", "1,2,3", "91,0"}) {
    EXPECT_FALSE(parse_geo_point(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace isopop
