// Swarm stacks, Kubernetes overlays and the topology files in them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "sim/export/kubernetes.h"
#include "sim/export/region_groups.h"
#include "sim/export/swarm.h"
#include "sim/export/topology_file.h"

namespace isopop::sim {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

Topology four_pops() {
  Topology topology;
  topology.name = "four: \"a\"";
  topology.seed = 7;
  topology.provenance = "by hand";
  topology.pop.isolation = "warm";
  topology.pop.queue_max = 9;
  topology.pop.wall_limit = std::chrono::milliseconds(1500);
  topology.pop.memory_budget_bytes = 64ULL << 20U;
  topology.router.net = "account";
  topology.pops = {{"OSL", "Oslo", "NO", "Europe", {60.19, 11.1}},
                   {"SIN", "Singapore", "SG", "Asia Pacific", {1.35, 103.99}},
                   {"AMS", "Amsterdam", "NL", "Europe", {52.3, 4.76}},
                   {"XXX", "Île d'\"X\"", "FR", "", {-1.5, -2}}};
  return topology;
}

TEST(TopologyFile, IsReadAsTheSameTopology) {
  const std::string text = topology_file(four_pops(), "two lines\nof words");
  const Result<Topology> read = parse_topology(text, "written.yaml");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read.value(), four_pops());
  EXPECT_THAT(text, testing::StartsWith("# two lines\n# of words\n"));
}

TEST(RegionLabel, IsWhatDnsTakes) {
  EXPECT_EQ(region_label("Asia Pacific"), "asia-pacific");
  EXPECT_EQ(region_label("  North -- America! "), "north-america");
  EXPECT_EQ(region_label("Südamerika"), "s-damerika");
  EXPECT_EQ(region_label(""), "elsewhere");
  EXPECT_EQ(region_label("欧洲"), "elsewhere");
  EXPECT_EQ(region_label(std::string(39, 'a') + "-b"), std::string(39, 'a'));
}

TEST(ByRegion, PutsRegionsTogetherAndKeepsTheOrderWithinThem) {
  const RegionalTopology regional = by_region(four_pops());
  std::vector<std::string> ids;
  for (const PopSite& pop : regional.topology.pops) ids.push_back(pop.id);
  EXPECT_THAT(ids, ElementsAre("SIN", "XXX", "OSL", "AMS"));
  ASSERT_EQ(regional.groups.size(), 3U);
  EXPECT_EQ(regional.groups[2].label, "europe");
  EXPECT_EQ(regional.groups[2].first, 2U);
  EXPECT_EQ(regional.groups[2].count, 2U);
}

TEST(ByRegion, NamesThatGiveTheSameLabelShareAGroup) {
  Topology topology = four_pops();
  topology.pops[0].region = "asia_pacific";
  const RegionalTopology regional = by_region(topology);
  ASSERT_EQ(regional.groups.size(), 3U);
  EXPECT_EQ(regional.groups[0].label, "asia-pacific");
  EXPECT_EQ(regional.groups[0].count, 2U);
}

std::string stack(const std::string& topology_text) {
  const Result<std::string> text = swarm_stack(
      four_pops(), {.topology_file = "../a \"$b\".yaml", .topology_text = topology_text});
  return text.ok() ? text.value() : "error: " + text.error().message;
}

TEST(Swarm, TasksFindTheirPopByTheirNumber) {
  const std::string text = stack("name: four");
  EXPECT_THAT(text, HasSubstr("    hostname: \"pop-{{.Task.Slot}}\"\n"));
  EXPECT_THAT(text, HasSubstr("      POP_INDEX_BASE: \"-1\"\n"));
  EXPECT_THAT(text, HasSubstr("      replicas: 4\n"));
  EXPECT_THAT(text, HasSubstr("      ISOPOP_POP_ISOLATION: \"warm\"\n"));
  EXPECT_THAT(text, HasSubstr("      - \"--net=account\"\n"));
  EXPECT_THAT(text, HasSubstr("limits: {memory: 192m, pids: 179}"));
}

