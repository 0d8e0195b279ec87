#include "control_plane/distribution/distributor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/control_plane/distributor_fixture.h"

namespace isopop::control {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST_F(DistributorTest, NewPopGetsEverything) {
  set_live("a", 1);
  set_live("b", 2);
  const Id id = connect("AMS");
  EXPECT_THAT(distributor_.take_effects().sendable, Contains(id));
  const auto messages = drain(id);
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[0].welcome().workers(), 2U);
  EXPECT_EQ(messages[1].push().live().worker(), "a");
  EXPECT_EQ(messages[2].push().live().shares(0).version().number(), 2U);
}

TEST_F(DistributorTest, ReturningPopGetsTheDifferenceOnly) {
  set_live("same", 1);
  set_live("newer", 2);
  set_live("missing", 1);
  const Id id =
      connect("AMS", {version_of("same", 1), version_of("newer", 1), version_of("gone", 5)});
  const auto messages = drain(id);
  ASSERT_EQ(messages.size(), 4U);
  EXPECT_EQ(messages[0].welcome().workers(), 3U);
  EXPECT_EQ(messages[1].push().removed(), "gone");
  EXPECT_EQ(messages[2].push().live().worker(), "newer");
  EXPECT_EQ(messages[3].push().live().worker(), "missing");
}

TEST_F(DistributorTest, SameNumberWithOtherCodeIsSentAgain) {
  set_live("a", 1);
  v1::WorkerVersion other = version_of("a", 1);
  other.set_bundle_sha256("of another registry");
  EXPECT_EQ(drain(connect("AMS", {other})).size(), 2U);
}

TEST_F(DistributorTest, PopIsReadyOnceItAnsweredItsSnapshot) {
  set_live("a", 1);
  const Id id = connect("AMS");
  EXPECT_EQ(state("AMS"), v1::POP_STATE_STARTING);
  forget_effects();
  ack_all(id);
  EXPECT_EQ(state("AMS"), v1::POP_STATE_READY);
  EXPECT_THAT(distributor_.take_effects().pops_changed, Contains("AMS"));
}

TEST_F(DistributorTest, PopThatMissesNothingIsReadyAtOnce) {
  set_live("a", 1);
  connect("AMS", {version_of("a", 1)});
  EXPECT_EQ(state("AMS"), v1::POP_STATE_READY);
  EXPECT_TRUE(progress("a", 1).done());
}

TEST_F(DistributorTest, NackedSnapshotMakesReadyToo) {
  set_live("a", 1);
  const Id id = connect("AMS");
  nack(id, drain(id)[1].push().nonce(), 0, "no");
  EXPECT_EQ(state("AMS"), v1::POP_STATE_READY);
}

TEST_F(DistributorTest, NewVersionGoesToEveryPop) {
  const Id ams = connect("AMS");
  const Id fra = connect("FRA");
  drain(ams);
  drain(fra);
  forget_effects();
  set_live("a", 1);
  EXPECT_THAT(distributor_.take_effects().sendable, ElementsAre(ams, fra));
  ack_all(ams);
  EXPECT_EQ(progress("a", 1).acked(), 1U);
  EXPECT_EQ(distributor_.pops_live("a"), 1U);
  clock_.advance(std::chrono::milliseconds(30));
  ack_all(fra);
  const v1::VersionProgress done = progress("a", 1);
  EXPECT_TRUE(done.done());
  EXPECT_THAT(done.ack_ms(), ElementsAre(0.0, 30.0));
  EXPECT_EQ(distributor_.pop("FRA")->workers(0).number(), 1U);
}

TEST_F(DistributorTest, RemovalReachesPops) {
  set_live("a", 1);
  const Id id = connect("AMS", {version_of("a", 1)});
  drain(id);
  remove("a");
  const auto messages = drain(id);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].push().removed(), "a");
  ack(id, messages[0].push().nonce());
  EXPECT_EQ(distributor_.pop("AMS")->workers_size(), 0);
  EXPECT_TRUE(progress("a", 1).superseded());
}

TEST_F(DistributorTest, NackKeepsTheOldVersion) {
  set_live("a", 1);
  const Id id = connect("AMS");
  ack_all(id);
  set_live("a", 2);
  nack(id, drain(id)[0].push().nonce(), 1, "does not compile");
  EXPECT_EQ(distributor_.pop("AMS")->workers(0).number(), 1U);
  EXPECT_EQ(progress("a", 2).rejections(0).error(), "does not compile");
  EXPECT_EQ(distributor_.pops_live("a"), 0U);
}

