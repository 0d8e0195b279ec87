#include "pop_node/pool/subrequest_ledger.h"

#include <gtest/gtest.h>

#include <string>

#include "pop_node/pool/executor_protocol.h"
#include "pop_node/pool/frame_codec.h"

namespace isopop::pop {
namespace {

using Verdict = SubrequestLedger::Verdict;

constexpr std::uint32_t kMany = 1'000;

v1::Subrequest head(std::uint32_t id, bool has_body = false) {
  v1::Subrequest part;
  part.set_parent(1);
  part.set_id(id);
  part.mutable_head()->set_has_body(has_body);
  return part;
}
v1::Subrequest body(std::uint32_t id, std::size_t bytes, bool last = false) {
  v1::Subrequest part;
  part.set_parent(1);
  part.set_id(id);
  part.mutable_body()->set_data(std::string(bytes, 'x'));
  part.mutable_body()->set_last(last);
  return part;
}
v1::Subrequest credit(std::uint32_t id, std::uint32_t bytes) {
  v1::Subrequest part;
  part.set_id(id);
  part.set_credit(bytes);
  return part;
}
v1::Subrequest cancel(std::uint32_t id) {
  v1::Subrequest part;
  part.set_id(id);
  part.set_cancelled(true);
  return part;
}

class SubrequestLedgerTest : public ::testing::Test {
 protected:
  bool accepts(const v1::Subrequest& part) { return accepts(part, kMany); }
  bool accepts(const v1::Subrequest& part, std::uint32_t subrequests_max) {
    const auto verdict = ledger_.check(part, subrequests_max);
    return verdict.ok() && verdict.value() == Verdict::kDeliver;
  }
  bool drops(const v1::Subrequest& part) {
    const auto verdict = ledger_.check(part, kMany);
    return verdict.ok() && verdict.value() == Verdict::kDrop;
  }
  bool refuses(const v1::Subrequest& part, std::uint32_t subrequests_max = kMany) {
    return !ledger_.check(part, subrequests_max).ok();
  }
  void answer(std::uint32_t id, std::size_t bytes, bool last) {
    v1::Subresponse part;
    part.set_id(id);
    part.mutable_body()->set_data(std::string(bytes, 'x'));
    part.mutable_body()->set_last(last);
    ledger_.sent(part);
  }

  SubrequestLedger ledger_;
};

TEST_F(SubrequestLedgerTest, TakesSoManyAndNoMore) {
  EXPECT_TRUE(accepts(head(1), 2));
  EXPECT_TRUE(accepts(head(2), 2));
  EXPECT_TRUE(refuses(head(3), 2));
}

TEST_F(SubrequestLedgerTest, CountsThoseThatAreOverToo) {
  for (std::uint32_t id = 1; id <= 3; ++id) {
    EXPECT_TRUE(accepts(head(id), 3));
    EXPECT_TRUE(accepts(cancel(id)));
  }
  EXPECT_TRUE(refuses(head(4), 3));
}

TEST_F(SubrequestLedgerTest, HasSixUnderWay) {
  for (std::uint32_t id = 1; id <= 6; ++id) EXPECT_TRUE(accepts(head(id)));
  EXPECT_TRUE(refuses(head(7)));
}

TEST_F(SubrequestLedgerTest, AnAnswerMakesRoomForTheNext) {
  for (std::uint32_t id = 1; id <= 6; ++id) EXPECT_TRUE(accepts(head(id)));
  answer(3, 10, true);
  EXPECT_FALSE(ledger_.is_under_way(3));
  EXPECT_TRUE(accepts(head(7)));
}

TEST_F(SubrequestLedgerTest, RefusesIdsThatDoNotGrow) {
  EXPECT_TRUE(accepts(head(5)));
  EXPECT_TRUE(refuses(head(5)));
  EXPECT_TRUE(refuses(head(4)));
  EXPECT_TRUE(refuses(body(6, 1))) << "never made";
  EXPECT_TRUE(refuses(head(0)));
}

TEST_F(SubrequestLedgerTest, BoundsTheBody) {
  EXPECT_TRUE(accepts(head(1, true)));
  EXPECT_TRUE(refuses(body(1, kBodyPieceBytesMax + 1)));
  for (int i = 0; i < 16; ++i) EXPECT_TRUE(accepts(body(1, kBodyPieceBytesMax)));
  EXPECT_TRUE(refuses(body(1, 1))) << "above 1 MiB";
}

TEST_F(SubrequestLedgerTest, RefusesABodyAfterItsEndOrWithoutAnnouncement) {
  EXPECT_TRUE(accepts(head(1, true)));
  EXPECT_TRUE(accepts(body(1, 1, true)));
  EXPECT_TRUE(refuses(body(1, 1)));
  EXPECT_TRUE(accepts(head(2)));
  EXPECT_TRUE(refuses(body(2, 1)));
}

TEST_F(SubrequestLedgerTest, KeepsTheCreditOfTheAnswer) {
  EXPECT_TRUE(accepts(head(1)));
  EXPECT_EQ(ledger_.window(1), kBodyWindowBytes);
  answer(1, 50'000, false);
  EXPECT_EQ(ledger_.window(1), kBodyWindowBytes - 50'000);
  EXPECT_TRUE(refuses(credit(1, 50'001)));
  EXPECT_TRUE(accepts(credit(1, 50'000)));
  EXPECT_EQ(ledger_.window(1), kBodyWindowBytes);
}

TEST_F(SubrequestLedgerTest, DropsWhatIsLate) {
  EXPECT_TRUE(accepts(head(1)));
  answer(1, 0, true);
  EXPECT_TRUE(drops(credit(1, 1)));
  EXPECT_TRUE(drops(cancel(1)));
  EXPECT_EQ(ledger_.window(1), 0U);
}

TEST_F(SubrequestLedgerTest, RefusesAPartThatSaysNothing) {
  EXPECT_TRUE(accepts(head(1)));
  v1::Subrequest empty;
  empty.set_id(1);
  EXPECT_TRUE(refuses(empty));
}

TEST(ExecutorProtocolSubrequests, AreOfARequestThatIsNotOver) {
  ExecutorProtocol protocol(/*subrequests_max=*/1);
  v1::Frame frame;
  frame.mutable_loaded()->set_ok(true);
  ASSERT_TRUE(protocol.check(frame).ok());
  *frame.mutable_subrequest() = head(1);
  EXPECT_FALSE(protocol.check(frame).ok()) << "there was no request";

  v1::RequestHead request;
  request.set_id(1);
  request.set_body_complete(true);
  protocol.request_sent(request);
  ASSERT_TRUE(protocol.check(frame).ok());
  ASSERT_NE(protocol.subrequests(1), nullptr);
  EXPECT_TRUE(protocol.subrequests(1)->is_under_way(1));
  *frame.mutable_subrequest() = head(2);
  EXPECT_FALSE(protocol.check(frame).ok()) << "beyond the limit";

  v1::Frame finished;
  finished.mutable_finished()->set_id(1);
  ASSERT_TRUE(protocol.check(finished).ok());
  EXPECT_EQ(protocol.subrequests(1), nullptr);
  const auto late = protocol.check(frame);
  ASSERT_TRUE(late.ok());
  EXPECT_EQ(late.value(), ExecutorProtocol::Verdict::kDrop);
}

}  // namespace
}  // namespace isopop::pop
