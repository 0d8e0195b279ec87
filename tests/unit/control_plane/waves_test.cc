#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "control_plane/distribution/convergence.h"
#include "control_plane/distribution/distributor.h"
#include "tests/unit/control_plane/distributor_fixture.h"

namespace isopop::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Version 2 of "a" on its way to AMS first, to the rest then, in place of version 1.
class WavesTest : public DistributorTest {
 protected:
  void SetUp() override {
    set_live("a", 1);
    ams_ = connect("AMS");
    fra_ = connect("FRA");
    ack_all(ams_);
    ack_all(fra_);
  }
  void roll(std::uint32_t wave) {
    Release rolling = release_of("a", 2);
    rolling.deployment.set_wave(wave);
    rolling.deployment.mutable_plan()->add_waves()->set_selector("AMS");
    EXPECT_TRUE(distributor_.set_worker("a", release_of("a", 1), rolling).ok());
  }
  // Versions pushed now.
  std::vector<std::uint64_t> pushed(Id id) {
    std::vector<std::uint64_t> versions;
    for (const v1::ControlMessage& message : drain(id)) {
      versions.push_back(message.push().live().shares(0).version().number());
      last_ = message.push().live();
      ack(id, message.push().nonce());
    }
    return versions;
  }
  std::vector<WaveAnswers> answers() {
    const WorkerIndex worker = *distributor_.catalog().find("a");
    return wave_answers(distributor_.catalog(), distributor_.pop_table(), worker,
                        *distributor_.catalog().plan(worker), 2);
  }

  Id ams_ = 0;
  Id fra_ = 0;
  v1::Assignment last_;
};

TEST_F(WavesTest, OnlyPopsOfTheWavesBegunGetIt) {
  roll(0);
  EXPECT_THAT(pushed(ams_), ElementsAre(2U));
  EXPECT_TRUE(last_.trial());
  EXPECT_THAT(pushed(fra_), IsEmpty());
  EXPECT_EQ(answers()[0].acked, 1U);
  EXPECT_EQ(answers()[1].connected, 1U);
  EXPECT_EQ(answers()[1].acked, 0U);
  roll(1);
  EXPECT_THAT(pushed(ams_), IsEmpty());
  EXPECT_THAT(pushed(fra_), ElementsAre(2U));
  EXPECT_FALSE(last_.trial());
  EXPECT_EQ(answers()[1].acked, 1U);
}

TEST_F(WavesTest, BecomingLivePushesNothingAgain) {
  roll(1);
  pushed(ams_);
  pushed(fra_);
  set_live("a", 2);
  EXPECT_THAT(pushed(ams_), IsEmpty());
  EXPECT_THAT(pushed(fra_), IsEmpty());
  EXPECT_TRUE(progress("a", 2).done());
}

TEST_F(WavesTest, AbortBringsTheBaseBackWhereItHadGone) {
  roll(0);
  pushed(ams_);
  set_live("a", 1);
  EXPECT_THAT(pushed(ams_), ElementsAre(1U));
  EXPECT_THAT(pushed(fra_), IsEmpty());
  EXPECT_TRUE(progress("a", 2).superseded());
}

TEST_F(WavesTest, AbortBeforeThePushWentOutPushesNothing) {
  roll(0);
  set_live("a", 1);
  EXPECT_THAT(pushed(ams_), IsEmpty());
}

TEST_F(WavesTest, AbortWhileThePushIsUnansweredFollowsIt) {
  roll(0);
  const auto sent = drain(ams_);
  ASSERT_EQ(sent.size(), 1U);
  set_live("a", 1);
  EXPECT_THAT(pushed(ams_), ElementsAre(1U));
  ack(ams_, sent[0].push().nonce());
}

TEST_F(WavesTest, WithoutABaseAnAbortRemovesIt) {
  Release first = release_of("new", 1);
  first.deployment.mutable_plan()->add_waves()->set_selector("AMS");
  EXPECT_TRUE(distributor_.set_worker("new", std::nullopt, first).ok());
  EXPECT_THAT(pushed(ams_), ElementsAre(1U));
  EXPECT_THAT(pushed(fra_), IsEmpty());
  remove("new");
  const auto messages = drain(ams_);
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].push().removed(), "new");
}

TEST_F(WavesTest, PopThatComesAmidGetsWhatItsWaveHas) {
  roll(0);
  distributor_.disconnected(ams_);
  EXPECT_THAT(pushed(fra_), IsEmpty());
  const Id again = connect("AMS", {version_of("a", 1)});
  std::vector<v1::ControlMessage> messages = drain(again);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[1].push().live().deployment(), 2U);
  const Id late = connect("GRU");
  messages = drain(late);
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[1].push().live().deployment(), 1U);
}