TEST_F(DistributorTest, LateAckOfAnOlderVersionIsNotMistakenForTheNewOne) {
  const Id id = connect("AMS");
  drain(id);
  set_live("a", 1);
  const std::uint64_t first = drain(id)[0].push().nonce();
  set_live("a", 2);
  const std::uint64_t second = drain(id)[0].push().nonce();
  ack(id, first);
  EXPECT_EQ(progress("a", 2).acked(), 0U);
  ack(id, second);
  EXPECT_TRUE(progress("a", 2).done());
}

TEST_F(DistributorTest, ThreeMissedHeartbeatsMeanDown) {
  const Id id = connect("AMS");
  for (int i = 0; i < 13; ++i) pass(std::chrono::milliseconds(250));
  EXPECT_EQ(state("AMS"), v1::POP_STATE_DOWN);
  const Distributor::Effects effects = distributor_.take_effects();
  EXPECT_THAT(effects.closed, Contains(id));
  EXPECT_THAT(effects.pops_changed, Contains("AMS"));
  EXPECT_THAT(distributor_.connected(), IsEmpty());
}

TEST_F(DistributorTest, KnowsWhatConfinesAPopsExecutors) {
  const Id id = connect("AMS");
  tell_sandbox(id, "seccomp");
  // It is told once a stream.
  heartbeat(id);
  const v1::SandboxReport report = distributor_.pop("AMS")->sandbox();
  ASSERT_EQ(report.measures_size(), 1);
  EXPECT_EQ(report.measures(0).name(), "seccomp");
  EXPECT_FALSE(report.measures(0).active());
  EXPECT_EQ(report.measures(0).detail(), "refused");
  // A PoP that comes anew may be another process in another place.
  connect("AMS");
  EXPECT_FALSE(distributor_.pop("AMS")->has_sandbox());
}

