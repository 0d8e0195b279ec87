#include "pop_node/pool/executor_protocol.h"

#include <gtest/gtest.h>

#include "pop_node/pool/frame_codec.h"

namespace isopop::pop {
namespace {

using Verdict = ExecutorProtocol::Verdict;

v1::Frame loaded() {
  v1::Frame frame;
  frame.mutable_loaded()->set_ok(true);
  return frame;
}
v1::Frame head(std::uint32_t id, std::size_t body_bytes = 0, bool complete = false) {
  v1::Frame frame;
  frame.mutable_response()->set_id(id);
  frame.mutable_response()->set_status(200);
  frame.mutable_response()->set_body(std::string(body_bytes, 'x'));
  frame.mutable_response()->set_body_complete(complete);
  return frame;
}
v1::Frame body(std::uint32_t id, std::size_t bytes, bool last = false) {
  v1::Frame frame;
  frame.mutable_response_body()->set_id(id);
  frame.mutable_response_body()->set_data(std::string(bytes, 'x'));
  frame.mutable_response_body()->set_last(last);
  return frame;
}
v1::Frame credit(std::uint32_t id, std::uint32_t bytes) {
  v1::Frame frame;
  frame.mutable_credit()->set_id(id);
  frame.mutable_credit()->set_bytes(bytes);
  return frame;
}
v1::Frame finished(std::uint32_t id) {
  v1::Frame frame;
  frame.mutable_finished()->set_id(id);
  return frame;
}
v1::Frame failure(std::uint32_t id, v1::FailureKind kind = v1::FAILURE_KIND_EXCEPTION) {
  v1::Frame frame;
  frame.mutable_failure()->set_id(id);
  frame.mutable_failure()->set_kind(kind);
  return frame;
}

class ExecutorProtocolTest : public ::testing::Test {
 protected:
  ExecutorProtocolTest() { EXPECT_TRUE(protocol_.check(loaded()).ok()); }
  void request(std::uint32_t id, bool body_complete = true) {
    v1::RequestHead sent;
    sent.set_id(id);
    sent.set_body_complete(body_complete);
    protocol_.request_sent(sent);
  }
  bool accepts(const v1::Frame& frame) {
    const auto verdict = protocol_.check(frame);
    return verdict.ok() && verdict.value() == Verdict::kDeliver;
  }
  bool breaks(const v1::Frame& frame) { return !protocol_.check(frame).ok(); }

