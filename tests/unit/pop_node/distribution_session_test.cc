#include "pop_node/rpc/distribution_session.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "common/files/files.h"
#include "tests/unit/pop_node/test_versions.h"

namespace isopop::pop {
namespace {

class DistributionSessionTest : public ::testing::Test {
 protected:
  DistributionSessionTest()
      : folder_(TempFolder::create("session_test").value()),
        catalog_(VersionStore::create(folder_.path()).value(), {}) {
    connect();
  }

  // Another stream.
  void connect() {
    session_.reset();
    fetches_.stream_ended();
    session_ = std::make_unique<DistributionSession>(
        catalog_, fetches_,
        [this](DistributionSession::Trial trial) { trials_.push_back(std::move(trial)); });
  }
  void install(const VersionWithCode& made) {
    const LiveAssignmentPtr prepared = catalog_.prepare(assign(made.version)).value();
    ASSERT_TRUE(catalog_.add_bundle(*prepared, made.version.bundle_sha256(), made.bundle).ok());
    ASSERT_TRUE(catalog_.install(prepared).ok());
  }

  std::vector<v1::PopMessage> say(const v1::ControlMessage& message) {
    Result<std::vector<v1::PopMessage>> answers = session_->on_message(message);
    EXPECT_TRUE(answers.ok()) << answers.error().message;
    return answers.ok() ? answers.value() : std::vector<v1::PopMessage>();
  }
  static v1::ControlMessage welcome(std::uint64_t workers) {
    v1::ControlMessage message;
    message.mutable_welcome()->set_protocol_version(kDistributionProtocolVersion);
    message.mutable_welcome()->set_workers(workers);
    return message;
  }
  static v1::ControlMessage push(std::uint64_t sequence, const v1::WorkerVersion& version) {
    return push(sequence, assign(version));
  }
  static v1::ControlMessage push(std::uint64_t sequence, const v1::Assignment& assignment) {
    v1::ControlMessage message;
    message.mutable_push()->set_nonce(100 + sequence);
    message.mutable_push()->set_sequence(sequence);
    *message.mutable_push()->mutable_live() = assignment;
    return message;
  }
  static v1::ControlMessage chunk(const VersionWithCode& made, std::size_t offset,
                                  std::size_t bytes) {
    v1::ControlMessage message;
    v1::BundleChunk& piece = *message.mutable_bundle_chunk();
    piece.set_sha256(made.version.bundle_sha256());
    piece.set_offset(offset);
    piece.set_total_bytes(made.bundle.size());
    piece.set_data(made.bundle.substr(offset, bytes));
    return message;
  }

  TempFolder folder_;
  WorkerCatalog catalog_;
  BundleFetches fetches_;
  std::unique_ptr<DistributionSession> session_;
  std::vector<DistributionSession::Trial> trials_;
  const VersionWithCode one_ = make_version("site", 1, "one");
};

TEST_F(DistributionSessionTest, SaysWhoItIsAndWhatItHolds) {
  install(one_);
  DistributionSession::Description description;
  description.identity.set_id("AMS");
  description.http_address = "127.0.0.1:8080";
  const v1::Hello hello = session_->hello(description).hello();
  EXPECT_EQ(hello.protocol_version(), kDistributionProtocolVersion);
  EXPECT_EQ(hello.identity().id(), "AMS");
  ASSERT_EQ(hello.held_size(), 1);
  EXPECT_EQ(hello.held(0).number(), 1U);
  EXPECT_EQ(hello.held_bundles(0), one_.version.bundle_sha256());
}

TEST_F(DistributionSessionTest, FetchesMissingCodeThenAcks) {
  say(welcome(1));
  const auto request = say(push(1, one_.version));
  ASSERT_EQ(request.size(), 1U);
  EXPECT_EQ(request[0].bundle_request().sha256(), one_.version.bundle_sha256());
  EXPECT_TRUE(session_->is_fetching());
  EXPECT_TRUE(say(chunk(one_, 0, 5)).empty());
  EXPECT_FALSE(session_->is_complete());
  const auto done = say(chunk(one_, 5, 1000));
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].ack().nonce(), 101U);
  EXPECT_TRUE(session_->is_complete());
  EXPECT_EQ(catalog_.live_number("site"), 1U);
}

