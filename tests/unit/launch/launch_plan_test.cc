#include "sim/launch/launch_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "common/text/text.h"
#include "sim/launch/process_table.h"

namespace isopop::sim {
namespace {

using testing::Contains;
using testing::HasSubstr;

Topology two_pops() {
  Topology topology;
  topology.name = "two";
  topology.seed = 7;
  topology.pops = {{"AMS", "Amsterdam", "NL", "Europe", {52.3, 4.76}},
                   {"GRU", "São Paulo", "BR", "South America", {-23.4, -46.5}}};
  return topology;
}

LaunchSettings settings() {
  LaunchSettings settings;
  settings.programs = "/opt/isopop/bin";
  settings.cities = "/opt/isopop/cities.csv";
  return settings;
}

LaunchPlan plan_of(const Topology& topology, const LaunchSettings& chosen) {
  return make_launch_plan(topology, AddressBlock(30, Ports{}), StateFolder::at("/tmp/s").value(),
                          chosen);
}

TEST(LaunchPlan, SaysTheStateFolderToEveryProcess) {
  const LaunchPlan plan = plan_of(two_pops(), settings());
  ASSERT_EQ(plan.pops.size(), 2U);
  for (const ProcessSpec* process : {&plan.control, &plan.router, &plan.pops[0], &plan.pops[1]}) {
    EXPECT_TRUE(belongs_to(process->arguments, "/tmp/s")) << process->name;
  }
}

TEST(LaunchPlan, ConnectsThePrograms) {
  const LaunchPlan plan = plan_of(two_pops(), settings());
  EXPECT_EQ(plan.control.program, "/opt/isopop/bin/isopop-control");
  EXPECT_EQ(option_value(plan.control.arguments, "--listen"), "127.30.0.1:7070");
  EXPECT_EQ(option_value(plan.router.arguments, "--control"), "127.30.0.1:7070");
  EXPECT_EQ(option_value(plan.router.arguments, "--seed"), "7");
  EXPECT_EQ(option_value(plan.router.arguments, "--mmdb"), "");
  EXPECT_EQ(option_value(plan.pops[1].arguments, "--control"), "127.30.0.1:7070");
  EXPECT_EQ(option_value(plan.pops[1].arguments, "--listen"), "127.30.1.2:8080");
  EXPECT_EQ(option_value(plan.pops[1].arguments, "--id"), "GRU");
  EXPECT_THAT(plan.pops[1].arguments, Contains("--lat=-23.4"));
}

TEST(LaunchPlan, LetsTheProgramsJoinWhatTheControlPlaneMakes) {
  const LaunchPlan plan = plan_of(two_pops(), settings());
  EXPECT_EQ(option_value(plan.control.arguments, "--pki"), "/tmp/s/pki");
  for (const ProcessSpec* process : {&plan.control, &plan.router, &plan.pops[0], &plan.pops[1]}) {
    EXPECT_EQ(option_value(process->arguments, "--join"), "/tmp/s/join") << process->name;
  }
  LaunchSettings insecure = settings();
  insecure.insecure = true;
  const LaunchPlan open = plan_of(two_pops(), insecure);
  EXPECT_THAT(open.control.arguments, Contains("--insecure"));
  EXPECT_EQ(option_value(open.control.arguments, "--pki"), "");
  EXPECT_EQ(option_value(open.pops[0].arguments, "--join"), "");
}

TEST(LaunchPlan, GivesEachPopItsWayToWhereTheControlPlaneWouldBe) {
  LaunchSettings far = settings();
  EXPECT_THAT(plan_of(two_pops(), far).pops[1].arguments, testing::Not(Contains("--control-rtt")));
  far.control_place = two_pops().pops[0];
  const LaunchPlan plan = plan_of(two_pops(), far);
  const auto rtt_ms = [&plan](std::size_t pop) {
    const std::vector<std::string>& arguments = plan.pops[pop].arguments;
    const auto flag = std::find(arguments.begin(), arguments.end(), "--control-rtt");
    if (flag == arguments.end()) return -1.0;
    const std::string& value = *std::next(flag);  // "123.456 ms"
    return parse_double(value.substr(0, value.find(' '))).value_or(-1);
  };
  EXPECT_NEAR(rtt_ms(0), 0.3, 0.01) << "the same town: the model's floor";
  EXPECT_GT(rtt_ms(1), 95) << "light in glass needs as much";
  EXPECT_LT(rtt_ms(1), 500);
  EXPECT_NE(launch_digest(two_pops(), far), launch_digest(two_pops(), settings()));
}

TEST(LaunchDigest, TellsNetworksApart) {
  const std::string digest = launch_digest(two_pops(), settings());
  Topology other = two_pops();
  other.provenance = "words change nothing";
  EXPECT_EQ(launch_digest(other, settings()), digest);
  other.router.net = "account";
  EXPECT_NE(launch_digest(other, settings()), digest);
  EXPECT_NE(launch_digest(first_pops(two_pops(), 1).value(), settings()), digest);
}

TEST(CheckFilesExist, NamesTheMissingProgram) {
  const Result<void> outcome = check_files_exist(settings());
  ASSERT_FALSE(outcome.ok());
  EXPECT_THAT(outcome.error().message,
              HasSubstr("the program /opt/isopop/bin/isopop-control is missing"));
}

}  // namespace
}  // namespace isopop::sim