TEST_F(DistributorTest, KeepsNoMoreOfASandboxReportThanAnyPopHasToSay) {
  tell_sandbox(connect("AMS"), std::string(10'000, 'x'), 1'000);
  const v1::SandboxReport report = distributor_.pop("AMS")->sandbox();
  EXPECT_EQ(report.measures_size(), 64);
  EXPECT_EQ(report.measures(0).name().size(), 256U);
}

TEST_F(DistributorTest, CutsASandboxReportBetweenCharacters) {
  std::string name = "x";
  while (name.size() <= 256) name += "é";
  tell_sandbox(connect("AMS"), name);
  // Half a character in a string field is what no receiver takes.
  EXPECT_EQ(distributor_.pop("AMS")->sandbox().measures(0).name().size(), 255U);
}

TEST_F(DistributorTest, HeartbeatsKeepAPopUp) {
  const Id id = connect("AMS");
  for (int i = 0; i < 100; ++i) {
    pass(std::chrono::milliseconds(250));
    if (i % 4 == 0) heartbeat(id);
  }
  EXPECT_EQ(state("AMS"), v1::POP_STATE_READY);
}

TEST_F(DistributorTest, OwnStandstillIsNotHeldAgainstPops) {
  connect("AMS");
  pass(std::chrono::milliseconds(250));
  pass(std::chrono::seconds(60));
  EXPECT_EQ(state("AMS"), v1::POP_STATE_READY);
}

TEST_F(DistributorTest, PopThatNeverAnswersLosesItsStreamAndNobodyElseWaits) {
  const Id stuck = connect("AMS");
  const Id fine = connect("FRA");
  drain(stuck);
  drain(fine);
  set_live("a", 1);
  drain(stuck);
  ack_all(fine);
  EXPECT_EQ(progress("a", 1).acked(), 1U);
  for (int i = 0; i < 130; ++i) {
    pass(std::chrono::milliseconds(500));
    heartbeat(stuck);
    heartbeat(fine);
  }
  EXPECT_EQ(state("AMS"), v1::POP_STATE_DOWN);
  EXPECT_EQ(state("FRA"), v1::POP_STATE_READY);
  EXPECT_TRUE(progress("a", 1).done());
}

TEST_F(DistributorTest, PopThatDoesNotReadIsCutOffWhenTooMuchWaits) {
  Distributor distributor(clock_, {.queue_max = 10});
  const Id id = distributor.open({.peer = "peer"});
  distributor.receive(id, hello("AMS"));
  for (int i = 0; i < 100; ++i) {
    const std::string worker = "w" + std::to_string(i);
    EXPECT_TRUE(distributor.set_worker(worker, release_of(worker, 1), std::nullopt).ok());
    EXPECT_TRUE(distributor.set_worker(worker, std::nullopt, std::nullopt).ok());
  }
  EXPECT_THAT(distributor.take_effects().closed, Contains(id));
  EXPECT_EQ(distributor.pop("AMS")->state(), v1::POP_STATE_DOWN);
}

TEST_F(DistributorTest, WrongProtocolVersionIsRefusedWithAdvice) {
  v1::PopMessage message = hello("AMS");
  message.mutable_hello()->set_protocol_version(kProtocolVersion + 1);
  const Id id = distributor_.open({.peer = "peer"});
  distributor_.receive(id, message);
  EXPECT_THAT(distributor_.take_effects().closed, Contains(id));
  const auto messages = drain(id);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_THAT(messages[0].refusal().reason(), HasSubstr("update isopop-control"));
  EXPECT_THAT(distributor_.pops(), IsEmpty());
}

TEST_F(DistributorTest, NonsensicalHelloIsRefused) {
  const auto refused = [this](const v1::PopMessage& message) {
    const Id id = distributor_.open({.peer = "peer"});
    distributor_.receive(id, message);
    const auto messages = drain(id);
    return messages.size() == 1 && messages[0].has_refusal();
  };
  EXPECT_TRUE(refused(hello("")));
  EXPECT_TRUE(refused(hello("A/B")));
  EXPECT_TRUE(refused(hello(std::string(1000, 'A'))));
  v1::PopMessage off_the_map = hello("AMS");
  off_the_map.mutable_hello()->mutable_identity()->set_latitude_deg(95);
  EXPECT_TRUE(refused(off_the_map));
}

TEST_F(DistributorTest, NewestStreamOfAPopWins) {
  const Id old = connect("AMS");
  drain(old);
  forget_effects();
  const Id fresh = connect("AMS");
  const Distributor::Effects effects = distributor_.take_effects();
  EXPECT_THAT(effects.closed, ElementsAre(old));
  EXPECT_THAT(effects.warnings, Contains(HasSubstr("same id")));
  EXPECT_TRUE(drain(old)[0].has_refusal());
  // The end of the old one must not take the PoP down.
  distributor_.disconnected(old);
  EXPECT_EQ(state("AMS"), v1::POP_STATE_READY);
  distributor_.disconnected(fresh);
  EXPECT_EQ(state("AMS"), v1::POP_STATE_DOWN);
}

TEST_F(DistributorTest, BrokenContractEndsTheStream) {
  const auto closed_after = [this](const v1::PopMessage& message, bool with_hello) {
    const Id id = with_hello ? connect("AMS") : distributor_.open({.peer = "peer"});
    forget_effects();
    distributor_.receive(id, message);
    return distributor_.take_effects().closed.contains(id);
  };
  v1::PopMessage unknown_nonce;
  unknown_nonce.mutable_ack()->set_nonce(77);
  EXPECT_TRUE(closed_after(unknown_nonce, true));
  EXPECT_TRUE(closed_after(unknown_nonce, false));
  EXPECT_TRUE(closed_after(hello("AMS"), true));
}

TEST_F(DistributorTest, StreamWithoutHelloIsClosed) {
  const Id id = distributor_.open({.peer = "peer"});
  for (int i = 0; i < 21; ++i) pass(std::chrono::milliseconds(250));
  EXPECT_THAT(distributor_.take_effects().closed, Contains(id));
}

TEST_F(DistributorTest, BundleIsReadOnceForMany) {
  v1::PopMessage request;
  request.mutable_bundle_request()->set_sha256("sha");
  const Id ams = connect("AMS");
  const Id fra = connect("FRA");
  drain(ams);
  drain(fra);
  distributor_.receive(ams, request);
  distributor_.receive(fra, request);
  EXPECT_THAT(distributor_.take_effects().bundles_wanted, ElementsAre("sha"));
  distributor_.provide_bundle("sha", std::make_shared<const std::string>("code"));
  EXPECT_EQ(drain(ams)[0].bundle_chunk().data(), "code");
  EXPECT_EQ(drain(fra)[0].bundle_chunk().data(), "code");
  const Id lhr = connect("LHR");
  drain(lhr);
  forget_effects();
  distributor_.receive(lhr, request);
  EXPECT_THAT(distributor_.take_effects().bundles_wanted, IsEmpty());
  EXPECT_EQ(drain(lhr)[0].bundle_chunk().data(), "code");
}

TEST_F(DistributorTest, UnknownBundleEndsTheStreamOfWhoAsked) {
  v1::PopMessage request;
  request.mutable_bundle_request()->set_sha256("sha");
  const Id ams = connect("AMS");
  const Id fra = connect("FRA");
  distributor_.receive(ams, request);
  forget_effects();
  distributor_.bundle_unavailable("sha", "there is none");
  const Distributor::Effects effects = distributor_.take_effects();
  EXPECT_THAT(effects.closed, ElementsAre(ams));
  EXPECT_THAT(effects.closed, Not(Contains(fra)));
}

TEST_F(DistributorTest, RolloutWaitsForAPopThatComesAmidIt) {
  const Id ams = connect("AMS");
  drain(ams);
  set_live("a", 1);
  const Id fra = connect("FRA");
  ack_all(ams);
  EXPECT_FALSE(progress("a", 1).done());
  forget_effects();
  distributor_.disconnected(fra);
  EXPECT_TRUE(progress("a", 1).done());
  EXPECT_THAT(distributor_.take_effects().pops_changed, Contains("FRA"));
}

TEST_F(DistributorTest, ThreeHundredAndThirtyPopsConverge) {
  std::vector<Id> ids;
  for (int i = 0; i < 330; ++i) ids.push_back(connect("P" + std::to_string(i)));
  for (const Id id : ids) drain(id);
  for (std::uint64_t number = 1; number <= 5; ++number) {
    set_live("a", number);
    for (const Id id : ids) ack_all(id);
  }
  EXPECT_TRUE(progress("a", 5).done());
  EXPECT_EQ(distributor_.pops_live("a"), 330U);
  EXPECT_EQ(distributor_.totals().pushes, 5U * 330U);
  EXPECT_EQ(distributor_.totals().acks, 5U * 330U);
}

TEST_F(DistributorTest, PopIsToldOfItsOutageEachTimeItConnectsAndWhenItEnds) {
  distributor_.set_service("AMS", v1::POP_SERVICE_FAILED);
  drain(connect("AMS"));
  const Id again = connect("AMS");
  drain(again);
  EXPECT_THAT(outages_, ElementsAre(true, true));
  EXPECT_EQ(distributor_.pop("AMS")->service(), v1::POP_SERVICE_FAILED);
  forget_effects();
  distributor_.set_service("AMS", v1::POP_SERVICE_UNSPECIFIED);
  const Distributor::Effects effects = distributor_.take_effects();
  EXPECT_THAT(effects.sendable, ElementsAre(again));
  EXPECT_THAT(effects.pops_changed, ElementsAre("AMS"));
  drain(again);
  EXPECT_THAT(outages_, ElementsAre(true, true, false));
}

TEST_F(DistributorTest, DrainedPopIsNotToldOfAnOutage) {
  const Id id = connect("AMS");
  drain(id);
  forget_effects();
  distributor_.set_service("AMS", v1::POP_SERVICE_DRAINED);
  EXPECT_THAT(distributor_.take_effects().pops_changed, ElementsAre("AMS"));
  EXPECT_THAT(drain(id), IsEmpty());
  EXPECT_THAT(outages_, ElementsAre(false));
}

TEST_F(DistributorTest, PostsReachThePopTheyAreForOnceItIsThere) {
  v1::ControlMessage tail;
  tail.mutable_tail_start()->set_id(7);
  EXPECT_FALSE(distributor_.post_to_pop("AMS", tail));
  const Id ams = connect("AMS");
  const Id fra = connect("FRA");
  drain(ams);
  drain(fra);
  EXPECT_TRUE(distributor_.post_to_pop("AMS", tail));
  EXPECT_EQ(drain(ams).size(), 1U);
  EXPECT_EQ(drain(fra).size(), 0U);
  EXPECT_EQ(distributor_.post_to_all(tail), 2U);
  EXPECT_EQ(drain(fra)[0].tail_start().id(), 7U);
}

TEST_F(DistributorTest, CertificateOfOnePopDoesNotMakeAnother) {
  const Id id = distributor_.open({.peer = "peer", .pop = "FRA"});
  distributor_.receive(id, hello("AMS"));
  EXPECT_THAT(drain(id)[0].refusal().reason(), HasSubstr("certificate is that of PoP FRA"));
  const Id right = distributor_.open({.peer = "peer", .pop = "AMS", .relay = "eu"});
  distributor_.receive(right, hello("AMS"));
  EXPECT_TRUE(drain(right)[0].has_welcome());
  EXPECT_EQ(distributor_.pop("AMS")->relay(), "eu");
}

TEST_F(DistributorTest, PopThatIsCutOffIsToldWhy) {
  const Id id = connect("AMS");
  drain(id);
  forget_effects();
  distributor_.cut_off("AMS", "its identity was revoked");
  EXPECT_THAT(distributor_.take_effects().closed, ElementsAre(id));
  EXPECT_EQ(drain(id)[0].refusal().reason(), "its identity was revoked");
  EXPECT_EQ(state("AMS"), v1::POP_STATE_DOWN);
  distributor_.cut_off("FRA", "nobody knows it");
}

TEST_F(DistributorTest, ClockThatIsSecondsOffIsAProblemOfThePop) {
  const Id id = connect("AMS");
  const auto beat = [&](std::int64_t wall_ms) {
    v1::PopMessage message;
    message.mutable_heartbeat()->set_wall_ms(wall_ms);
    message.mutable_heartbeat()->add_problems("the store's disk is full");
    distributor_.receive(id, message);
    return *distributor_.pop("AMS");
  };
  clock_.advance(std::chrono::hours(1000));
  const std::int64_t now = to_unix_ms(clock_.wall_now());
  EXPECT_THAT(beat(now - 1'900).problems(), ElementsAre("the store's disk is full"));
  const v1::Pop ahead = beat(now + 60'000);
  EXPECT_EQ(ahead.clock_skew_ms(), 60'000);
  EXPECT_THAT(ahead.problems(), Contains(HasSubstr("its clock is 1 min")));
  EXPECT_THAT(beat(now - 5'000).problems(), Contains(HasSubstr("behind the control plane's")));
  EXPECT_EQ(beat(now).problems_size(), 1);
  const auto warnings = distributor_.take_effects().warnings;
  EXPECT_EQ(warnings.size(), 1U) << "told once";
}

// Writes down what it is told.
class Listener final : public TelemetrySink {
 public:
  void on_heartbeat(const std::string& pop, const v1::Heartbeat& heartbeat) override {
    told.push_back(pop + " " + std::to_string(heartbeat.figures_size()));
  }
  void on_tail(const std::string& pop, const v1::TailEvents& events) override {
    told.push_back(pop + " tail " + std::to_string(events.id()));
  }
  std::vector<std::string> told;
};

TEST_F(DistributorTest, SinksHearWhatPopsTell) {
  Listener listener;
  distributor_.add_sink(listener);
  const Id id = connect("AMS");
  v1::PopMessage message;
  message.mutable_heartbeat()->add_figures()->set_worker("a");
  distributor_.receive(id, message);
  message.mutable_tail_events()->set_id(3);
  distributor_.receive(id, message);
  EXPECT_THAT(listener.told, ElementsAre("AMS 1", "AMS tail 3"));
}

TEST(BundleCache, DropsTheLeastRecentlyUsed) {
  BundleCache cache(10);
  cache.put("a", std::make_shared<const std::string>("12345"));
  cache.put("b", std::make_shared<const std::string>("12345"));
  EXPECT_NE(cache.find("a"), nullptr);
  cache.put("c", std::make_shared<const std::string>("1"));
  EXPECT_NE(cache.find("a"), nullptr);
  EXPECT_EQ(cache.find("b"), nullptr);
  EXPECT_EQ(cache.bytes(), 6U);
  cache.put("large", std::make_shared<const std::string>("12345678901"));
  EXPECT_EQ(cache.find("large"), nullptr);
}

}  // namespace
}  // namespace isopop::control
