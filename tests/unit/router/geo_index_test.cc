#include "router/geo/geo_index.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <string>
#include <tuple>
#include <vector>

#include "common/csv/csv_reader.h"
#include "common/random/random.h"

namespace isopop::router {
namespace {

constexpr std::size_t kSites = 330;

// Places where a projection, a bounding box or an atan2 would go wrong; two of them are one place.
const std::vector<GeoSite> kOddSites = {
    {"POLE-N", {90, 0}},      {"POLE-S", {-90, 77}},      {"DATE-EAST", {0, 180}},
    {"DATE-WEST", {0, -180}}, {"CHUKOTKA", {65, 179.99}}, {"NULL-ISLAND", {0, 0}},
};

// The odd places and as many real edge cities as make kSites.
std::vector<GeoSite> test_sites() {
  std::vector<GeoSite> sites = kOddSites;
  Result<CsvReader> opened = CsvReader::open(ISOPOP_SOURCE_DIR "/configs/data/pops.csv");
  if (!opened.ok()) return {};
  CsvReader rows = std::move(opened).value();
  const std::size_t id = rows.column("iata").value();
  const std::size_t latitude = rows.column("lat").value();
  const std::size_t longitude = rows.column("lon").value();
  while (sites.size() < kSites && rows.next().value()) {
    sites.push_back(
        {rows.field(id), {rows.number(latitude).value(), rows.number(longitude).value()}});
  }
  return sites;
}

GeoPoint uniform_on_sphere(RandomStream& random) {
  const double z = 2 * random.uniform() - 1;
  return {std::asin(z) * 180 / std::numbers::pi, 360 * random.uniform() - 180};
}

double wrap_longitude(double degrees) {
  if (degrees > 180) return degrees - 360;
  return degrees < -180 ? degrees + 360 : degrees;
}

GeoPoint near(GeoPoint place, double spread_deg, RandomStream& random) {
  return {std::clamp(place.latitude_deg + spread_deg * random.normal(), -90.0, 90.0),
          wrap_longitude(place.longitude_deg + spread_deg * random.normal())};
}

// 100,000 places: everywhere, close to the sites, at and around the poles and the date line,
// opposite the sites (where geodesics are hardest), and half-way between two sites (where the
// choice is).
std::vector<GeoPoint> test_places(const std::vector<GeoSite>& sites) {
  RandomStream random(20261123, "geo_index_test.places");
  const auto any_site = [&] { return sites[random.below(sites.size())].place; };
  std::vector<GeoPoint> places = {{90, 0}, {90, -180}, {-90, 0}, {0, 180}, {0, -180}, {0, 0}};
  while (places.size() < 40'000) places.push_back(uniform_on_sphere(random));
  while (places.size() < 55'000) places.push_back(near(any_site(), 0.5, random));
  while (places.size() < 65'000) {
    const double side = random.below(2) == 0 ? 90 : -90;
    places.push_back(near({side, 360 * random.uniform() - 180}, 0.01, random));
  }
  while (places.size() < 75'000) {
    const double side = random.below(2) == 0 ? 180 : -180;
    places.push_back(near({180 * random.uniform() - 90, side}, 0.01, random));
  }
  while (places.size() < 85'000) {
    const GeoPoint site = any_site();
    const GeoPoint antipode{-site.latitude_deg, wrap_longitude(site.longitude_deg + 180)};
    places.push_back(random.below(2) == 0 ? antipode : near(antipode, 0.2, random));
  }
  while (places.size() < 100'000) {
    const GeoPoint a = any_site();
    const GeoPoint b = any_site();
    places.push_back(
        {(a.latitude_deg + b.latitude_deg) / 2, (a.longitude_deg + b.longitude_deg) / 2});
  }
  return places;
}

std::vector<Neighbour> in_order(std::vector<Neighbour> neighbours,
                                const std::vector<GeoSite>& sites) {
  std::sort(neighbours.begin(), neighbours.end(), [&](const Neighbour& a, const Neighbour& b) {
    return std::tie(a.distance_km, sites[a.site].id) < std::tie(b.distance_km, sites[b.site].id);
  });
  return neighbours;
}

// All sites by exact geodesics.
std::vector<Neighbour> brute_force(const std::vector<GeoSite>& sites, GeoPoint place) {
  std::vector<Neighbour> all;
  all.reserve(sites.size());
  for (std::size_t i = 0; i < sites.size(); ++i) {
    all.push_back({i, geodesic_km(place, sites[i].place)});
  }
  return in_order(std::move(all), sites);
}

// The nearest site by looking at all of them, cheaply: great circles are less than 0.6 % off the
// geodesics, so only sites within 2 % of the best great circle can be it; those are measured
// exactly.
Neighbour brute_force_nearest(const std::vector<GeoSite>& sites, GeoPoint place) {
  std::vector<double> great_circles;
  great_circles.reserve(sites.size());
  for (const GeoSite& site : sites) great_circles.push_back(great_circle_km(place, site.place));
  const double best = *std::min_element(great_circles.begin(), great_circles.end());
  std::vector<Neighbour> close;
  for (std::size_t i = 0; i < sites.size(); ++i) {
    if (great_circles[i] > best * 1.02 + 0.001) continue;
    close.push_back({i, geodesic_km(place, sites[i].place)});
  }
  return in_order(std::move(close), sites).front();
}

std::unique_ptr<const GeoIndex> make_index(std::vector<GeoSite> sites) {
  Result<std::unique_ptr<const GeoIndex>> index = GeoIndex::create(std::move(sites));
  EXPECT_TRUE(index.ok()) << index.error().message;
  return std::move(index).value();
}

TEST(GeoIndexTest, AgreesWithBruteForceOnHundredThousandPlaces) {
  const std::vector<GeoSite> sites = test_sites();
  ASSERT_EQ(sites.size(), kSites);
  const auto index = make_index(sites);
  const std::vector<GeoPoint> places = test_places(sites);
  ASSERT_EQ(places.size(), 100'000U);
  std::size_t differing = 0;
  for (const GeoPoint place : places) {
    const Neighbour expected = brute_force_nearest(sites, place);
    const std::vector<Neighbour> found = index->nearest(place, 1);
    ASSERT_EQ(found.size(), 1U);
    if (found[0].site == expected.site && found[0].distance_km == expected.distance_km) continue;
    if (++differing > 5) break;
    ADD_FAILURE() << fmt::format("at {},{}: found {} at {} km, nearest is {} at {} km",
                                 place.latitude_deg, place.longitude_deg, sites[found[0].site].id,
                                 found[0].distance_km, sites[expected.site].id,
                                 expected.distance_km);
  }
}

TEST(GeoIndexTest, GivesTheWholeOrderThatExactGeodesicsGive) {
  const std::vector<GeoSite> sites = test_sites();
  const auto index = make_index(sites);
  const std::vector<GeoPoint> places = test_places(sites);
  for (std::size_t i = 0; i < places.size(); i += 100) {
    const std::vector<Neighbour> expected = brute_force(sites, places[i]);
    const std::size_t count = i % 1000 == 0 ? sites.size() : 12;
    const std::vector<Neighbour> found = index->nearest(places[i], count);
    ASSERT_EQ(found.size(), count);
    for (std::size_t rank = 0; rank < count; ++rank) {
      ASSERT_EQ(sites[found[rank].site].id, sites[expected[rank].site].id)
          << fmt::format("rank {} at {},{}", rank, places[i].latitude_deg, places[i].longitude_deg);
      ASSERT_EQ(found[rank].distance_km, expected[rank].distance_km);
    }
  }
}

TEST(GeoIndexTest, SeesAcrossTheDateLine) {
  const auto index = make_index({{"FIJI", {-17.7, 178}}, {"PERTH", {-31.9, 115.9}}});
  const std::vector<Neighbour> found = index->nearest({-17.7, -178}, 1);
  EXPECT_EQ(index->sites()[found[0].site].id, "FIJI");
  EXPECT_NEAR(found[0].distance_km, 424, 2);
}

TEST(GeoIndexTest, PutsTheEllipsoidBeforeTheSphere) {
  // From 45 N: 5 degrees along the meridian are 555.9 km, 7.05 degrees along the parallel 555.8 km
  // on the ellipsoid; on a sphere it is the other way round.
  const GeoPoint from{45, 0};
  const GeoPoint north{50, 0};
  const GeoPoint east{45, 7.055};
  ASSERT_LT(geodesic_km(from, north), geodesic_km(from, east));
  ASSERT_GT(great_circle_km(from, north), great_circle_km(from, east));
  const auto index = make_index({{"EAST", east}, {"NORTH", north}});
  EXPECT_EQ(index->sites()[index->nearest(from, 1)[0].site].id, "NORTH");
}

TEST(GeoIndexTest, BreaksTiesById) {
  const auto index = make_index({{"C", {10, 20}}, {"A", {10, 20}}, {"B", {10, 20}}});
  std::string order;
  for (const Neighbour& found : index->nearest({11, 21}, 3)) order += index->sites()[found.site].id;
  EXPECT_EQ(order, "ABC");
  EXPECT_EQ(index->sites()[index->nearest({11, 21}, 1)[0].site].id, "A");
}

TEST(GeoIndexTest, FindsManySitesAtOnePlace) {
  std::vector<GeoSite> sites;
  sites.reserve(100);
  for (int i = 0; i < 100; ++i) sites.push_back({fmt::format("S{:02}", i), {1, 2}});
  const auto index = make_index(sites);
  const std::vector<Neighbour> found = index->nearest({1, 2}, 7);
  ASSERT_EQ(found.size(), 7U);
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].site, i);
    EXPECT_EQ(found[i].distance_km, 0);
  }
}

TEST(GeoIndexTest, GivesAllWhenAskedForMoreThanThereAre) {
  const auto index = make_index({{"A", {0, 0}}, {"B", {0, 1}}});
  EXPECT_EQ(index->nearest({0, 0}, 5).size(), 2U);
  EXPECT_TRUE(index->nearest({0, 0}, 0).empty());
}

TEST(GeoIndexTest, MayBeEmpty) {
  EXPECT_TRUE(make_index({})->nearest({0, 0}, 3).empty());
}

TEST(GeoIndexTest, RefusesWhatIsNoPlaceOrHasNoNameOfItsOwn) {
  EXPECT_EQ(GeoIndex::create({{"A", {95, 0}}}).error().message,
            "A: latitude 95 is not in -90 .. 90");
  EXPECT_EQ(GeoIndex::create({{"A", {0, 0}}, {"A", {1, 1}}}).error().message,
            "two places have the id 'A'");
  EXPECT_EQ(GeoIndex::create({{"", {0, 0}}}).error().message, "a place without an id");
}

}  // namespace
}  // namespace isopop::router
