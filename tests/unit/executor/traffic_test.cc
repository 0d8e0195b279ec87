#include "pop_node/executor/traffic.h"

#include <gtest/gtest.h>

#include <vector>

#include "isopop/v1/executor.pb.h"

namespace isopop::executor {
namespace {

class TrafficTest : public testing::Test {
 protected:
  void begin(std::uint32_t id, const std::string& body = {}, bool complete = true) {
    RequestFrame request;
    request.id = id;
    request.has_body = !body.empty() || !complete;
    request.body = body;
    request.body_complete = complete;
    ASSERT_TRUE(traffic_.begin(request).ok());
  }

  // What was written since the last call.
  std::vector<v1::Frame> sent() {
    std::vector<v1::Frame> frames;
    std::string_view rest = out_;
    while (!rest.empty()) {
      std::size_t length = 0;
      for (std::size_t i = 0; i < 4; ++i) {
        length |= static_cast<std::size_t>(static_cast<unsigned char>(rest[i])) << (8 * i);
      }
      v1::Frame& frame = frames.emplace_back();
      EXPECT_TRUE(frame.ParseFromString(std::string(rest.substr(4, length))));
      rest.remove_prefix(4 + length);
    }
    out_.clear();
    return frames;
  }

  std::string out_;
  ManualClock clock_;
  Traffic traffic_{out_, clock_};
};

std::size_t body_bytes(const std::vector<v1::Frame>& frames) {
  std::size_t bytes = 0;
  for (const v1::Frame& frame : frames) {
    bytes += frame.response().body().size() + frame.response_body().data().size();
  }
  return bytes;
}

TEST_F(TrafficTest, SendsASmallResponseAsOneFrame) {
  begin(1);
  EXPECT_TRUE(traffic_.respond(1, {}, "hello", Traffic::Ending::kComplete));
  traffic_.finish(1, 9);
  const std::vector<v1::Frame> frames = sent();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].response().body(), "hello");
  EXPECT_TRUE(frames[0].response().body_complete());
  EXPECT_EQ(frames[1].finished().cpu_us(), 9U);
  EXPECT_EQ(traffic_.size(), 0U);
}

