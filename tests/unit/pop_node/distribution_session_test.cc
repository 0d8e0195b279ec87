#include "pop_node/rpc/distribution_session.h"

#include <gtest/gtest.h>

#include "common/files/files.h"
#include "tests/unit/pop_node/test_versions.h"

namespace isopop::pop {
namespace {

class DistributionSessionTest : public ::testing::Test {
 protected:
  DistributionSessionTest()
      : folder_(TempFolder::create("session_test").value()),
        catalog_(VersionStore::create(folder_.path()).value(), {}),
        session_(catalog_) {}

  std::vector<v1::PopMessage> say(const v1::ControlMessage& message) {
    Result<std::vector<v1::PopMessage>> answers = session_.on_message(message);
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
    v1::ControlMessage message;
    message.mutable_push()->set_nonce(100 + sequence);
    message.mutable_push()->set_sequence(sequence);
    v1::Assignment& live = *message.mutable_push()->mutable_live();
    live.set_worker(version.worker());
    *live.add_shares()->mutable_version() = version;
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
  DistributionSession session_;
  const VersionWithCode one_ = make_version("site", 1, "one");
};

TEST_F(DistributionSessionTest, SaysWhoItIsAndWhatItHolds) {
  ASSERT_TRUE(catalog_.install(one_.version, one_.bundle).ok());
  DistributionSession::Description description;
  description.identity.set_id("AMS");
  description.http_address = "127.0.0.1:8080";
  const v1::Hello hello = session_.hello(description).hello();
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
  EXPECT_TRUE(session_.is_fetching());
  EXPECT_TRUE(say(chunk(one_, 0, 5)).empty());
  EXPECT_FALSE(session_.is_complete());
  const auto done = say(chunk(one_, 5, 1000));
  ASSERT_EQ(done.size(), 1U);
  EXPECT_EQ(done[0].ack().nonce(), 101U);
  EXPECT_TRUE(session_.is_complete());
  EXPECT_EQ(catalog_.live_number("site"), 1U);
}

TEST_F(DistributionSessionTest, FetchesNothingThatIsHeld) {
  ASSERT_TRUE(catalog_.install(one_.version, one_.bundle).ok());
  VersionWithCode second = one_;
  second.version.set_number(2);
  say(welcome(1));
  const auto answers = say(push(1, second.version));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_TRUE(answers[0].has_ack());
}

TEST_F(DistributionSessionTest, AnswersPushesInOrderWhileOneIsFetched) {
  const VersionWithCode other = make_version("other", 1, "two");
  say(welcome(2));
  say(push(1, one_.version));
  EXPECT_TRUE(say(push(2, other.version)).empty());
  const auto answers = say(chunk(one_, 0, 1000));
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].ack().nonce(), 101U);
  EXPECT_EQ(answers[1].bundle_request().sha256(), other.version.bundle_sha256());
}

TEST_F(DistributionSessionTest, NacksCodeThatIsNotWhatItsHashSays) {
  ASSERT_TRUE(catalog_.install(one_.version, one_.bundle).ok());
  VersionWithCode bad = make_version("site", 2, "two");
  bad.bundle.back() = '!';
  say(welcome(1));
  say(push(1, bad.version));
  const auto answers = say(chunk(bad, 0, 1000));
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].nack().nonce(), 101U);
  EXPECT_EQ(answers[0].nack().kept_number(), 1U);
  EXPECT_TRUE(session_.is_complete());  // a Nack is an answer too
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
  ASSERT_TRUE(catalog_.install(one_.version, one_.bundle).ok());
  say(welcome(0));
  EXPECT_TRUE(session_.is_complete());
  v1::ControlMessage message;
  message.mutable_push()->set_nonce(5);
  message.mutable_push()->set_sequence(1);
  message.mutable_push()->set_removed("site");
  EXPECT_EQ(say(message).at(0).ack().nonce(), 5U);
  EXPECT_EQ(catalog_.live_number("site"), 0U);
}

TEST_F(DistributionSessionTest, GivesTheStreamUpWhenTheProtocolIsBroken) {
  EXPECT_FALSE(session_.on_message(push(1, one_.version)).ok()) << "before Welcome";
  say(welcome(1));
  EXPECT_FALSE(session_.on_message(welcome(1)).ok()) << "twice";
  EXPECT_FALSE(session_.on_message(push(2, one_.version)).ok()) << "a gap";
  EXPECT_FALSE(session_.on_message(chunk(one_, 0, 5)).ok()) << "not asked for";
}

TEST_F(DistributionSessionTest, GivesTheStreamUpWhenPiecesAreOutOfOrder) {
  say(welcome(1));
  say(push(1, one_.version));
  EXPECT_FALSE(session_.on_message(chunk(one_, 3, 5)).ok());
}

TEST_F(DistributionSessionTest, ARefusalIsPermissionDenied) {
  v1::ControlMessage message;
  message.mutable_refusal()->set_reason("too old");
  const auto outcome = session_.on_message(message);
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, ErrorCode::kPermissionDenied);
  EXPECT_EQ(outcome.error().message, "too old");
}

}  // namespace
}  // namespace isopop::pop
