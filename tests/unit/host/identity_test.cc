#include "sim/host/identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace isopop::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Topology three() {
  Topology topology;
  topology.name = "three";
  for (const char* id : {"AMS", "FRA", "SIN"}) {
    topology.pops.push_back({.id = id, .city = id, .country = "NL", .region = "", .place = {1, 2}});
  }
  return topology;
}

Result<std::vector<PopSite>> sites(const Environment& environment, std::string_view host) {
  ISOPOP_TRY_ASSIGN(const Identity identity, read_identity(environment, host));
  return find_sites(identity, environment, three());
}

std::vector<std::string> ids(const Environment& environment, std::string_view host = "3f2a9c") {
  std::vector<std::string> found;
  for (const PopSite& site : sites(environment, host).value()) found.push_back(site.id);
  return found;
}

std::string error_of(const Environment& environment, std::string_view host = "3f2a9c") {
  const Result<std::vector<PopSite>> outcome = sites(environment, host);
  return outcome.ok() ? "no error" : outcome.error().message;
}

bool is_lease(const Environment& environment, std::string_view host) {
  return std::holds_alternative<LeasedPop>(read_identity(environment, host).value());
}

TEST(Identity, ReadsAnEnvironment) {
  const std::array<const char*, 4> entries = {"A=1=2", "B=", "nonsense", nullptr};
  EXPECT_EQ(environment_of(entries.data()), (Environment{{"A", "1=2"}, {"B", ""}}));
}

TEST(Identity, ById) {
  EXPECT_THAT(ids({{"POP_ID", "FRA"}}), ElementsAre("FRA"));
  EXPECT_THAT(ids({{"POP_ID", " FRA "}}), ElementsAre("FRA"));
  EXPECT_THAT(ids({{"POP_ID", "FRA3"}}), ElementsAre("FRA3")) << "a further one in the same city";
  EXPECT_THAT(ids({{"POP_ID", "FRA"}, {"POP_INDEX", "0"}}, "pop-2"), ElementsAre("FRA"))
      << "comes before numbers";
}

TEST(Identity, ByIdAndPlaceNeedsNoTopology) {
  const Identity identity = read_identity({{"POP_ID", "X1"},
                                           {"POP_CITY", "Ouagadougou"},
                                           {"POP_COUNTRY", "BF"},
                                           {"POP_REGION", "Africa"},
                                           {"POP_LAT", "-12.5"},
                                           {"POP_LON", "1.25"}},
                                          "host")
                                .value();
  EXPECT_EQ(std::get<DescribedPop>(identity).site, (PopSite{.id = "X1",
                                                            .city = "Ouagadougou",
                                                            .country = "BF",
                                                            .region = "Africa",
                                                            .place = {-12.5, 1.25}}));
}

TEST(Identity, SeveralByTheirIds) {
  EXPECT_THAT(ids({{"POPS", "SIN, AMS,AMS2"}}), ElementsAre("SIN", "AMS", "AMS2"));
  EXPECT_THAT(ids({{"POPS", "SIN"}}), ElementsAre("SIN"));
  EXPECT_THAT(ids({{"POPS", ""}, {"POP_ID", "FRA"}}), ElementsAre("FRA")) << "empty: not there";
}

TEST(Identity, ByIndex) {
  EXPECT_THAT(ids({{"POP_INDEX", "1"}}), ElementsAre("FRA"));
  EXPECT_THAT(ids({{"POP_INDEX", "1"}, {"POP_INDEX_BASE", "-1"}}), ElementsAre("AMS"));
  EXPECT_THAT(ids({{"POP_INDEX", "1"}, {"POP_INDEX_BASE", "3"}}), ElementsAre("FRA2"));
  EXPECT_THAT(ids({{"POP_INDEX", "0"}}, "pop-2"), ElementsAre("AMS")) << "comes before the name";
}

TEST(Identity, ByTheNumberAtTheEndOfTheHostName) {
  EXPECT_THAT(ids({}, "pop-2"), ElementsAre("SIN"));
  EXPECT_THAT(ids({}, "pop-europe-1"), ElementsAre("FRA"));
  EXPECT_THAT(ids({}, "pop-1.pops.default.svc.cluster.local"), ElementsAre("FRA"));
  EXPECT_THAT(ids({{"POP_INDEX_BASE", "-1"}}, "pop-3"), ElementsAre("SIN"));
}

TEST(Identity, SeveralByNumber) {
  const Environment two{{"POPS_PER_CONTAINER", "2"}};
  EXPECT_THAT(ids(two, "pop-0"), ElementsAre("AMS", "FRA"));
  EXPECT_THAT(ids(two, "pop-1"), ElementsAre("SIN")) << "the last has fewer";
  EXPECT_THAT(ids({{"POPS_PER_CONTAINER", "2"}, {"POP_INDEX", "2"}, {"POP_INDEX_BASE", "-1"}}),
              ElementsAre("SIN"));
  EXPECT_THAT(ids({{"POPS_PER_CONTAINER", "2"}, {"POP_COUNT", "5"}}, "pop-1"),
              ElementsAre("SIN", "AMS2"));
  EXPECT_THAT(ids({{"POPS_PER_CONTAINER", "2"}, {"POP_COUNT", "5"}}, "pop-2"), ElementsAre("FRA2"));
}