TEST_F(TrafficTest, NeverSendsMoreThanItsCredit) {
  begin(1);
  const std::string body(1'000'000, 'x');
  EXPECT_FALSE(traffic_.respond(1, {}, body, Traffic::Ending::kComplete));
  std::size_t total = body_bytes(sent());
  EXPECT_EQ(total, kBodyWindowBytes);
  EXPECT_TRUE(traffic_.waits_for_peer(1));
  bool done = false;
  std::vector<v1::Frame> frames;
  while (!done) {
    done = traffic_.add_credit({.id = 1, .bytes = 50'000});
    frames = sent();
    EXPECT_LE(body_bytes(frames), 50'000U);
    ASSERT_FALSE(frames.empty());
    EXPECT_EQ(frames.back().response_body().last(), done);
    total += body_bytes(frames);
  }
  EXPECT_EQ(total, body.size());
  EXPECT_FALSE(traffic_.waits_for_peer(1));
}

TEST_F(TrafficTest, DoesNotTakeMoreCreditThanTheWindow) {
  begin(1);
  EXPECT_FALSE(traffic_.add_credit({.id = 1, .bytes = 0xFFFFFFFF}));
  EXPECT_FALSE(traffic_.respond(1, {}, std::string(600'000, 'x'), Traffic::Ending::kOpen));
  EXPECT_EQ(body_bytes(sent()), kBodyWindowBytes);
}

TEST_F(TrafficTest, SendsTheEndOfAnOpenBody) {
  begin(1);
  EXPECT_TRUE(traffic_.respond(1, {}, {}, Traffic::Ending::kOpen));
  EXPECT_TRUE(traffic_.write_body(1, "a"));
  EXPECT_TRUE(traffic_.end_body(1));
  const std::vector<v1::Frame> frames = sent();
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_FALSE(frames[0].response().body_complete());
  EXPECT_FALSE(frames[1].response_body().last());
  EXPECT_TRUE(frames[2].response_body().last());
  traffic_.fail(1, FailureKind::kException, {});
  EXPECT_TRUE(sent().empty()) << "a failure after the whole response";
}

TEST_F(TrafficTest, GivesCreditAsTheReaderTakes) {
  begin(1, std::string(1000, 'a'), /*complete=*/false);
  const Result<bool> early = traffic_.add_body({.id = 1, .data = std::string(65536, 'b')});
  ASSERT_TRUE(early.ok());
  EXPECT_FALSE(early.value()) << "nobody waits yet";
  EXPECT_TRUE(sent().empty()) << "credit before anything was read";
  EXPECT_EQ(traffic_.read_body(1).data.size(), 1000U);
  EXPECT_EQ(traffic_.read_body(1).data.size(), 65536U);
  std::size_t credit = 0;
  for (const v1::Frame& frame : sent()) credit += frame.credit().bytes();
  EXPECT_EQ(credit, 66536U);
  EXPECT_EQ(traffic_.read_body(1).kind, Traffic::Piece::kNotYet);
  EXPECT_TRUE(traffic_.waits_for_peer(1));
  const Result<bool> awaited = traffic_.add_body({.id = 1, .data = {}, .last = true});
  ASSERT_TRUE(awaited.ok());
  EXPECT_TRUE(awaited.value());
  EXPECT_EQ(traffic_.read_body(1).kind, Traffic::Piece::kEnd);
}

TEST_F(TrafficTest, RefusesABodyBeyondItsCredit) {
  begin(1, {}, /*complete=*/false);
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(traffic_.add_body({.id = 1, .data = std::string(65536, 'b')}).ok());
  }
  EXPECT_FALSE(traffic_.add_body({.id = 1, .data = "b"}).ok());
}

TEST_F(TrafficTest, TakesAWholeBodyOnlyWhenItIsHere) {
  begin(1, "abc", /*complete=*/false);
  EXPECT_EQ(traffic_.take_whole_body(1), std::nullopt);
  ASSERT_TRUE(traffic_.add_body({.id = 1, .data = "def", .last = true}).ok());
  EXPECT_EQ(traffic_.take_whole_body(1), "abcdef");
}

TEST_F(TrafficTest, DropsWhatComesForRequestsThatAreOver) {
  begin(1, {}, /*complete=*/false);
  traffic_.finish(1, 0);
  EXPECT_TRUE(traffic_.add_body({.id = 1, .data = "late"}).ok());
  EXPECT_FALSE(traffic_.add_credit({.id = 1, .bytes = 1}));
  sent();
  traffic_.respond(1, {}, "late", Traffic::Ending::kComplete);
  traffic_.fail(1, FailureKind::kException, {});
  traffic_.finish(1, 0);
  EXPECT_TRUE(sent().empty());
}

TEST_F(TrafficTest, FailsOnlyOnce) {
  begin(1);
  traffic_.fail(1, FailureKind::kCpuLimit, {});
  traffic_.fail(1, FailureKind::kException, {});
  const std::vector<v1::Frame> frames = sent();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].failure().kind(), v1::FAILURE_KIND_CPU_LIMIT);
}

TEST_F(TrafficTest, TellsOfALimitAlsoBehindAWholeAnswer) {
  begin(1);
  traffic_.respond(1, {}, {}, Traffic::Ending::kComplete);
  sent();
  traffic_.fail(1, FailureKind::kException, {});
  EXPECT_TRUE(sent().empty());
  traffic_.fail(1, FailureKind::kMemoryLimit, {});
  const std::vector<v1::Frame> frames = sent();
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].failure().kind(), v1::FAILURE_KIND_MEMORY_LIMIT);
}

TEST_F(TrafficTest, MeasuresTheRun) {
  begin(1);
  traffic_.started(1, 700);
  clock_.advance(std::chrono::microseconds(30));
  traffic_.respond(1, {}, {}, Traffic::Ending::kComplete);
  const std::vector<v1::Frame> frames = sent();
  EXPECT_EQ(frames.at(0).response().times().isolate_us(), 700U);
  EXPECT_EQ(frames.at(0).response().times().run_us(), 30U);
}

TEST_F(TrafficTest, SendsTheFiguresOfARestoreWithOneRequest) {
  traffic_.set_restore_figures({.restore_ns = 9'000});
  begin(1);
  traffic_.finish(1, 0);
  begin(2);
  traffic_.finish(2, 0);
  const std::vector<v1::Frame> frames = sent();
  ASSERT_EQ(frames.size(), 2U);
  EXPECT_EQ(frames[0].finished().restore().restore_ns(), 9'000U);
  EXPECT_FALSE(frames[1].finished().has_restore());
}

TEST_F(TrafficTest, KeepsToTheLogLimitOfEachRequestAndSaysSo) {
  traffic_.set_limits({.log_kib = 2});
  for (std::uint32_t id = 1; id <= 3; ++id) begin(id);
  const std::string line(1'000, 'x');
  for (int i = 0; i < 100; ++i) traffic_.log(1, "log", line);
  std::vector<v1::Frame> frames = sent();
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[1].log().text(), line);
  EXPECT_EQ(frames[2].log().level(), "warn");
  EXPECT_NE(frames[2].log().text().find("limit of 2 KiB"), std::string::npos);
  traffic_.log(2, "log", line);
  EXPECT_EQ(sent().size(), 1U) << "another request has its own";
  traffic_.finish(2, 0);
  EXPECT_FALSE(sent().at(0).finished().reached_log());
  for (int i = 0; i < 100; ++i) traffic_.log(3, "log", "");
  EXPECT_LT(sent().size(), 40U) << "empty lines count too";
  traffic_.finish(1, 0);
  EXPECT_TRUE(sent().at(0).finished().reached_log());
}

TEST_F(TrafficTest, TellsThatARequestWantedTooManySubrequests) {
  traffic_.set_limits({.subrequests = 0});
  begin(1);
  EXPECT_FALSE(traffic_.subrequests().start(1, {.method = "GET", .url = "http://a/"}, {}).ok());
  traffic_.finish(1, 0);
  EXPECT_TRUE(sent().at(0).finished().reached_subrequests());
}

TEST_F(TrafficTest, WaitsForItsSubrequestsAsForAPeer) {
  begin(1);
  EXPECT_FALSE(traffic_.waits_for_peer(1));
  ASSERT_TRUE(traffic_.subrequests().start(1, {.method = "GET", .url = "http://a/"}, {}).ok());
  EXPECT_TRUE(traffic_.waits_for_peer(1));
}

TEST_F(TrafficTest, CutsLogsAtWholeCharacters) {
  begin(1);
  std::string text(kLogTextBytesMax - 1, 'x');
  text += "€";
  traffic_.log(1, "log", text);
  EXPECT_EQ(sent().at(0).log().text().size(), kLogTextBytesMax - 1);
}

}  // namespace
}  // namespace isopop::executor
