#include "sim/export/compose.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace isopop::sim {
namespace {

using testing::HasSubstr;
using testing::Not;

Topology three_pops() {
  Topology topology;
  topology.name = "three";
  topology.seed = 7;
  topology.router.net = "account";
  topology.pops = {{"OSL", "Oslo", "NO", "Europe", {60.19, 11.1}},
                   {"GRU", "São Paulo", "BR", "South America", {-23.4, -46.5}},
                   {"AMS", "Amsterdam", "NL", "", {52.3, 4.76}}};
  return topology;
}

std::string written(const Topology& topology, const ComposeOptions& options = {}) {
  const Result<std::string> file = compose_file(topology, options);
  return file.ok() ? file.value() : "error: " + file.error().message;
}

// The part of the file that belongs to one service.
std::string service(const std::string& file, const std::string& name) {
  const std::size_t begin = file.find("\n  " + name + ":\n");
  if (begin == std::string::npos) return "no service " + name;
  std::size_t end = begin + 1;
  do {
    end = file.find('\n', end) + 1;
  } while (file.compare(end, 4, "    ") == 0);
  return file.substr(begin + 1, end - begin - 1);
}

TEST(Compose, EachPopIsAServiceThatIsToldAllAboutItself) {
  const std::string file = written(three_pops());
  EXPECT_EQ(
      service(file, "pop-osl"),
      "  pop-osl:\n    <<: *pop\n"
      "    environment: {<<: *pop-environment, POP_ID: \"OSL\", POP_CITY: \"Oslo\", "
      "POP_COUNTRY: \"NO\", POP_REGION: \"Europe\", POP_LAT: \"60.19\", POP_LON: \"11.1\"}\n");
  EXPECT_THAT(service(file, "pop-gru"), HasSubstr("POP_LAT: \"-23.4\""));
  EXPECT_THAT(service(file, "pop-ams"), HasSubstr("POP_REGION: \"\""));
  EXPECT_THAT(file, Not(HasSubstr("POP_TOPOLOGY")));
}

TEST(Compose, TheTopologysSettingsReachThePrograms) {
  Topology topology = three_pops();
  topology.pop.isolation = "warm";
  topology.pop.queue_max = 9;
  topology.pop.wall_limit = std::chrono::seconds(2);
  const std::string file = written(topology);
  EXPECT_THAT(file, HasSubstr("  ISOPOP_POP_ISOLATION: \"warm\"\n"));
  EXPECT_THAT(file, HasSubstr("  ISOPOP_POP_QUEUE_MAX: \"9\"\n"));
  EXPECT_THAT(file, HasSubstr("  ISOPOP_POP_WALL_LIMIT: \"2000000000 ns\"\n"));
  EXPECT_THAT(service(file, "router"), HasSubstr("- \"--net=account\"\n"));
  EXPECT_THAT(service(file, "router"), HasSubstr("- \"--seed=7\"\n"));
}

TEST(Compose, AContainerHasRoomForItsPopsBudget) {
  Topology topology = three_pops();
  EXPECT_THAT(written(topology), HasSubstr("ISOPOP_POP_MEMORY_BUDGET: \"268435456 B\"\n"));
  EXPECT_THAT(written(topology), HasSubstr("  mem_limit: 384m\n"));
  topology.pop.memory_budget_bytes = 1ULL << 30U;
  EXPECT_THAT(written(topology), HasSubstr("ISOPOP_POP_MEMORY_BUDGET: \"1073741824 B\"\n"));
  EXPECT_THAT(written(topology), HasSubstr("  mem_limit: 1152m\n"));
  EXPECT_THAT(written(topology, {.pops_per_container = 2}), HasSubstr("  mem_limit: 2304m\n"));
}

TEST(Compose, OnlyTheRouterAndTheDashboardHavePublishedPorts) {
  const std::string file = written(three_pops(), {.monitoring = false});
  const std::size_t first = file.find("ports:");
  EXPECT_EQ(file.find("ports:", first + 1), std::string::npos);
  EXPECT_THAT(service(file, "router"), HasSubstr("ports: [\"${ISOPOP_PORT:-8080}:8080\"]"));
  EXPECT_THAT(service(written(three_pops()), "grafana"), HasSubstr("ports: [\"127.0.0.1:"));
}

TEST(Compose, PopctlRunsWhenItIsAskedForWithTheControlPlanesKeysThatItCannotChange) {
  const std::string popctl = service(written(three_pops()), "popctl");
  EXPECT_THAT(popctl, HasSubstr("    profiles: [tools]  # "));
  EXPECT_THAT(popctl, HasSubstr("volumes: [\"control-state:/var/lib/isopop:ro\"]"));
  EXPECT_THAT(popctl, HasSubstr("POPCTL_TOKEN_FILE: /var/lib/isopop/pki/admin.token\n"));
}

TEST(Compose, SeveralPopsInAContainerShareAService) {
  const std::string file = written(three_pops(), {.pops_per_container = 2});
  EXPECT_THAT(service(file, "pops-0"), HasSubstr("POPS: \"OSL,GRU\"}"));
  EXPECT_THAT(service(file, "pops-1"), HasSubstr("POPS: \"AMS\"}"));
  EXPECT_THAT(service(file, "pops-2"), HasSubstr("no service"));
  EXPECT_THAT(file, HasSubstr("  POP_TOPOLOGY: \"world\"\n"));
}

TEST(Compose, AScaledServiceHasNoIdentity) {
  const std::string file = written(three_pops(), {.scaled = true});
  EXPECT_EQ(service(file, "pop"), "  pop:\n    <<: *pop\n    scale: 3\n");
  EXPECT_THAT(file, Not(HasSubstr("POP_ID")));
  EXPECT_THAT(file, HasSubstr("  POP_COUNT: \"3\"\n"));
}

TEST(Compose, ATopologyFileIsMountedWherePopsLookThemselvesUp) {
  const std::string file =
      written(three_pops(), {.pops_per_container = 3, .topology = "/srv/a \"b\" $c/mine.yaml"});
  EXPECT_THAT(file, HasSubstr("  POP_TOPOLOGY: \"/etc/isopop/topology.yaml\"\n"));
  EXPECT_THAT(file, HasSubstr("{type: bind, source: \"/srv/a \\\"b\\\" $$c/mine.yaml\", target: "
                              "/etc/isopop/topology.yaml, read_only: true}"));
  EXPECT_THAT(written(three_pops(), {.topology = "/srv/mine.yaml"}), Not(HasSubstr("/srv")));
}

TEST(Compose, NamesTheServiceOfEachPop) {
  const Topology topology = three_pops();
  EXPECT_EQ(compose_service(topology, 1, {}), "pop-gru");
  EXPECT_EQ(compose_service(topology, 2, {.pops_per_container = 2}), "pops-1");
  EXPECT_EQ(compose_service(topology, 2, {.scaled = true}), "pop");
}

TEST(Compose, WordsOfTheTopologyEndNoCommentAndBeginNoVariable) {
  Topology topology = three_pops();
  topology.name = "x\nservices: {}";
  topology.pops[0].city = "$HOME \"town\"";
  const std::string file = written(topology);
  EXPECT_THAT(file, HasSubstr("# Network x services: {}: 3 PoPs in containers of their own,"));
  EXPECT_THAT(file, HasSubstr("POP_CITY: \"$$HOME \\\"town\\\"\""));
}

TEST(Compose, TheSameTopologyGivesTheSameFile) {
  EXPECT_EQ(written(three_pops()), written(three_pops()));
}

TEST(Compose, RefusesWhatCannotRun) {
  EXPECT_EQ(written(three_pops(), {.pops_per_container = 0}),
            "error: a container takes 1 to 3 PoPs of this topology, not 0");
  EXPECT_EQ(written(three_pops(), {.pops_per_container = 4}),
            "error: a container takes 1 to 3 PoPs of this topology, not 4");
  EXPECT_THAT(written(three_pops(), {.pops_per_container = 2, .scaled = true}),
              HasSubstr("error: a scaled service has one PoP in each container"));
}

TEST(Compose, RefusesMoreContainersThanABridgeTakes) {
  Topology topology;
  topology.name = "many";
  for (int i = 0; i < 1021; ++i) {
    topology.pops.push_back({"P" + std::to_string(i), "City", "NL", "Europe", {1, 1}});
  }
  EXPECT_THAT(written(topology, {.monitoring = false}), HasSubstr("pop-p1020:"));
  EXPECT_EQ(written(topology),
            "error: 1025 containers are more than the 1023 that a Linux bridge takes: put 2 PoPs "
            "or more into each, or use swarm or k8s");
  EXPECT_THAT(written(topology, {.pops_per_container = 2}), HasSubstr("pops-510:"));
}

}  // namespace
}  // namespace isopop::sim