TEST_F(WavesTest, RejectionIsRememberedForTheWave) {
  roll(0);
  nack(ams_, drain(ams_)[0].push().nonce(), 1, "no memory");
  EXPECT_EQ(answers()[0].nacked, 1U);
  EXPECT_EQ(answers()[0].first_nack, "AMS: no memory");
  EXPECT_EQ(distributor_.pop("AMS")->workers(0).number(), 1U);
  const v1::Convergence convergence =
      convergence_of(distributor_.catalog(), distributor_.pop_table(),
                     *distributor_.catalog().find("a"), 2, clock_.now());
  ASSERT_EQ(convergence.rejections_size(), 1);
  EXPECT_EQ(convergence.rejections(0).pop(), "AMS");
}

TEST_F(WavesTest, ConvergenceKnowsTimesLaggardsAndThoseThatHadItBefore) {
  const auto convergence = [this] {
    return convergence_of(distributor_.catalog(), distributor_.pop_table(),
                          *distributor_.catalog().find("a"), 7, clock_.now());
  };
  const Id held = connect("HAD");
  ack_all(held);
  set_live("a", 7);
  distributor_.disconnected(held);
  connect("HAD", {version_of("a", 7)});
  clock_.advance(std::chrono::milliseconds(40));
  ack_all(fra_);
  clock_.advance(std::chrono::milliseconds(60));
  const v1::Convergence now = convergence();
  ASSERT_EQ(now.acked_size(), 1);
  EXPECT_EQ(now.acked(0).id(), "FRA");
  EXPECT_DOUBLE_EQ(now.acked(0).ack_ms(), 40.0);
  ASSERT_EQ(now.laggards_size(), 1);
  EXPECT_EQ(now.laggards(0).id(), "AMS");
  EXPECT_DOUBLE_EQ(now.laggards(0).waiting_ms(), 100.0);
  EXPECT_EQ(now.held_before(), 1U);
}

TEST_F(DistributorTest, PlanThatMakesNoSenseChangesNothing) {
  set_live("a", 1);
  const Id id = connect("AMS");
  ack_all(id);
  Release rolling = release_of("a", 2);
  rolling.deployment.mutable_plan()->add_waves()->set_selector("regoin=eu");
  EXPECT_FALSE(distributor_.set_worker("a", release_of("a", 1), rolling).ok());
  EXPECT_THAT(drain(id), IsEmpty());
}

TEST_F(DistributorTest, PopGetsOnlySecretsThatAreForIt) {
  set_live("a", 1);
  const Id ams = connect("AMS");
  const Id fra = connect("FRA");
  ack_all(ams);
  ack_all(fra);
  const auto pushed = [this](Id id) {
    std::string secrets;
    for (const v1::ControlMessage& message : drain(id)) {
      ack(id, message.push().nonce());
      for (const v1::Secret& secret : message.push().live().secrets()) {
        secrets += secret.name() + "=" + secret.value() + " ";
      }
    }
    return secrets;
  };
  distributor_.set_secrets("a", {{.name = "KEY", .value = "ams", .selector = *ams_only_},
                                 {.name = "KEY", .value = "any", .selector = Selector()},
                                 {.name = "ALL", .value = "1", .selector = Selector()}});
  EXPECT_EQ(pushed(ams), "ALL=1 KEY=ams ");
  EXPECT_EQ(pushed(fra), "ALL=1 KEY=any ");
  // A change of what is for one PoP is no news to the other.
  distributor_.set_secrets("a", {{.name = "KEY", .value = "new", .selector = *ams_only_},
                                 {.name = "KEY", .value = "any", .selector = Selector()},
                                 {.name = "ALL", .value = "1", .selector = Selector()}});
  EXPECT_EQ(pushed(ams), "ALL=1 KEY=new ");
  EXPECT_EQ(pushed(fra), "");
  EXPECT_EQ(distributor_.pops_live("a"), 2U);
}

TEST_F(DistributorTest, SecretsDoNotChangeWhenAPopFirstHadTheDeployment) {
  const Id id = connect("AMS");
  drain(id);
  set_live("a", 1);
  clock_.advance(std::chrono::milliseconds(10));
  ack_all(id);
  clock_.advance(std::chrono::hours(1));
  distributor_.set_secrets("a", {{.name = "KEY", .value = "1", .selector = Selector()}});
  ack_all(id);
  EXPECT_THAT(progress("a", 1).ack_ms(), ElementsAre(10.0));
}

TEST_F(DistributorTest, DigestCoversAllButTheTrial) {
  v1::Assignment assignment = assignment_of(version_of("a", 1));
  const std::string digest = digest_of(assignment);
  EXPECT_EQ(digest.size(), 64U);
  assignment.set_trial(true);
  assignment.set_digest("some other");
  EXPECT_EQ(digest_of(assignment), digest);
  assignment.mutable_stickiness()->set_client(true);
  EXPECT_NE(digest_of(assignment), digest);
}

TEST_F(DistributorTest, WorkerThatAPopNamesTwiceIsBroughtOnce) {
  set_live("a", 2);
  const Id id = connect("AMS", {version_of("a", 1), version_of("a", 1), version_of("gone", 1),
                                version_of("gone", 1)});
  const auto messages = drain(id);
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[0].welcome().workers(), 2U);
}

}  // namespace
}  // namespace isopop::control
