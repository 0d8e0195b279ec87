#include "sim/topology/further_sites.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace isopop::sim {
namespace {

using testing::ElementsAre;

Topology topology_of(const std::vector<std::string>& ids) {
  Topology topology;
  topology.name = "test";
  for (const std::string& id : ids) {
    topology.pops.push_back(
        {.id = id, .city = "City of " + id, .country = "NL", .region = "", .place = {1, 2}});
  }
  return topology;
}

std::vector<std::string> ids_of(const std::vector<std::string>& listed, std::size_t count) {
  std::vector<std::string> ids;
  for (const PopSite& pop : with_pops(topology_of(listed), count).value().pops) {
    ids.push_back(pop.id);
  }
  return ids;
}

TEST(FurtherSites, TheFirstOfTheListWhereItIsLongEnough) {
  EXPECT_THAT(ids_of({"AMS", "FRA", "SIN"}, 2), ElementsAre("AMS", "FRA"));
  EXPECT_THAT(ids_of({"AMS", "FRA"}, 2), ElementsAre("AMS", "FRA"));
}

TEST(FurtherSites, GoRoundTheSameCitiesInTheListsOrder) {
  EXPECT_THAT(ids_of({"AMS", "FRA"}, 7),
              ElementsAre("AMS", "FRA", "AMS2", "FRA2", "AMS3", "FRA3", "AMS4"));
  const Topology topology = with_pops(topology_of({"AMS", "FRA"}), 4).value();
  EXPECT_EQ(topology.pops[3].city, "City of FRA");
  EXPECT_EQ(topology.pops[3].place.longitude_deg, 2);
}

TEST(FurtherSites, PassOverIdsThatAreThere) {
  EXPECT_THAT(ids_of({"AMS", "AMS2", "AMS4"}, 7),
              ElementsAre("AMS", "AMS2", "AMS4", "AMS3", "AMS22", "AMS42", "AMS5"));
  // 12 behind A1 would be 2 behind A11.
  const std::vector<std::string> ids = ids_of({"A1", "A11"}, 200);
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 200U);
}

TEST(FurtherSites, LongIdsStayWithinTheirLength) {
  EXPECT_THAT(ids_of({"ABCDEFGHIJKLMNOP"}, 2), ElementsAre("ABCDEFGHIJKLMNOP", "ABCDEFGHIJKLMNO2"));
  for (const std::string& id : ids_of({"ABCDEFGHIJKLMNOP", "ABCDEFGHIJKLMNOQ"}, kPopsMax)) {
    EXPECT_TRUE(is_pop_id(id)) << id;
  }
}

TEST(FurtherSites, TheSameIndexIsTheSamePopWhateverTheCount) {
  const std::vector<std::string> listed = {"AMS", "FRA", "AMS2", "A2", "A"};
  const std::vector<std::string> all = ids_of(listed, 300);
  for (const std::size_t count : {1U, 5U, 6U, 17U, 123U}) {
    EXPECT_EQ(ids_of(listed, count).back(), all[count - 1]) << count;
  }
}

TEST(FurtherSites, CountsOutOfRangeAreRefused) {
  EXPECT_EQ(with_pops(topology_of({"AMS"}), 0).error().code, ErrorCode::kOutOfRange);
  EXPECT_EQ(with_pops(topology_of({"AMS"}), kPopsMax).value().pops.size(), kPopsMax);
  EXPECT_EQ(with_pops(topology_of({"AMS"}), kPopsMax + 1).error().message,
            "a network has 1 to 2000 PoPs, not 2001");
}

}  // namespace
}  // namespace isopop::sim