TEST(Identity, WithoutANumberItIsALease) {
  EXPECT_TRUE(is_lease({}, "3f2a9c"));
  EXPECT_TRUE(is_lease({}, ""));
  EXPECT_TRUE(is_lease({}, "123"));
  EXPECT_TRUE(is_lease({}, "pop"));
  EXPECT_TRUE(is_lease({}, "pop-"));
  EXPECT_TRUE(is_lease({}, "pop-12a"));
  EXPECT_TRUE(is_lease({}, "pop-7d4b9c5d8-24567")) << "a name that an engine made up";
  EXPECT_TRUE(is_lease({{"POP_ID", ""}, {"POP_INDEX", ""}, {"POP_CITY", ""}}, "3f2a9c"));
}

TEST(Identity, ALeaseIsForAnyPopOfTheNetwork) {
  EXPECT_THAT(ids({{"POP_COUNT", "4"}}), ElementsAre("AMS", "FRA", "SIN", "AMS2"));
  EXPECT_EQ(ids({}).size(), kPopsMax);
}

TEST(Identity, UnknownIdsAreNamed) {
  EXPECT_EQ(error_of({{"POP_ID", "LHR"}}),
            "POP_ID: topology 'three' has no PoP LHR; name another, or another topology with "
            "POP_TOPOLOGY");
  EXPECT_THAT(error_of({{"POPS", "AMS,LHR"}}), HasSubstr("POPS: topology 'three' has no PoP LHR"));
  EXPECT_THAT(error_of({{"POP_ID", "ams"}}), HasSubstr("POP_ID: 'ams' is no PoP id: 2 to 16"));
  EXPECT_THAT(error_of({{"POPS", "AMS,,FRA"}}), HasSubstr("POPS: '' is no PoP id"));
  EXPECT_EQ(error_of({{"POPS", "AMS,FRA,AMS"}}), "POPS names AMS twice; leave one of them out");
}

TEST(Identity, ContradictionsAreErrors) {
  EXPECT_THAT(error_of({{"POPS", "AMS"}, {"POP_ID", "FRA"}}), HasSubstr("are both set"));
  EXPECT_THAT(error_of({{"POP_CITY", "Paris"}}), HasSubstr("set POP_ID too"));
  EXPECT_THAT(error_of({{"POPS_PER_CONTAINER", "2"}}),
              HasSubstr("POPS_PER_CONTAINER=2 needs the container's number: set POP_INDEX"));
}

TEST(Identity, WrongNumbersAreNamed) {
  EXPECT_EQ(error_of({{"POP_INDEX", "x"}}), "POP_INDEX=x: must be a whole number from 0 to 2000");
  EXPECT_THAT(error_of({{"POP_INDEX", "-1"}}), HasSubstr("POP_INDEX=-1"));
  EXPECT_THAT(error_of({{"POP_INDEX_BASE", "1.5"}}, "pop-1"), HasSubstr("POP_INDEX_BASE=1.5"));
  EXPECT_THAT(error_of({{"POPS_PER_CONTAINER", "0"}}, "pop-1"),
              HasSubstr("POPS_PER_CONTAINER=0: must be a whole number from 1"));
  EXPECT_THAT(error_of({{"POP_COUNT", "2001"}}, "pop-1"), HasSubstr("POP_COUNT=2001"));
  EXPECT_EQ(error_of({{"POP_INDEX_BASE", "-1"}}, "pop-0"),
            "host name pop-0 with POP_INDEX_BASE=-1 is -1: indices count from 0; raise "
            "POP_INDEX_BASE");
}

TEST(Identity, NumbersBeyondTheNetworkAreErrors) {
  EXPECT_EQ(
      error_of({{"POP_INDEX", "4"}, {"POP_COUNT", "4"}}),
      "POP_INDEX=4 would be PoP number 4 of topology 'three', counted from 0, and the network "
      "has 4; start fewer containers, or raise POP_COUNT");
  EXPECT_THAT(error_of({{"POPS_PER_CONTAINER", "2"}}, "pop-2"),
              HasSubstr("host name pop-2 would be PoP number 4"));
  EXPECT_THAT(error_of({}, "pop-2000"), HasSubstr("start fewer containers"));
}

TEST(Identity, PlacesAreChecked) {
  Environment good{{"POP_ID", "X1"},
                   {"POP_CITY", "Paris"},
                   {"POP_COUNTRY", "FR"},
                   {"POP_LAT", "48.8"},
                   {"POP_LON", "2.3"}};
  EXPECT_EQ(error_of(good), "no error");
  const auto with = [&good](const char* name, const char* value) {
    Environment changed = good;
    changed[name] = value;
    return error_of(changed);
  };
  EXPECT_EQ(with("POP_LAT", "north"), "POP_LAT=north: must be degrees, as in 52.3086");
  EXPECT_THAT(with("POP_LAT", "91"), HasSubstr("POP_LAT, POP_LON"));
  EXPECT_THAT(with("POP_LON", "181"), HasSubstr("POP_LAT, POP_LON"));
  EXPECT_THAT(with("POP_LON", ""), HasSubstr("POP_LON is missing"));
  EXPECT_THAT(with("POP_COUNTRY", "France"), HasSubstr("POP_COUNTRY=France"));
  EXPECT_THAT(with("POP_CITY", "a\nb"), HasSubstr("POP_CITY must be one line"));
}

}  // namespace
}  // namespace isopop::sim
