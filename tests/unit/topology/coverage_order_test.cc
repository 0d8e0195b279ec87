#include "sim/topology/coverage_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>

#include "router/geo/city_table.h"
#include "sim/topology/topology.h"

namespace isopop::sim {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr GeoPoint kParis{48.86, 2.35};
constexpr GeoPoint kLyon{45.76, 4.84};
constexpr GeoPoint kTokyo{35.68, 139.69};

TEST(CoverageOrder, StartsWhereMostPeopleAreAndThenGoesFar) {
  const std::vector<Demand> people = {{kParis, 10}, {kLyon, 2}, {kTokyo, 5}};
  EXPECT_THAT(coverage_order({kLyon, kTokyo, kParis}, people, {}, 3), ElementsAre(2, 1, 0));
}

TEST(CoverageOrder, CountsSitesThatAreThereAlready) {
  const std::vector<Demand> people = {{kParis, 10}, {kTokyo, 5}};
  EXPECT_THAT(coverage_order({kParis, kTokyo}, people, {kLyon}, 1), ElementsAre(1));
}

TEST(CoverageOrder, EqualGainsGoToTheFirst) {
  EXPECT_THAT(coverage_order({kParis, kParis, kTokyo}, {}, {}, 3), ElementsAre(0, 1, 2));
  EXPECT_THAT(coverage_order({}, {{kParis, 1}}, {}, 3), IsEmpty());
}

TEST(CoverageOrder, IsTheOrderOfTheBundledWorld) {
  const std::string configs = std::string(ISOPOP_SOURCE_DIR) + "/configs";
  const auto world = load_topology(configs + "/topologies/world.yaml");
  ASSERT_TRUE(world.ok()) << world.error().message;
  const auto cities = router::CityTable::load(configs + "/data/cities.csv");
  ASSERT_TRUE(cities.ok()) << cities.error().message;
  std::vector<Demand> people;
  for (const router::City& city : cities.value()->cities()) {
    people.push_back({city.place, static_cast<double>(city.population)});
  }
  std::vector<PopSite> by_id = world.value().pops;
  std::sort(by_id.begin(), by_id.end(),
            [](const PopSite& a, const PopSite& b) { return a.id < b.id; });
  std::vector<GeoPoint> sites;
  for (const PopSite& pop : by_id) sites.push_back(pop.place);

  const std::vector<std::size_t> order = coverage_order(sites, people, {}, sites.size());

  ASSERT_EQ(order.size(), world.value().pops.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    EXPECT_EQ(by_id.at(order[i]).id, world.value().pops[i].id) << "position " << i;
  }
}

}  // namespace
}  // namespace isopop::sim
