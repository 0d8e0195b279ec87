#include "router/network/network_model.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "common/units/units.h"
#include "router/network/network_constants.h"

namespace isopop::router {
namespace {

AccessProfile profile(std::string_view name) {
  return find_access_profile(name).value();
}

double quantile(std::vector<double> values, double p) {
  const auto at = static_cast<std::size_t>(p * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

// A place that many km north of the equator at longitude 0, by great circle.
GeoPoint north_of_null_island(double distance_km) {
  return {distance_km / 6371.0088 * 57.29577951308232, 0};
}

TEST(NetworkModelTest, BaseFollowsThePublishedTable) {
  const std::vector<std::pair<double, double>> published = {
      {10, 1.1},    {50, 3.6},    {100, 5.8},   {250, 11.1},  {500, 18.2}, {1000, 29.8},
      {2000, 48.8}, {5000, 99.5}, {10000, 181}, {15000, 263}, {20000, 345}};
  for (const auto& [distance_km, rtt_ms] : published) {
    const double half_digit = rtt_ms < 100 ? 0.05 : 0.5;
    EXPECT_NEAR(base_rtt_ms(distance_km), rtt_ms, half_digit + 0.001) << distance_km << " km";
  }
}

TEST(NetworkModelTest, BaseGrowsWithDistanceAndKeepsAboveFibre) {
  double last = -1;
  for (double km = 0; km <= 20020; km += 10) {
    const double rtt = base_rtt_ms(km);
    EXPECT_GT(rtt, last) << km << " km";
    EXPECT_GE(rtt, fibre_rtt_ms(km)) << km << " km";
    last = rtt;
  }
}

TEST(NetworkModelTest, NoPathIsFasterThanLightInFibreOrThanTheFloor) {
  for (double km = 0; km <= 20020; km += 130) {
    for (double z = -6; z <= 6; z += 0.5) {
      EXPECT_GE(path_rtt_ms(km, z), fibre_rtt_ms(km));
      EXPECT_GE(path_rtt_ms(km, z), 0.3);
    }
  }
  EXPECT_EQ(path_rtt_ms(0, 0), 0.3);
}

TEST(NetworkModelTest, PathsSpreadByTheirBandsSigma) {
  const NetworkModel model(5, profile("default"));
  for (const double distance_km : {50.0, 400.0, 1500.0, 6000.0, 15000.0}) {
    std::vector<double> z;
    for (int i = 0; i < 40'000; ++i) {
      const std::string a = fmt::format("A{}", i);
      const std::string b = fmt::format("B{}", i);
      const double rtt_ms =
          to_ms(model.backbone_rtt({a, {0, 0}}, {b, north_of_null_island(distance_km)}));
      z.push_back(std::log(rtt_ms / base_rtt_ms(distance_km)) / path_log_sigma(distance_km));
    }
    EXPECT_NEAR(quantile(z, 0.50), 0, 0.02) << distance_km;
    EXPECT_NEAR(quantile(z, 0.75), 0.674, 0.02) << distance_km;
    EXPECT_NEAR(quantile(z, 0.95), 1.645, 0.04) << distance_km;
    // The floor of light in fibre may cut the lucky end.
    const double floor_z = std::log(fibre_rtt_ms(distance_km) / base_rtt_ms(distance_km)) /
                           path_log_sigma(distance_km);
    EXPECT_NEAR(quantile(z, 0.05), std::max(-1.645, floor_z), 0.04) << distance_km;
  }
}

TEST(NetworkModelTest, APathIsTheSameInBothDirections) {
  const NetworkModel model(5, profile("default"));
  const Host ams{"AMS", {52.3, 4.8}};
  const Host jfk{"JFK", {40.6, -73.8}};
  EXPECT_EQ(model.backbone_rtt(ams, jfk), model.backbone_rtt(jfk, ams));
}

TEST(NetworkModelTest, ATownSharesItsPathAndEachClientHasItsOwnLastMile) {
  const NetworkModel model(5, profile("default"));
  const Host pop{"AMS", {52.3, 4.8}};
  const ClientLink a = model.link({"a", {48.86, 2.35}}, pop);
  const ClientLink neighbour = model.link({"b", {48.86, 2.35}}, pop);
  const ClientLink elsewhere = model.link({"a", {45.76, 4.84}}, pop);
  EXPECT_EQ(a.backbone_rtt, neighbour.backbone_rtt);
  EXPECT_NE(a.access_rtt, neighbour.access_rtt);
  EXPECT_EQ(a.access_rtt, elsewhere.access_rtt);
  EXPECT_NE(a.backbone_rtt, elsewhere.backbone_rtt);
  EXPECT_NEAR(a.distance_km, 418, 3);
}

TEST(NetworkModelTest, TheDateLineDividesNoTown) {
  const NetworkModel model(5, profile("default"));
  const Host pop{"SUV", {-18.1, 178.4}};
  EXPECT_EQ(model.backbone_rtt_to_client({-17, 180}, pop),
            model.backbone_rtt_to_client({-17, -180}, pop));
}

TEST(NetworkModelTest, LastMilesFollowTheProfile) {
  for (const std::string_view name : {"default", "fcc2013"}) {
    const AccessProfile access = profile(name);
    const NetworkModel model(5, access);
    std::map<std::string_view, std::vector<double>> rtt_ms;
    constexpr int kClients = 100'000;
    for (int i = 0; i < kClients; ++i) {
      const std::string id = fmt::format("client-{}", i);
      const ClientLink link = model.link({id, {0, 0}}, {"AMS", {52.3, 4.8}});
      rtt_ms[link.access].push_back(to_ms(link.access_rtt));
    }
    double shares = 0;
    for (const AccessKind& kind : access.kinds) {
      shares += kind.share;
      const std::vector<double>& drawn = rtt_ms[kind.name];
      EXPECT_NEAR(static_cast<double>(drawn.size()) / kClients, kind.share, 0.006) << kind.name;
      // Three standard errors of a median, and a bit.
      const double tolerance = 4.5 * kind.log_sigma / std::sqrt(static_cast<double>(drawn.size()));
      EXPECT_NEAR(std::log(quantile(drawn, 0.5) / kind.rtt_median_ms), 0, tolerance) << kind.name;
      EXPECT_NEAR(std::log(quantile(drawn, 0.841) / kind.rtt_median_ms), kind.log_sigma,
                  2 * tolerance)
          << kind.name;
    }
    EXPECT_NEAR(shares, 1, 1e-12);
    EXPECT_EQ(rtt_ms.size(), access.kinds.size());
  }
}

TEST(NetworkModelTest, JitterHasThePublishedQuantiles) {
  const NetworkModel model(5, profile("default"));
  const ClientLink link = model.link({"a", {48.86, 2.35}}, {"AMS", {52.3, 4.8}});
  RandomStream stream(1, "network_model_test");
  std::vector<double> jitter_ms;
  for (int i = 0; i < 200'000; ++i) {
    const ExchangeDelays delays = model.delays(link, Connection::kKept, stream);
    jitter_ms.push_back(to_ms(delays.net - link.backbone_rtt));
  }
  EXPECT_GT(*std::min_element(jitter_ms.begin(), jitter_ms.end()), 0);
  EXPECT_NEAR(quantile(jitter_ms, 0.5), 0.4, 0.01);
  EXPECT_NEAR(quantile(jitter_ms, 0.95), 6.0, 0.2);
}

TEST(NetworkModelTest, ANewConnectionTakesTwoMoreRoundTrips) {
  const NetworkModel model(5, profile("default"));
  const ClientLink link = model.link({"a", {48.86, 2.35}}, {"AMS", {52.3, 4.8}});
  RandomStream kept_stream(1, "network_model_test");
  RandomStream new_stream(1, "network_model_test");
  const ExchangeDelays kept = model.delays(link, Connection::kKept, kept_stream);
  const ExchangeDelays opened = model.delays(link, Connection::kNew, new_stream);
  EXPECT_EQ(kept.setup.count(), 0);
  EXPECT_EQ(kept.access, link.access_rtt);
  EXPECT_EQ(opened.access, link.access_rtt);
  EXPECT_EQ(opened.net, kept.net);  // the same first draw
  EXPECT_GT(opened.setup, 2 * (link.access_rtt + link.backbone_rtt));
  EXPECT_EQ(opened.total(), opened.access + opened.net + opened.setup);
  EXPECT_EQ(kept.total(), kept.access + kept.net);
}

TEST(NetworkModelTest, EachRequestOfAClientHasItsOwnJitter) {
  const NetworkModel model(5, profile("default"));
  RandomStream first = model.jitter_stream("a", 1);
  RandomStream first_again = model.jitter_stream("a", 1);
  RandomStream second = model.jitter_stream("a", 2);
  RandomStream other = model.jitter_stream("b", 1);
  const std::uint64_t drawn = first.next();
  EXPECT_EQ(drawn, first_again.next());
  EXPECT_NE(drawn, second.next());
  EXPECT_NE(drawn, other.next());
}

TEST(NetworkModelTest, TheSeedFixesEverything) {
  const Host client{"198.51.100.9", {48.86, 2.35}};
  const Host pop{"AMS", {52.308601, 4.76389}};
  const NetworkModel model(42, profile("default"));
  const ClientLink link = model.link(client, pop);
  // Fixed for ever: the same seed gives the same run next year and on every machine.
  EXPECT_EQ(link.access, "cable");
  EXPECT_EQ(link.access_rtt.count(), 23'766'692);
  EXPECT_EQ(link.backbone_rtt.count(), 11'619'665);
  RandomStream stream = model.jitter_stream(client.id, 0);
  EXPECT_EQ(model.delays(link, Connection::kNew, stream).total().count(), 109'481'018);

  const ClientLink other = NetworkModel(43, profile("default")).link(client, pop);
  EXPECT_NE(other.access_rtt, link.access_rtt);
  EXPECT_NE(other.backbone_rtt, link.backbone_rtt);
}

TEST(AccessProfileTest, RefusesANameItDoesNotKnow) {
  EXPECT_EQ(find_access_profile("dialup").error().message,
            "'dialup' is no access profile; there are 'default' and 'fcc2013'");
}

}  // namespace
}  // namespace isopop::router