TEST_F(DistributionSessionTest, FetchesNothingThatIsHeld) {
  install(one_);
  VersionWithCode second = one_;
  second.version.set_number(2);
  say(welcome(1));
  const auto answers = say(push(1, second.version));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers[0].has_ack());
}

TEST_F(DistributionSessionTest, PushesAboutOneWorkerAreWorkedOffInTheirOrder) {
  const VersionWithCode second = make_version("site", 2, "two");
  say(welcome(2));
  say(push(1, one_.version));
  EXPECT_TRUE(say(push(2, second.version)).empty());
  const auto answers = say(chunk(one_, 0, 1000));
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].ack().nonce(), 101U);
  EXPECT_EQ(answers[1].bundle_request().sha256(), second.version.bundle_sha256());
  EXPECT_EQ(say(chunk(second, 0, 1000)).at(0).ack().nonce(), 102U);
  EXPECT_EQ(catalog_.live_number("site"), 2U);
}

TEST_F(DistributionSessionTest, OtherWorkersDoNotWaitForABundleThatIsSlow) {
  const VersionWithCode other = make_version("other", 1, "two");
  say(welcome(2));
  say(push(1, one_.version));
  const auto asked = say(push(2, other.version));
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].bundle_request().sha256(), other.version.bundle_sha256());
  EXPECT_EQ(say(chunk(other, 0, 1000)).at(0).ack().nonce(), 102U);
  EXPECT_EQ(say(chunk(one_, 0, 1000)).at(0).ack().nonce(), 101U);
}

TEST_F(DistributionSessionTest, FetchesAllBundlesOfAnAssignmentBeforeAnyOfItIsLive) {
  install(one_);
  const VersionWithCode second = make_version("site", 2, "two");
  const VersionWithCode third = make_version("site", 3, "three");
  v1::Assignment both = split(second.version, 6'000, third.version);
  both.set_deployment(9);
  both.set_digest("d9");
  say(welcome(1));
  EXPECT_EQ(say(push(1, both)).size(), 2U);
  EXPECT_TRUE(say(chunk(third, 0, 1000)).empty());
  EXPECT_EQ(catalog_.live_number("site"), 1U);
  EXPECT_EQ(say(chunk(second, 0, 1000)).at(0).ack().nonce(), 101U);
  EXPECT_EQ(catalog_.registry().by_name("site")->shares().size(), 2U);
  const v1::Hello hello = session_->hello({}).hello();
  ASSERT_EQ(hello.held_size(), 1);
  EXPECT_EQ(hello.held(0).number(), 2U);
  EXPECT_EQ(hello.held(0).deployment(), 9U);
  EXPECT_EQ(hello.held(0).digest(), "d9");
}

TEST_F(DistributionSessionTest, ABundleThatBrokeOffIsResumedByTheNextStream) {
  say(welcome(1));
  say(push(1, one_.version));
  say(chunk(one_, 0, 5));
  connect();
  say(welcome(1));
  const auto request = say(push(1, one_.version));
  ASSERT_EQ(request.size(), 1U);
  EXPECT_EQ(request[0].bundle_request().offset(), 5U);
  EXPECT_EQ(say(chunk(one_, 5, 1000)).at(0).ack().nonce(), 101U);
}

TEST_F(DistributionSessionTest, ABundleResumedFromDamagedPiecesIsFetchedAgainFromItsBeginning) {
  VersionWithCode damaged = one_;
  damaged.bundle[2] ^= 1;
  say(welcome(1));
  say(push(1, one_.version));
  say(chunk(damaged, 0, 5));
  connect();
  say(welcome(1));
  say(push(1, one_.version));
  const auto again = say(chunk(one_, 5, 1000));
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].bundle_request().offset(), 0U);
  EXPECT_EQ(catalog_.live_number("site"), 0U);
  EXPECT_EQ(say(chunk(one_, 0, 1000)).at(0).ack().nonce(), 101U);
}

TEST_F(DistributionSessionTest, ATruncatedBundleIsFetchedOnceMoreAndThenRejected) {
  v1::ControlMessage truncated = chunk(one_, 0, 5);
  truncated.mutable_bundle_chunk()->set_total_bytes(5);
  say(welcome(1));
  say(push(1, one_.version));
  const auto again = say(truncated);
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].bundle_request().offset(), 0U);
  const auto answers = say(truncated);
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_NE(answers[0].nack().error().find("not as long"), std::string::npos);
  // What else of it was on its way is not the control plane's fault.
  EXPECT_TRUE(say(chunk(one_, 5, 5)).empty());
}

