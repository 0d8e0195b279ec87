#include "pop_node/executor/subrequests.h"

#include <gtest/gtest.h>

#include <vector>

#include "isopop/v1/executor.pb.h"

namespace isopop::executor {
namespace {

class SubrequestsTest : public testing::Test {
 protected:
  std::uint32_t start(std::uint32_t parent, const std::string& body = {}) {
    const Result<std::uint32_t> id =
        subrequests_.start(parent, {.method = "GET", .url = "http://a.example/"}, body);
    EXPECT_TRUE(id.ok());
    return id.ok() ? id.value() : 0;
  }
  // Whether somebody is woken by it.
  bool take(std::uint32_t parent, std::uint32_t id,
            std::variant<SubresponseHead, SubresponseBody, SubresponseFailure> part) {
    const auto woken = subrequests_.take({.key = {parent, id}, .part = std::move(part)});
    EXPECT_TRUE(woken.ok()) << woken.error().message;
    return woken.ok() && woken.value().has_value();
  }
  std::vector<v1::Subrequest> sent() {
    std::vector<v1::Subrequest> all;
    std::string_view rest = out_;
    while (!rest.empty()) {
      std::size_t length = 0;
      for (std::size_t i = 0; i < 4; ++i) {
        length |= static_cast<std::size_t>(static_cast<unsigned char>(rest[i])) << (8 * i);
      }
      v1::Frame frame;
      EXPECT_TRUE(frame.ParseFromString(std::string(rest.substr(4, length))));
      all.push_back(frame.subrequest());
      rest.remove_prefix(4 + length);
    }
    out_.clear();
    return all;
  }
  std::string body_of(std::uint32_t id) {
    const auto read = subrequests_.read_body(id);
    const auto* data = std::get_if<std::string>(&read);
    return data == nullptr ? "none" : *data;
  }

