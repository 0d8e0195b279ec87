#include "sim/topology/topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <set>
#include <string>

namespace isopop::sim {
namespace {

using testing::HasSubstr;

constexpr std::string_view kAmsterdam =
    "  - {id: AMS, city: Amsterdam, country: NL, region: Europe, lat: 52.3, lon: 4.76}\n";

std::string fault_of(const std::string& text) {
  const Result<Topology> topology = parse_topology(text, "t.yaml");
  return topology.ok() ? "no fault" : topology.error().message;
}

std::string with_pop(const std::string& pop) {
  return "name: t\npops:\n  - " + pop + "\n";
}

Topology bundled(const std::string& name) {
  auto topology = load_topology(std::string(ISOPOP_SOURCE_DIR) + "/configs/topologies/" + name);
  EXPECT_TRUE(topology.ok()) << (topology.ok() ? "" : topology.error().message);
  return topology.ok() ? std::move(topology).value() : Topology{};
}

TEST(Topology, ReadsEverySetting) {
  const auto topology = parse_topology(
      "name: mine\nseed: 42\nprovenance: by hand\ndefaults: {isolation: warm, memory_budget: 64 "
      "MiB, executors_max: 9, "
      "executor_idle_timeout: 5 s, body_max: 2 MiB}\n"
      "router: {policy: nearest, net: account, access_profile: fcc2013}\npops:\n" +
          std::string(kAmsterdam),
      "t.yaml");
  ASSERT_TRUE(topology.ok()) << topology.error().message;
  const Topology expected{
      .name = "mine",
      .seed = 42,
      .provenance = "by hand",
      .pop = {.isolation = "warm",
              .memory_budget_bytes = 64U << 20U,
              .executors_max = 9,
              .executor_idle_timeout = std::chrono::seconds(5),
              .body_bytes_max = 2U << 20U},
      .router = {.policy = "nearest", .net = "account", .access_profile = "fcc2013"},
      .pops = {{"AMS", "Amsterdam", "NL", "Europe", {52.3, 4.76}}}};
  EXPECT_EQ(topology.value(), expected);
}

TEST(Topology, NeedsOnlyANameAndPops) {
  const auto topology = parse_topology("name: t\npops:\n" + std::string(kAmsterdam), "t.yaml");
  ASSERT_TRUE(topology.ok());
  EXPECT_EQ(topology.value().pop.isolation, "pristine");
  EXPECT_EQ(topology.value().router.net, "real");
  EXPECT_EQ(fault_of("pops:\n" + std::string(kAmsterdam)), "t.yaml:1: name: is required");
  EXPECT_EQ(fault_of("name: t\n"), "t.yaml:1: pops: is required");
  EXPECT_EQ(fault_of("name: t\npops: []\n"), "t.yaml:2: pops: a topology needs at least one PoP");
}

TEST(Topology, SaysWhereAPlaceIsImpossible) {
  EXPECT_EQ(fault_of(with_pop("{id: AMS, city: A, country: NL, lat: 95, lon: 4}")),
            "t.yaml:3: pops[0].lat: 95 is out of range: must be between -90 and 90");
  EXPECT_EQ(fault_of(with_pop("{id: AMS, city: A, country: NL, lat: 5, lon: 181}")),
            "t.yaml:3: pops[0].lon: 181 is out of range: must be between -180 and 180");
  EXPECT_EQ(fault_of(with_pop("{id: AMS, city: A, country: NL, lat: 52 deg, lon: 4}")),
            "t.yaml:3: pops[0].lat: '52 deg' is not a number");
}

TEST(Topology, RefusesAPopThatIsThereTwice) {
  EXPECT_EQ(fault_of("name: t\npops:\n" + std::string(kAmsterdam) + std::string(kAmsterdam)),
            "t.yaml:4: pops[1].id: duplicate PoP: AMS is already in line 3");
}

TEST(Topology, RefusesUnknownKeysAtEveryLevel) {
  EXPECT_EQ(fault_of("name: t\nsede: 1\npops:\n" + std::string(kAmsterdam)),
            "t.yaml:2: sede: unknown key; did you mean 'seed'?");
  EXPECT_THAT(fault_of(with_pop("{id: AMS, city: A, country: NL, latt: 5, lon: 1}")),
              HasSubstr("pops[0].latt: unknown key; did you mean 'lat'?"));
  EXPECT_THAT(fault_of("name: t\nrouter: {polcy: nearest}\n"),
              HasSubstr("t.yaml:2: router.polcy: unknown key; did you mean 'policy'?"));
  EXPECT_THAT(fault_of("name: t\ndefaults: {isolation: cold}\n"),
              HasSubstr("pristine, fresh, warm"));
}

TEST(Topology, RefusesValuesWithoutTheRightUnit) {
  EXPECT_THAT(fault_of("name: t\ndefaults: {wall_limit: 5}\n"),
              HasSubstr("t.yaml:2: defaults.wall_limit: '5' lacks a unit"));
  EXPECT_THAT(fault_of("name: t\ndefaults: {queue_deadline: 5 MiB}\n"),
              HasSubstr("unknown unit 'MiB'"));
  EXPECT_THAT(fault_of("name: t\ndefaults: {body_max: 1 s}\n"), HasSubstr("unknown unit 's'"));
  EXPECT_THAT(fault_of("name: t\ndefaults: {queue_deadline: 0 s}\n"),
              HasSubstr("must be more than nothing"));
  EXPECT_THAT(fault_of("name: t\ndefaults: {executors_max: 0}\n"),
              HasSubstr("must be between 1 and 4096"));
}

TEST(Topology, RefusesIdsThatCouldNotBeFileNames) {
  EXPECT_THAT(fault_of(with_pop("{id: ../X, city: A, country: NL, lat: 5, lon: 1}")),
              HasSubstr("pops[0].id: '../X' is no PoP id"));
  EXPECT_THAT(fault_of(with_pop("{id: AMS, city: A, country: Netherlands, lat: 5, lon: 1}")),
              HasSubstr("pops[0].country: 'Netherlands' is no country code"));
  EXPECT_THAT(fault_of(with_pop("{id: AMS, city: \"\", country: NL, lat: 5, lon: 1}")),
              HasSubstr("pops[0].city: must be one line"));
}

TEST(Topology, TakesTheFirstPops) {
  const Topology tiny = bundled("tiny.yaml");
  EXPECT_EQ(first_pops(tiny, 2).value().pops.size(), 2U);
  EXPECT_EQ(first_pops(tiny, 7).error().code, ErrorCode::kOutOfRange);
  EXPECT_THAT(first_pops(tiny, 7).error().message, HasSubstr("has 6 PoPs"));
  EXPECT_FALSE(first_pops(tiny, 0).ok());
}

TEST(BundledTopologies, HaveTheirNumbersOfPops) {
  EXPECT_EQ(bundled("world.yaml").pops.size(), 330U);
  EXPECT_EQ(bundled("tiny.yaml").pops.size(), 6U);
  const Topology world = bundled("world.yaml");
  const Topology continents = bundled("continents.yaml");
  EXPECT_EQ(continents.pops, first_pops(world, 60).value().pops);
}

TEST(BundledTopologies, CoverEveryRegionEarly) {
  std::map<std::string, int> pops_of;
  for (const PopSite& pop : bundled("continents.yaml").pops) ++pops_of[pop.region];
  EXPECT_EQ(pops_of.size(), 7U);
  std::set<std::string> countries;
  for (const PopSite& pop : bundled("world.yaml").pops) countries.insert(pop.country);
  EXPECT_GE(countries.size(), 130U);
}

}  // namespace
}  // namespace isopop::sim