TEST_F(DistributionSessionTest, LatePiecesOfASpoiledBundleDoNotSpoilTheNext) {
  v1::ControlMessage first = chunk(one_, 0, 5);
  first.mutable_bundle_chunk()->set_total_bytes(one_.bundle.size() + 1);
  say(welcome(1));
  say(push(1, one_.version));
  say(first);
  EXPECT_TRUE(say(chunk(one_, 5, 1000)).empty());
  EXPECT_EQ(say(chunk(one_, 0, 1000)).at(0).ack().nonce(), 101U);
}

TEST_F(DistributionSessionTest, AsksForSoManyBundlesAtATimeAndNoMore) {
  std::vector<VersionWithCode> made;
  std::size_t asked = 0;
  say(welcome(40));
  for (std::uint64_t i = 1; i <= 40; ++i) {
    made.push_back(make_version("w" + std::to_string(i), 1, "code " + std::to_string(i)));
    asked += say(push(i, made.back().version)).size();
  }
  EXPECT_EQ(asked, BundleFetches::kAtOnceMax);
  for (const VersionWithCode& one : made) EXPECT_TRUE(say(chunk(one, 0, 1000)).at(0).has_ack());
  EXPECT_TRUE(session_->is_complete());
  EXPECT_FALSE(session_->is_fetching());
}

TEST_F(DistributionSessionTest, CodeThatIsDamagedOnDiskIsFetchedAnew) {
  install(one_);
  VersionWithCode second = one_;
  second.version.set_number(2);
  std::ofstream(folder_.path() / "bundles" / one_.version.bundle_sha256()) << "spoiled";
  say(welcome(1));
  const auto request = say(push(1, second.version));
  ASSERT_EQ(request.size(), 1U);
  EXPECT_EQ(request[0].bundle_request().sha256(), one_.version.bundle_sha256());
  EXPECT_EQ(say(chunk(one_, 0, 1000)).at(0).ack().nonce(), 101U);
}

TEST_F(DistributionSessionTest, DoesNotSayThatItHoldsWhatLostItsCode) {
  install(one_);
  std::filesystem::remove(folder_.path() / "bundles" / one_.version.bundle_sha256());
  EXPECT_EQ(session_->hello({}).hello().held_size(), 0);
  say(welcome(1));
  EXPECT_TRUE(say(push(1, one_.version)).at(0).has_bundle_request());
  EXPECT_EQ(say(chunk(one_, 0, 1000)).at(0).ack().nonce(), 101U);
}

class TrialTest : public DistributionSessionTest {
 protected:
  TrialTest() {
    install(one_);
    catalog_.on_retired(
        [this](const LiveWorkerPtr& worker) { retired_.push_back(worker->version.number()); });
    both_.set_trial(true);
    say(welcome(1));
    say(push(1, both_));
    EXPECT_TRUE(say(chunk(second_, 0, 1000)).empty());
  }