  std::string out_;
  Subrequests subrequests_{out_};
};

TEST_F(SubrequestsTest, SendsHeadAndBodyInPieces) {
  const std::uint32_t id = start(1, std::string(100'000, 'x'));
  const std::vector<v1::Subrequest> frames = sent();
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[0].parent(), 1U);
  EXPECT_EQ(frames[0].id(), id);
  EXPECT_EQ(frames[0].head().url(), "http://a.example/");
  EXPECT_TRUE(frames[0].head().has_body());
  EXPECT_EQ(frames[1].body().data().size(), kBodyPieceBytesMax);
  EXPECT_FALSE(frames[1].body().last());
  EXPECT_EQ(frames[2].body().data().size(), 100'000 - kBodyPieceBytesMax);
  EXPECT_TRUE(frames[2].body().last());
}

TEST_F(SubrequestsTest, RefusesMoreThanTheLimitOfARequest) {
  subrequests_.set_limit(2);
  start(1);
  start(1);
  const auto third = subrequests_.start(1, {.method = "GET", .url = "http://a.example/"}, {});
  ASSERT_FALSE(third.ok());
  EXPECT_NE(third.error().message.find("its limit is 2"), std::string::npos);
  start(2);
  subrequests_.forget(1);
  start(1);
}

TEST_F(SubrequestsTest, RefusesWhatIsTooLarge) {
  const std::string body(Subrequests::kBodyBytesMax + 1, 'x');
  EXPECT_FALSE(subrequests_.start(1, {.method = "PUT", .url = "http://a.example/"}, body).ok());
  const std::string url = "http://a.example/" + std::string(Subrequests::kHeadBytesMax, 'x');
  EXPECT_FALSE(subrequests_.start(1, {.method = "GET", .url = url}, {}).ok());
}

TEST_F(SubrequestsTest, KeepsTheSeventhInLineUntilOneHasEnded) {
  const std::uint32_t first = start(1);
  for (int i = 0; i < 6; ++i) start(1);
  EXPECT_EQ(sent().size(), 6U);
  take(1, first, SubresponseHead{.status = 200, .body = "a"});
  EXPECT_EQ(sent().size(), 0U) << "its answer is not whole";
  take(1, first, SubresponseBody{.data = "b", .last = true});
  EXPECT_EQ(sent().size(), 1U);
  EXPECT_EQ(body_of(first), "ab") << "whole, though it was not under way any more";
  EXPECT_TRUE(sent().empty()) << "no credit for what has ended";
}

TEST_F(SubrequestsTest, TellsOnceOfWhatWasWaitedFor) {
  const std::uint32_t id = start(1);
  EXPECT_TRUE(subrequests_.is_awaited(1));
  EXPECT_TRUE(take(1, id, SubresponseHead{.status = 201}));
  EXPECT_FALSE(subrequests_.is_awaited(1));
  EXPECT_EQ(subrequests_.next_news(1), id);
  EXPECT_EQ(subrequests_.next_news(1), std::nullopt);
  EXPECT_EQ(std::get<SubresponseHead>(subrequests_.take_head(id)).status, 201U);
  EXPECT_FALSE(take(1, id, SubresponseBody{.data = "x"})) << "nobody reads";
  EXPECT_EQ(body_of(id), "x");
  EXPECT_TRUE(std::holds_alternative<Subrequests::NotYet>(subrequests_.read_body(id)));
  EXPECT_TRUE(subrequests_.is_awaited(1));
  EXPECT_TRUE(take(1, id, SubresponseBody{.data = {}, .last = true}));
  EXPECT_TRUE(std::holds_alternative<Subrequests::End>(subrequests_.read_body(id)));
}

TEST_F(SubrequestsTest, GivesCreditForWhatIsRead) {
  const std::uint32_t id = start(1);
  sent();
  take(1, id, SubresponseHead{.status = 200, .body = std::string(50'000, 'x')});
  EXPECT_TRUE(sent().empty());
  static_cast<void>(subrequests_.read_body(id));
  const std::vector<v1::Subrequest> frames = sent();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].credit(), 50'000U);
}

TEST_F(SubrequestsTest, RefusesAPopThatBreaksTheContract) {
  const std::uint32_t id = start(1);
  const auto refuses = [&](SubresponseFrame frame) {
    return !subrequests_.take(std::move(frame)).ok();
  };
  EXPECT_TRUE(refuses({.key = {1, id}, .part = SubresponseBody{.data = "x"}}))
      << "a body without a head";
  take(1, id, SubresponseHead{.status = 200});
  EXPECT_TRUE(refuses({.key = {1, id}, .part = SubresponseHead{.status = 200}})) << "two heads";
  for (int i = 0; i < 4; ++i) take(1, id, SubresponseBody{.data = std::string(65'536, 'x')});
  EXPECT_TRUE(refuses({.key = {1, id}, .part = SubresponseBody{.data = "x"}})) << "no credit";
}

TEST_F(SubrequestsTest, SaysWhyThereIsNoAnswer) {
  const std::uint32_t id = start(1);
  EXPECT_TRUE(take(1, id, SubresponseFailure{.reason = "nobody there"}));
  EXPECT_EQ(std::get<std::string>(subrequests_.take_head(id)), "nobody there");
}

TEST_F(SubrequestsTest, CancelsWhatIsUnderWayAndWhatIsInLine) {
  std::vector<std::uint32_t> ids;
  for (int i = 0; i < 8; ++i) ids.push_back(start(1));
  sent();
  subrequests_.cancel(ids[7]);
  EXPECT_TRUE(sent().empty()) << "the PoP never knew of it";
  subrequests_.cancel(ids[0]);
  const std::vector<v1::Subrequest> frames = sent();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_TRUE(frames[0].cancelled());
  EXPECT_EQ(frames[1].id(), ids[6]) << "the next in line takes its place";
  EXPECT_FALSE(take(1, ids[0], SubresponseHead{.status = 200})) << "late";
}

TEST_F(SubrequestsTest, DropsWhatIsMeantForAnEarlierRequestOfTheSameId) {
  const std::uint32_t id = start(2);
  EXPECT_FALSE(take(1, id, SubresponseHead{.status = 500}));
  EXPECT_TRUE(std::holds_alternative<Subrequests::NotYet>(subrequests_.take_head(id)));
  subrequests_.forget(2);
  EXPECT_FALSE(take(2, id, SubresponseHead{.status = 200}));
}

TEST(SubresponseFrames, AreRead) {
  v1::Frame frame;
  v1::Subresponse& answer = *frame.mutable_subresponse();
  answer.set_parent(3);
  answer.set_id(4);
  answer.mutable_head()->set_status(204);
  answer.mutable_head()->set_status_text("Fine");
  v1::Header& header = *answer.mutable_head()->add_headers();
  header.set_name("a");
  header.set_value("\xFF");
  answer.mutable_head()->set_body("x");
  answer.mutable_head()->set_body_complete(true);
  const Result<InboundFrame> read = decode_frame(frame.SerializeAsString());
  ASSERT_TRUE(read.ok()) << read.error().message;
  const auto& subresponse = std::get<SubresponseFrame>(read.value());
  EXPECT_EQ(subresponse.key.parent, 3U);
  EXPECT_EQ(subresponse.key.id, 4U);
  const auto& head = std::get<SubresponseHead>(subresponse.part);
  EXPECT_EQ(head.status, 204U);
  EXPECT_EQ(head.status_text, "Fine");
  ASSERT_EQ(head.headers.size(), 1U);
  EXPECT_EQ(head.headers[0].value, "\xFF");
  EXPECT_EQ(head.body, "x");
  EXPECT_TRUE(head.body_complete);
}

TEST(SubresponseFrames, WithoutIdsPartOrStatusAreRefused) {
  v1::Frame frame;
  v1::Subresponse& answer = *frame.mutable_subresponse();
  const auto accepted = [&frame] { return decode_frame(frame.SerializeAsString()).ok(); };
  answer.set_parent(3);
  answer.set_id(4);
  EXPECT_FALSE(accepted()) << "no part";
  answer.mutable_head()->set_status(1'000);
  EXPECT_FALSE(accepted());
  answer.mutable_head()->set_status(200);
  EXPECT_TRUE(accepted());
  answer.clear_id();
  EXPECT_FALSE(accepted());
}

}  // namespace
}  // namespace isopop::executor
