#include "router/policy/routing_policy.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace isopop::router {
namespace {

Pop pop(std::string id, GeoPoint place, PopState state = PopState::kReady) {
  return {.id = std::move(id),
          .city = {},
          .country = {},
          .region = {},
          .place = place,
          .http_address = "127.20.0.1:8080",
          .state = state};
}

constexpr GeoPoint kAmsterdam{52.31, 4.76};
constexpr GeoPoint kFrankfurt{50.03, 8.57};
constexpr GeoPoint kParis{49.01, 2.55};
constexpr GeoPoint kSydney{-33.95, 151.18};
constexpr GeoPoint kUtrecht{52.09, 5.12};

std::shared_ptr<const PopTable> table(std::vector<Pop> pops) {
  return std::move(PopTable::create(std::move(pops))).value();
}

class RoutingPolicyTest : public ::testing::Test {
 protected:
  // The ids of the candidates for a client in Utrecht, in order: "AMS FRA".
  std::string order(std::string_view policy, const PopTable& pops, std::size_t count) {
    const auto made = make_routing_policy(policy, model_);
    EXPECT_TRUE(made.ok()) << made.error().message;
    std::string ids;
    for (const Candidate& candidate : made.value()->candidates(pops, {"me", kUtrecht}, count)) {
      ids += (ids.empty() ? "" : " ") + candidate.pop->id;
    }
    return ids;
  }

  NetworkModel model_{1, find_access_profile("default").value()};
};

TEST_F(RoutingPolicyTest, NearestGoesByDistance) {
  const auto pops = table(
      {pop("SYD", kSydney), pop("FRA", kFrankfurt), pop("AMS", kAmsterdam), pop("CDG", kParis)});
  EXPECT_EQ(order("nearest", *pops, 4), "AMS FRA CDG SYD");
  EXPECT_EQ(order("nearest", *pops, 2), "AMS FRA");
  EXPECT_EQ(order("nearest", *pops, 99), "AMS FRA CDG SYD");
}

TEST_F(RoutingPolicyTest, NearestTellsTheGeodesicDistance) {
  const auto pops = table({pop("AMS", kAmsterdam)});
  const auto policy = std::move(make_routing_policy("nearest", model_)).value();
  const std::vector<Candidate> found = policy->candidates(*pops, {"me", kUtrecht}, 1);
  EXPECT_EQ(found.at(0).distance_km, geodesic_km(kUtrecht, kAmsterdam));
}

TEST_F(RoutingPolicyTest, LeavesOutWhatIsNotReady) {
  const auto pops = table({pop("AMS", kAmsterdam, PopState::kDown),
                           pop("CDG", kParis, PopState::kStarting), pop("FRA", kFrankfurt)});
  EXPECT_EQ(order("nearest", *pops, 3), "FRA");
  EXPECT_EQ(order("lowest-rtt", *pops, 3), "FRA");
}

TEST_F(RoutingPolicyTest, TriesTheLostOnesWhenNoneIsReady) {
  const auto pops =
      table({pop("AMS", kAmsterdam, PopState::kDown), pop("FRA", kFrankfurt, PopState::kDown),
             pop("CDG", kParis, PopState::kStarting)});
  EXPECT_EQ(order("nearest", *pops, 3), "AMS FRA");
}

TEST_F(RoutingPolicyTest, SendsNobodyToADrainedPopWhileThereIsAnother) {
  Pop drained = pop("AMS", kAmsterdam);
  drained.is_drained = true;
  const auto pops = table({drained, pop("FRA", kFrankfurt)});
  EXPECT_EQ(order("nearest", *pops, 4), "FRA");
  EXPECT_EQ(order("lowest-rtt", *pops, 4), "FRA");
  EXPECT_EQ(order("nearest", *table({drained, pop("SYD", kSydney, PopState::kDown)}), 4), "SYD");
  EXPECT_EQ(order("nearest", *table({drained, pop("SYD", kSydney, PopState::kStarting)}), 4),
            "AMS");
}

TEST_F(RoutingPolicyTest, HasNoCandidateWithoutPops) {
  EXPECT_EQ(order("nearest", *table({}), 3), "");
  EXPECT_EQ(order("lowest-rtt", *table({}), 3), "");
  EXPECT_EQ(order("nearest", *table({pop("AMS", kAmsterdam, PopState::kStarting)}), 3), "");
}

TEST_F(RoutingPolicyTest, LowestRttGoesByTheModel) {
  std::vector<Pop> pops;
  pops.reserve(60);
  for (int i = 0; i < 60; ++i) {
    pops.push_back(pop("P" + std::to_string(100 + i), {50 + i % 8 * 0.5, 3 + i % 7 * 0.5}));
  }
  const auto crowd = table(pops);
  const auto policy = std::move(make_routing_policy("lowest-rtt", model_)).value();
  const std::vector<Candidate> found = policy->candidates(*crowd, {"me", kUtrecht}, 60);
  ASSERT_EQ(found.size(), 60U);
  std::set<std::string> ids;
  for (std::size_t i = 0; i < found.size(); ++i) {
    ids.insert(found[i].pop->id);
    if (i == 0) continue;
    EXPECT_LE(
        model_.link({"me", kUtrecht}, {found[i - 1].pop->id, found[i - 1].pop->place}).backbone_rtt,
        model_.link({"me", kUtrecht}, {found[i].pop->id, found[i].pop->place}).backbone_rtt);
  }
  EXPECT_EQ(ids.size(), 60U);
  EXPECT_NE(order("lowest-rtt", *crowd, 10), order("nearest", *crowd, 10));
}

TEST_F(RoutingPolicyTest, RefusesPoliciesItDoesNotHave) {
  const auto planned = make_routing_policy("anycast", model_);
  EXPECT_EQ(planned.error().code, ErrorCode::kUnimplemented);
  EXPECT_EQ(planned.error().message,
            "the policy 'anycast' is not built yet; there are 'nearest' and 'lowest-rtt'");
  const auto unknown = make_routing_policy("closest", model_);
  EXPECT_EQ(unknown.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(unknown.error().message,
            "'closest' is no routing policy; there are 'nearest' and 'lowest-rtt'");
}

TEST(PopTableTest, FindsById) {
  const auto pops = table({pop("FRA", kFrankfurt), pop("AMS", kAmsterdam)});
  EXPECT_EQ(pops->pops().front().id, "AMS");
  EXPECT_EQ(pops->find("FRA"), &pops->pops()[1]);
  EXPECT_EQ(pops->find("XXX"), nullptr);
  EXPECT_EQ(pops->find(""), nullptr);
}

TEST(PopTableTest, RefusesWhatCannotBe) {
  EXPECT_EQ(PopTable::create({pop("AMS", kAmsterdam), pop("AMS", kParis)}).error().message,
            "two PoPs have the id 'AMS'");
  EXPECT_EQ(PopTable::create({pop("", kAmsterdam)}).error().message, "a PoP without an id");
  EXPECT_EQ(PopTable::create({pop("AMS", {52, 190})}).error().message,
            "PoP AMS: longitude 190 is not in -180 .. 180");
}

}  // namespace
}  // namespace isopop::router
