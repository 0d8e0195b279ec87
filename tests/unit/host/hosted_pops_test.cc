#include "sim/host/hosted_pops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace isopop::sim {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

PopSite site(const std::string& id) {
  return {.id = id, .city = "Ushuaia", .country = "AR", .region = "", .place = {-54.8, -68.3}};
}

std::vector<HostedPop> hosted(const std::vector<std::string>& ids, const Environment& environment,
                              const std::optional<PopSettings>& settings = std::nullopt) {
  std::vector<PopSite> sites;
  for (const std::string& id : ids) sites.push_back(site(id));
  return hosted_pops(sites, settings, environment).value();
}

std::string error_of(const Environment& environment) {
  const auto outcome = hosted_pops({site("AMS"), site("FRA")}, std::nullopt, environment);
  return outcome.ok() ? "no error" : outcome.error().message;
}

TEST(HostedPops, AreToldWhoTheyAreAndWhereToListen) {
  const std::vector<HostedPop> pops = hosted({"USH"}, {});
  ASSERT_EQ(pops.size(), 1U);
  EXPECT_EQ(pops[0].id, "USH");
  EXPECT_THAT(pops[0].arguments,
              ElementsAre("--id", "USH", "--city=Ushuaia", "--country", "AR",
                          "--region=", "--lat=-54.8", "--lon=-68.3", "--listen", "0.0.0.0:8080"));
}

TEST(HostedPops, AreToldWhatTheTopologySaysUnlessTheEnvironmentDoes) {
  PopSettings settings;
  settings.isolation = "warm";
  settings.executors_max = 7;
  EXPECT_THAT(
      hosted({"USH"}, {}, settings)[0].arguments,
      AllOf(Contains("--isolation"), Contains("warm"), Contains("--executors-max"), Contains("7")));
  EXPECT_THAT(
      hosted({"USH"}, {{"ISOPOP_POP_ISOLATION", "fresh"}}, settings)[0].arguments,
      AllOf(Not(Contains("--isolation")), Not(Contains("warm")), Contains("--executors-max")));
}

TEST(HostedPops, SeveralListenOnPortsInARow) {
  const auto ports = [](const Environment& environment) {
    std::vector<std::string> addresses;
    for (const HostedPop& pop : hosted({"AMS", "FRA", "SIN"}, environment)) {
      addresses.push_back(pop.arguments.back());
    }
    return addresses;
  };
  EXPECT_THAT(ports({}), ElementsAre("0.0.0.0:8080", "0.0.0.0:8081", "0.0.0.0:8082"));
  EXPECT_THAT(ports({{"ISOPOP_POP_LISTEN", "[::]:9000"}}),
              ElementsAre("[::]:9000", "[::]:9001", "[::]:9002"));
  EXPECT_THAT(ports({{"ISOPOP_POP_LISTEN", "127.0.0.1:0"}}),
              ElementsAre("127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"));
  EXPECT_THAT(ports({{"ISOPOP_POP_ADVERTISE", "10.0.0.7:30000"}}),
              ElementsAre("10.0.0.7:30000", "10.0.0.7:30001", "10.0.0.7:30002"));
  EXPECT_THAT(ports({{"ISOPOP_POP_ADVERTISE", "10.0.0.7"}}),
              ElementsAre("0.0.0.0:8080", "0.0.0.0:8081", "0.0.0.0:8082"))
      << "each with its own port";
}

TEST(HostedPops, AddressesThatCannotBeCountedOnFromAreErrors) {
  EXPECT_THAT(error_of({{"ISOPOP_POP_LISTEN", "8080"}}), HasSubstr("ISOPOP_POP_LISTEN=8080: must"));
  EXPECT_THAT(error_of({{"ISOPOP_POP_LISTEN", "0.0.0.0:http"}}), HasSubstr("must be an address"));
  EXPECT_THAT(error_of({{"ISOPOP_POP_LISTEN", "0.0.0.0:65535"}}),
              HasSubstr("there is no port for PoP number 2 of this container"));
  EXPECT_THAT(error_of({{"ISOPOP_POP_ADVERTISE", "10.0.0.7:x"}}),
              HasSubstr("ISOPOP_POP_ADVERTISE=10.0.0.7:x"));
  EXPECT_EQ(error_of({{"ISOPOP_POP_ADVERTISE", "[::1]"}}), "no error");
}

}  // namespace
}  // namespace isopop::sim