TEST(Swarm, AnotherTopologyIsAnotherConfig) {
  const auto config_of = [](const std::string& text) {
    const std::size_t at = text.find("configs:\n  topology-");
    return text.substr(at, text.find(':', at + 12) - at);
  };
  EXPECT_EQ(config_of(stack("name: a")), config_of(stack("name: a")));
  EXPECT_NE(config_of(stack("name: a")), config_of(stack("name: b")));
  EXPECT_THAT(stack("name: a"), HasSubstr("    file: \"../a \\\"$$b\\\".yaml\"\n"));
}

TEST(Swarm, RefusesAConfigThatIsTooLarge) {
  EXPECT_THAT(stack(std::string(500'001, ' ')),
              HasSubstr("error: the topology's file has 500001 bytes, and a config of swarm"));
  EXPECT_THAT(stack(std::string(500'000, ' ')), Not(HasSubstr("error")));
}

std::string file_of(const std::vector<ExportedFile>& files, const std::string& name) {
  for (const ExportedFile& file : files) {
    if (file.name == name) return file.text;
  }
  return "no file " + name;
}

TEST(Kubernetes, EachRegionIsAStretchOfTheList) {
  const Result<std::vector<ExportedFile>> files = kubernetes_overlay(four_pops(), {});
  ASSERT_TRUE(files.ok()) << files.error().message;
  const std::string pops = file_of(files.value(), "pops.yaml");
  const std::size_t europe = pops.find("kind: StatefulSet\nmetadata:\n  name: pop-europe\n");
  ASSERT_NE(europe, std::string::npos);
  EXPECT_THAT(pops.substr(europe), HasSubstr("  replicas: 2\n"));
  EXPECT_THAT(pops.substr(europe), HasSubstr("            - name: POP_INDEX_BASE\n"
                                             "              value: \"2\"\n"));
  EXPECT_THAT(pops, HasSubstr("              memory: \"192Mi\"\n"));
  const Result<Topology> list =
      parse_topology(file_of(files.value(), "topology.yaml"), "topology.yaml");
  ASSERT_TRUE(list.ok()) << list.error().message;
  EXPECT_EQ(list.value().pops[2].id, "OSL");
  EXPECT_EQ(list.value().pops[3].id, "AMS");
}

TEST(Kubernetes, ARegionThatYamlTakesForABooleanStaysText) {
  Topology topology = four_pops();
  topology.pops[0].region = "NO";
  const Result<std::vector<ExportedFile>> files = kubernetes_overlay(topology, {});
  ASSERT_TRUE(files.ok());
  EXPECT_THAT(file_of(files.value(), "pops.yaml"), HasSubstr("isopop/region: \"no\"\n"));
}

TEST(Kubernetes, TheTopologysSettingsReachThePrograms) {
  const Result<std::vector<ExportedFile>> files =
      kubernetes_overlay(four_pops(), {.made_by = "a command\nkind: Evil"});
  ASSERT_TRUE(files.ok());
  const std::string kustomization = file_of(files.value(), "kustomization.yaml");
  EXPECT_THAT(kustomization, HasSubstr("      - \"ISOPOP_POP_QUEUE_MAX=9\"\n"));
  EXPECT_THAT(kustomization, HasSubstr("      - \"ISOPOP_POP_WALL_LIMIT=1500000000 ns\"\n"));
  EXPECT_THAT(kustomization, HasSubstr("      - \"ISOPOP_ROUTER_NET=account\"\n"));
  EXPECT_THAT(kustomization, HasSubstr("`a command kind: Evil`"));
}

TEST(Kubernetes, RefusesAListThatIsTooLargeForAConfigMap) {
  Topology topology = four_pops();
  topology.pops.resize(4000, topology.pops.front());
  for (PopSite& pop : topology.pops) pop.city = std::string(200, 'x');
  const Result<std::vector<ExportedFile>> files = kubernetes_overlay(topology, {});
  ASSERT_FALSE(files.ok());
  EXPECT_EQ(files.error().code, ErrorCode::kOutOfRange);
}

}  // namespace
}  // namespace isopop::sim
