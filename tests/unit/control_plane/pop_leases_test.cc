#include "control_plane/distribution/pop_leases.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace isopop::control {
namespace {

using std::chrono::seconds;

const std::vector<std::string> kThree = {"AMS", "FRA", "SIN"};

class PopLeasesTest : public testing::Test {
 protected:
  Result<std::string> ask(const std::string& host, const std::string& instance = "1",
                          const std::vector<std::string>& ids = kThree) {
    v1::LeasePopRequest request;
    request.set_host(host);
    request.set_instance(instance);
    for (const std::string& id : ids) request.add_ids(id);
    return leases_.lease(request);
  }
  std::string given(const std::string& host, const std::string& instance = "1") {
    return ask(host, instance).value();
  }

  ManualClock clock_;
  PopLeases leases_{clock_, {.hold = seconds(60), .settle = seconds(0), .leases_max = 2'000}};
};

TEST_F(PopLeasesTest, GivesTheFirstIdThatIsFree) {
  EXPECT_EQ(given("a"), "AMS");
  EXPECT_EQ(given("b"), "FRA");
  EXPECT_EQ(given("c"), "SIN");
}

TEST_F(PopLeasesTest, AProcessThatAsksAgainGetsItsIdAgain) {
  EXPECT_EQ(given("a"), "AMS");
  EXPECT_EQ(given("b"), "FRA");
  clock_.advance(seconds(59));
  EXPECT_EQ(given("b"), "FRA");
  // Asking again holds it on.
  clock_.advance(seconds(59));
  EXPECT_EQ(given("c"), "AMS");
  EXPECT_EQ(given("d"), "SIN");
  EXPECT_EQ(given("b"), "FRA");
}

TEST_F(PopLeasesTest, TwoProcessesOfOneHostAreTwoHolders) {
  EXPECT_EQ(given("a", "1"), "AMS");
  EXPECT_EQ(given("a", "2"), "FRA");
  EXPECT_EQ(given("a", "1"), "AMS");
}

TEST_F(PopLeasesTest, AnIdThatNobodyCameForIsFreeAfterAMinute) {
  EXPECT_EQ(given("a"), "AMS");
  clock_.advance(seconds(60));
  EXPECT_EQ(given("b"), "AMS");
  EXPECT_EQ(given("a"), "FRA");
}

TEST_F(PopLeasesTest, HeldWhileConnectedAndAMinuteAfter) {
  EXPECT_EQ(given("a"), "AMS");
  leases_.set_connected("AMS", "a");
  clock_.advance(std::chrono::hours(24));
  EXPECT_EQ(given("b"), "FRA");
  leases_.set_disconnected("AMS");
  clock_.advance(seconds(59));
  EXPECT_EQ(given("c"), "SIN");
  clock_.advance(seconds(1));
  EXPECT_EQ(given("d"), "AMS");
}

TEST_F(PopLeasesTest, APopThatReconnectsKeepsItsId) {
  EXPECT_EQ(given("a"), "AMS");
  leases_.set_connected("AMS", "a");
  leases_.set_disconnected("AMS");
  clock_.advance(seconds(59));
  leases_.set_connected("AMS", "a");
  clock_.advance(seconds(600));
  EXPECT_EQ(given("b"), "FRA");
  EXPECT_EQ(given("a"), "AMS");
}

TEST_F(PopLeasesTest, AHostWhoseProcessIsAnotherNowGetsItsIdAgain) {
  EXPECT_EQ(given("a", "1"), "AMS");
  leases_.set_connected("AMS", "a");
  EXPECT_EQ(given("a", "2"), "FRA") << "the first may still run";
  clock_.advance(seconds(60));
  leases_.set_disconnected("AMS");
  EXPECT_EQ(given("a", "3"), "AMS");
  EXPECT_EQ(given("a", "4"), "FRA") << "the third is starting";
}

TEST_F(PopLeasesTest, AHostIsKnownAgainAfterARestartOfTheControlPlane) {
  leases_.expect({"AMS", "FRA"});
  leases_.set_connected("AMS", "a");
  leases_.set_connected("FRA", "b");
  leases_.set_disconnected("FRA");
  EXPECT_EQ(given("b"), "FRA");
  EXPECT_EQ(given("c"), "SIN");
}

TEST_F(PopLeasesTest, WhoConnectsFromAnotherHostIsNotTheHolder) {
  EXPECT_EQ(given("a"), "AMS");
  leases_.set_connected("AMS", "b");
  EXPECT_EQ(given("a"), "FRA");
}

TEST_F(PopLeasesTest, WhichPopOfAHostWithSeveralWentAwayIsNotGuessed) {
  EXPECT_EQ(given("a", "1"), "AMS");
  EXPECT_EQ(given("a", "2"), "FRA");
  leases_.set_connected("AMS", "a");
  leases_.set_connected("FRA", "a");
  leases_.set_disconnected("FRA");
  EXPECT_EQ(given("a", "3"), "SIN");
}

TEST_F(PopLeasesTest, PopsThatNobodyLeasedCountToo) {
  leases_.set_connected("AMS", "x");
  EXPECT_EQ(given("a"), "FRA");
  leases_.set_disconnected("AMS");
  EXPECT_EQ(given("b"), "SIN") << "it may be back at once";
  clock_.advance(seconds(60));
  EXPECT_EQ(given("c"), "AMS");
}

TEST_F(PopLeasesTest, PopsThatWereThereBeforeARestartAreExpected) {
  leases_.expect({"AMS", "FRA"});
  EXPECT_EQ(given("a"), "SIN");
  leases_.set_connected("FRA", "x");
  clock_.advance(seconds(60));
  EXPECT_EQ(given("b"), "AMS");
  EXPECT_EQ(ask("c", "1", {"FRA"}).error().code, ErrorCode::kResourceExhausted);
}

TEST_F(PopLeasesTest, WaitsAfterAStartForPopsThatAreThere) {
  PopLeases leases(clock_, {.settle = seconds(6)});
  v1::LeasePopRequest request;
  request.set_host("a");
  request.set_instance("1");
  request.add_ids("AMS");
  request.add_ids("FRA");
  clock_.advance(seconds(5));
  EXPECT_EQ(leases.lease(request).error().code, ErrorCode::kUnavailable);
  leases.set_connected("AMS", "b");
  clock_.advance(seconds(1));
  EXPECT_EQ(leases.lease(request).value(), "FRA");
}

TEST_F(PopLeasesTest, SaysWhenNoneIsLeft) {
  for (const char* host : {"a", "b", "c"}) EXPECT_TRUE(ask(host).ok());
  const Result<std::string> none = ask("d");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().code, ErrorCode::kResourceExhausted);
  EXPECT_EQ(none.error().message,
            "all 3 PoPs that d could be are taken; one that goes away is free after 60 s");
}

TEST_F(PopLeasesTest, TwoThousandHoldersGetTwoThousandIds) {
  std::vector<std::string> ids;
  for (int i = 0; i < 2'000; ++i) ids.push_back("P" + std::to_string(i));
  std::set<std::string> all;
  for (int i = 0; i < 2'000; ++i) {
    const std::string id = ask("host-" + std::to_string(i), "1", ids).value();
    EXPECT_TRUE(all.insert(id).second) << id;
    leases_.set_connected(id, "host-" + std::to_string(i));
  }
  EXPECT_EQ(ask("one-more", "1", ids).error().code, ErrorCode::kResourceExhausted);
  leases_.set_disconnected("P1234");
  clock_.advance(seconds(60));
  EXPECT_EQ(ask("one-more", "1", ids).value(), "P1234");
}

TEST_F(PopLeasesTest, HoldsNoMoreThanItsLimit) {
  for (int i = 0; i < 2'000; ++i) {
    ASSERT_TRUE(ask("host", "i" + std::to_string(i), {"P" + std::to_string(i)}).ok());
  }
  EXPECT_EQ(ask("host", "another", {"Q"}).error().code, ErrorCode::kResourceExhausted);
  clock_.advance(seconds(60));
  EXPECT_EQ(ask("host", "another", {"Q"}).value(), "Q");
}

TEST_F(PopLeasesTest, RequestsThatMakeNoSenseAreRefused) {
  EXPECT_EQ(ask("", "1").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(ask("a", "").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(ask(std::string(257, 'a'), "1").error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(ask("a", "1", {}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(ask("a", "1", {"AMS", ""}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(ask("a", "1", {std::string(65, 'A')}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(ask("a", "1", std::vector<std::string>(2'001, "AMS")).error().code,
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(given("b"), "AMS");
}

}  // namespace
}  // namespace isopop::control