  ExecutorProtocol protocol_;
};

TEST_F(ExecutorProtocolTest, AcceptsAStreamedAnswer) {
  request(1);
  EXPECT_TRUE(accepts(head(1, 10)));
  EXPECT_TRUE(accepts(body(1, 10)));
  EXPECT_TRUE(accepts(body(1, 0, true)));
  EXPECT_TRUE(accepts(finished(1)));
  const auto late = protocol_.check(finished(1));
  ASSERT_TRUE(late.ok());
  EXPECT_EQ(late.value(), Verdict::kDrop);
}

TEST_F(ExecutorProtocolTest, NothingMayComeBeforeLoadedButLogs) {
  ExecutorProtocol fresh;
  v1::Frame log;
  log.mutable_log()->set_text("at top level");
  EXPECT_TRUE(fresh.check(log).ok());
  EXPECT_FALSE(fresh.check(head(1)).ok());
  EXPECT_TRUE(breaks(loaded()));  // and it comes once
}

TEST_F(ExecutorProtocolTest, RefusesWhatIsOutOfOrder) {
  request(1);
  EXPECT_TRUE(breaks(head(2))) << "never asked";
  EXPECT_TRUE(breaks(head(0))) << "no id";
  EXPECT_TRUE(breaks(body(1, 1))) << "before its head";
  EXPECT_TRUE(accepts(head(1)));
  EXPECT_TRUE(breaks(head(1))) << "twice";
  EXPECT_TRUE(accepts(body(1, 1, true)));
  EXPECT_TRUE(breaks(body(1, 1))) << "after its end";
  EXPECT_TRUE(breaks(failure(1))) << "after the answer";
}

TEST_F(ExecutorProtocolTest, AFailureMayBreakAStreamOff) {
  request(1);
  EXPECT_TRUE(accepts(head(1)));
  EXPECT_TRUE(accepts(failure(1)));
  EXPECT_TRUE(breaks(body(1, 1)));
}

TEST_F(ExecutorProtocolTest, ALimitMayBeToldBehindTheAnswerOnce) {
  request(1);
  EXPECT_TRUE(accepts(head(1)));
  EXPECT_TRUE(accepts(body(1, 1, true)));
  const auto told = protocol_.check(failure(1, v1::FAILURE_KIND_MEMORY_LIMIT));
  ASSERT_TRUE(told.ok());
  EXPECT_EQ(told.value(), Verdict::kBehindAnswer);
  EXPECT_TRUE(breaks(failure(1, v1::FAILURE_KIND_MEMORY_LIMIT)));
  EXPECT_TRUE(accepts(finished(1)));
}

TEST_F(ExecutorProtocolTest, FramesThatOnlyAPopMaySendBreakIt) {
  v1::Frame frame;
  frame.mutable_shutdown();
  EXPECT_TRUE(breaks(frame));
  EXPECT_TRUE(breaks(v1::Frame()));
}

TEST_F(ExecutorProtocolTest, RefusesStatusesThatAreNoAnswers) {
  request(1);
  for (const std::uint32_t status : {0U, 101U, 199U, 600U, 4'000'000'000U}) {
    v1::Frame frame = head(1);
    frame.mutable_response()->set_status(status);
    EXPECT_TRUE(breaks(frame)) << status;
  }
}

TEST_F(ExecutorProtocolTest, HoldsTheExecutorToItsCredit) {
  request(1);
  EXPECT_TRUE(accepts(head(1, kBodyPieceBytesMax)));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(accepts(body(1, kBodyPieceBytesMax)));
  EXPECT_TRUE(breaks(body(1, 1)));
  protocol_.granted(1, 100);
  EXPECT_TRUE(accepts(body(1, 100)));
  EXPECT_TRUE(breaks(body(1, 1)));
}

TEST_F(ExecutorProtocolTest, RefusesPiecesThatAreTooLarge) {
  request(1);
  EXPECT_TRUE(breaks(head(1, kBodyPieceBytesMax + 1)));
}

TEST_F(ExecutorProtocolTest, TakesCreditOnlyForWhatWasSent) {
  request(1, false);
  EXPECT_EQ(protocol_.send_window(1), kBodyWindowBytes);
  EXPECT_TRUE(breaks(credit(1, 1)));
  request(2, false);
  protocol_.body_sent(2, 1000, false);
  EXPECT_EQ(protocol_.send_window(2), kBodyWindowBytes - 1000);
  EXPECT_TRUE(accepts(credit(2, 1000)));
  EXPECT_EQ(protocol_.send_window(2), kBodyWindowBytes);
}

TEST_F(ExecutorProtocolTest, KnowsWhoseTurnItIs) {
  request(1, false);
  EXPECT_FALSE(protocol_.is_executors_turn(1)) << "the client has not sent its body";
  protocol_.body_sent(1, 0, true);
  EXPECT_TRUE(protocol_.is_executors_turn(1));
  EXPECT_TRUE(accepts(head(1, kBodyPieceBytesMax)));
  EXPECT_TRUE(accepts(body(1, kBodyPieceBytesMax)));
  EXPECT_TRUE(accepts(body(1, kBodyPieceBytesMax)));
  EXPECT_FALSE(protocol_.is_executors_turn(1)) << "the client has not taken the answer";
}

TEST(FrameReaderTest, CutsBytesIntoFramesHoweverTheyArrive) {
  const std::string bytes = encode_frame(head(1, 100)) + encode_frame(body(1, 7, true));
  FrameReader reader;
  std::vector<v1::Frame> frames;
  for (const char byte : bytes) {
    reader.feed(std::string_view(&byte, 1));
    while (true) {
      auto frame = reader.next();
      ASSERT_TRUE(frame.ok());
      if (!frame.value()) break;
      frames.push_back(*frame.value());
    }
  }
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].response().body().size(), 100U);
  EXPECT_EQ(frames[1].response_body().data().size(), 7U);
}

TEST(FrameReaderTest, RefusesLengthsOutOfBoundsAndBytesThatAreNoFrame) {
  using std::string_literals::operator""s;
  for (const std::string& bytes :
       {"\0\0\0\0"s, "\1\0\x10\0"s, "\xff\xff\xff\xff"s, "\2\0\0\0\xff\xff"s}) {
    FrameReader reader;
    reader.feed(bytes);
    EXPECT_FALSE(reader.next().ok());
  }
}

}  // namespace
}  // namespace isopop::pop