  const VersionWithCode second_ = make_version("site", 2, "two");
  v1::Assignment both_ = split(one_.version, 9'000, second_.version);
  std::vector<std::uint64_t> retired_;
};

TEST_F(TrialTest, IsOfTheNewVersionsAndComesBeforeTheAck) {
  ASSERT_EQ(trials_.size(), 1U);
  ASSERT_EQ(trials_[0].versions.size(), 1U);
  EXPECT_EQ(trials_[0].versions[0]->version.number(), 2U);
  EXPECT_EQ(catalog_.registry().by_name("site")->shares().size(), 1U);
  const auto answers = session_->on_trial_ended("site", 101, {});
  EXPECT_EQ(answers.at(0).ack().nonce(), 101U);
  // The very object that was tried, so that its executor serves it.
  EXPECT_EQ(catalog_.registry().by_name("site")->at(9'999), trials_[0].versions[0]);
}

TEST_F(TrialTest, AFailureIsTheNacksReasonAndTheOldAssignmentStays) {
  const auto answers = session_->on_trial_ended("site", 101, unavailable("it does not start"));
  EXPECT_EQ(answers.at(0).nack().error(), "it does not start");
  EXPECT_EQ(answers.at(0).nack().kept_number(), 1U);
  EXPECT_EQ(retired_, std::vector<std::uint64_t>({2}));
  EXPECT_EQ(catalog_.registry().by_name("site")->shares().size(), 1U);
}

TEST_F(TrialTest, OtherWorkersDoNotWaitForIt) {
  const VersionWithCode other = make_version("other", 1, "x");
  say(push(2, other.version));
  EXPECT_EQ(say(chunk(other, 0, 1000)).at(0).ack().nonce(), 102U);
}

TEST_F(TrialTest, WhatEndsAfterItsStreamChangesNothing) {
  connect();
  EXPECT_EQ(retired_, std::vector<std::uint64_t>({2}));
  EXPECT_TRUE(session_->on_trial_ended("site", 101, {}).empty());
  EXPECT_EQ(catalog_.registry().by_name("site")->shares().size(), 1U);
}

TEST_F(DistributionSessionTest, NacksCodeThatIsNotWhatItsHashSays) {
  install(one_);
  VersionWithCode bad = make_version("site", 2, "two");
  bad.bundle.back() = '!';
  say(welcome(1));
  say(push(1, bad.version));
  const auto again = say(chunk(bad, 0, 1000));
  ASSERT_EQ(again.size(), 1U);
  EXPECT_EQ(again[0].bundle_request().offset(), 0U);
  const auto answers = say(chunk(bad, 0, 1000));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].nack().nonce(), 101U);
  EXPECT_EQ(answers[0].nack().kept_number(), 1U);
  EXPECT_TRUE(session_->is_complete());  // a Nack is an answer too
}

TEST_F(DistributionSessionTest, NacksWhatItCannotRunWithoutFetchingIt) {
  v1::WorkerVersion too_large = one_.version;
  too_large.set_bundle_bytes(kBundleBytesMax + 1);
  say(welcome(1));
  const auto answers = say(push(1, too_large));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_NE(answers[0].nack().error().find("bytes"), std::string::npos);
}

TEST_F(DistributionSessionTest, RemovesAWorker) {
  install(one_);
  say(welcome(0));
  EXPECT_TRUE(session_->is_complete());
  v1::ControlMessage message;
  message.mutable_push()->set_nonce(5);
  message.mutable_push()->set_sequence(1);
  message.mutable_push()->set_removed("site");
  EXPECT_EQ(say(message).at(0).ack().nonce(), 5U);
  EXPECT_EQ(catalog_.live_number("site"), 0U);
}

TEST_F(DistributionSessionTest, GivesTheStreamUpWhenTheProtocolIsBroken) {
  EXPECT_FALSE(session_->on_message(push(1, one_.version)).ok()) << "before Welcome";
  say(welcome(1));
  EXPECT_FALSE(session_->on_message(welcome(1)).ok()) << "twice";
  EXPECT_FALSE(session_->on_message(push(2, one_.version)).ok()) << "a gap";
  EXPECT_FALSE(session_->on_message(chunk(one_, 0, 5)).ok()) << "not asked for";
}

TEST_F(DistributionSessionTest, APushThatComesAgainOrLateChangesNothing) {
  const VersionWithCode second = make_version("site", 2, "two");
  install(second);
  say(welcome(2));
  say(push(1, second.version));
  EXPECT_FALSE(session_->on_message(push(1, one_.version)).ok()) << "replayed";
  EXPECT_FALSE(session_->on_message(push(0, one_.version)).ok()) << "an older one";
  EXPECT_EQ(catalog_.live_number("site"), 2U);
}

TEST_F(DistributionSessionTest, GivesTheStreamUpWhenPiecesAreOutOfOrder) {
  say(welcome(1));
  say(push(1, one_.version));
  EXPECT_FALSE(session_->on_message(chunk(one_, 3, 5)).ok());
}

TEST_F(DistributionSessionTest, ARefusalIsPermissionDenied) {
  v1::ControlMessage message;
  message.mutable_refusal()->set_reason("too old");
  const auto outcome = session_->on_message(message);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(outcome.error().message, "too old");
}

}  // namespace
}  // namespace isopop::pop
