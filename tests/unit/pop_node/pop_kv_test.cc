#include "pop_node/kv/pop_kv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace isopop::pop {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kNowMs = 1'795'000'000'000;
constexpr seconds kMinute{60};

KvCopy copy_of(const std::string& value, std::uint64_t stamp, std::int64_t expires_at_s = 0) {
  auto copy = std::make_shared<v1::KvReadResponse>();
  copy->set_found(true);
  copy->set_value(value);
  copy->set_stamp(stamp);
  copy->set_expires_at_s(expires_at_s);
  return copy;
}

// Answers when the test says so.
class ScriptedUpstream final : public KvUpstream {
 public:
  void read(const KvKey& key, ReadAnswer answer) override {
    reads.push_back({key, std::move(answer)});
  }
  void write(v1::KvWriteRequest::Write write, WriteAnswer answer) override {
    writes.push_back({std::move(write), std::move(answer)});
  }
  void list(const v1::KvListRequest& /*request*/, ListAnswer answer) override {
    answer(v1::KvListResponse());
  }
  void connect_anew() override { ++connections; }

  void answer_read(Result<KvCopy> answer) {
    auto read = std::move(reads.front());
    reads.pop_front();
    read.second(std::move(answer));
  }
  // By default the write's own stamp.
  void answer_write(std::optional<std::uint64_t> stamp = std::nullopt) {
    auto write = std::move(writes.front());
    writes.pop_front();
    v1::KvWriteResponse response;
    response.add_stamps(stamp.value_or(write.first.stamp()));
    write.second(std::move(response));
  }
  void fail_write(ErrorCode code) {
    auto write = std::move(writes.front());
    writes.pop_front();
    write.second(Error{code, "no"});
  }

  int connections = 0;
  std::deque<std::pair<KvKey, ReadAnswer>> reads;
  std::deque<std::pair<v1::KvWriteRequest::Write, WriteAnswer>> writes;
};

class PopKvTest : public ::testing::Test {
 protected:
  // Its answers go into `seen`: the value, "-" for none, "!" for an error.
  void read(seconds age_max = kMinute, const KvKey& key = kKey) {
    kv_.read(key, age_max, [this](const Result<KvCopy>& answer) {
      if (!answer.ok()) {
        seen_.emplace_back("!");
      } else {
        seen_.emplace_back(answer.value()->found() ? answer.value()->value() : "-");
      }
    });
  }
  void write(const std::string& value) {
    v1::KvWriteRequest::Write write;
    write.set_namespace_(kKey.space);
    write.set_key(kKey.key);
    write.set_value(value);
    kv_.write(std::move(write), [this](const Result<void>& done) {
      seen_.emplace_back(done.ok() ? "written" : "!");
    });
  }
  void tell(std::uint64_t stamp, std::int64_t committed_at_ms = kNowMs) {
    v1::KvInvalidations told;
    v1::KvInvalidations::Entry& entry = *told.add_entries();
    entry.set_namespace_(kKey.space);
    entry.set_key(kKey.key);
    entry.set_stamp(stamp);
    entry.set_committed_at_ms(committed_at_ms);
    kv_.invalidate(told);
  }
  std::vector<std::string> seen() { return std::exchange(seen_, {}); }

  inline static const KvKey kKey{.space = "shop", .key = "a"};
  ManualClock clock_{from_unix_ms(kNowMs)};
  ScriptedUpstream upstream_;
  PopKv kv_{clock_, upstream_};
  std::vector<std::string> seen_;
};

TEST_F(PopKvTest, ASecondReadIsAnsweredFromTheCopy) {
  read();
  upstream_.answer_read(copy_of("1", 10));
  read();
  EXPECT_THAT(seen(), ElementsAre("1", "1"));
  EXPECT_THAT(upstream_.reads, IsEmpty());
  EXPECT_EQ(kv_.figures().hits(), 1U);
  EXPECT_EQ(kv_.figures().misses(), 1U);
}

TEST_F(PopKvTest, HoweverManyReadAtOnceOneQuestionIsAsked) {
  for (int i = 0; i < 100; ++i) read();
  ASSERT_THAT(upstream_.reads, SizeIs(1));
  upstream_.answer_read(copy_of("1", 10));
  EXPECT_THAT(seen(), SizeIs(100));
  EXPECT_EQ(kv_.figures().misses(), 1U);
  EXPECT_EQ(kv_.figures().joined(), 99U);
}

TEST_F(PopKvTest, ThatAKeyIsNotThereIsACopyToo) {
  read();
  upstream_.answer_read(KvCopy(std::make_shared<v1::KvReadResponse>()));
  read();
  EXPECT_THAT(seen(), ElementsAre("-", "-"));
  EXPECT_THAT(upstream_.reads, IsEmpty());
}

TEST_F(PopKvTest, ACopyIsAskedForAnewWhenItIsTooOldForItsReader) {
  read();
  upstream_.answer_read(copy_of("1", 10));
  clock_.advance(seconds(40));
  read(seconds(30));
  EXPECT_THAT(upstream_.reads, SizeIs(1));
  upstream_.answer_read(copy_of("2", 11));
  clock_.advance(seconds(60));
  read();
  EXPECT_THAT(upstream_.reads, IsEmpty());
  clock_.advance(seconds(1));
  read();
  EXPECT_THAT(upstream_.reads, SizeIs(1));
}

TEST_F(PopKvTest, NobodyAsksForCopiesYoungerThanThirtySeconds) {
  read();
  upstream_.answer_read(copy_of("1", 10));
  clock_.advance(seconds(29));
  read(seconds(0));
  EXPECT_THAT(upstream_.reads, IsEmpty());
}

TEST_F(PopKvTest, ACopyThatHasExpiredIsNotThere) {
  read();
  upstream_.answer_read(copy_of("1", 10, kNowMs / 1000 + 20));
  clock_.advance(seconds(20));
  read();
  EXPECT_THAT(seen(), ElementsAre("1", "-"));
  EXPECT_THAT(upstream_.reads, IsEmpty());
}

TEST_F(PopKvTest, WhatChangedIsAskedForAnewAndItsAgeIsMeasured) {
  read();
  upstream_.answer_read(copy_of("1", 10));
  tell(11, kNowMs - 40);
  read();
  upstream_.answer_read(copy_of("2", 11));
  EXPECT_THAT(seen(), ElementsAre("1", "2"));
  const v1::KvFigures figures = kv_.figures();
  EXPECT_EQ(figures.invalidations(), 1U);
  ASSERT_EQ(figures.staleness_size(), 1);
  EXPECT_EQ(figures.staleness(0).index(), latency_bucket(std::chrono::milliseconds(40)));
  EXPECT_EQ(figures.staleness(0).count(), 1U);
}

TEST_F(PopKvTest, OldNewsOfACopyIsNone) {
  read();
  upstream_.answer_read(copy_of("2", 11));
  tell(11);
  tell(10);
  read();
  EXPECT_THAT(upstream_.reads, IsEmpty());
  EXPECT_EQ(kv_.figures().invalidations(), 0U);
}

TEST_F(PopKvTest, AnAnswerThatNewsHaveOvertakenBecomesNoCopy) {
  read();
  tell(11);
  read();  // asks anew: the first question may have been answered before the change
  ASSERT_THAT(upstream_.reads, SizeIs(2));
  upstream_.answer_read(copy_of("old", 10));
  EXPECT_THAT(seen(), ElementsAre("old"));
  read();
  EXPECT_THAT(upstream_.reads, SizeIs(1)) << "it joins the second";
  upstream_.answer_read(copy_of("new", 11));
  read();
  EXPECT_THAT(seen(), ElementsAre("new", "new", "new"));
}

TEST_F(PopKvTest, EverythingIsDoubtedAfterANewStream) {
  read();
  upstream_.answer_read(copy_of("1", 10));
  read(kMinute, {.space = "shop", .key = "b"});
  kv_.stream_began();
  EXPECT_EQ(upstream_.connections, 1);
  upstream_.answer_read(copy_of("b", 10));
  read();
  read(kMinute, {.space = "shop", .key = "b"});
  EXPECT_THAT(upstream_.reads, SizeIs(2));
}

TEST_F(PopKvTest, EverythingIsDoubtedWhenItIsTold) {
  read();
  upstream_.answer_read(copy_of("1", 10));
  v1::KvInvalidations told;
  told.set_everything(true);
  kv_.invalidate(told);
  read();
  EXPECT_THAT(upstream_.reads, SizeIs(1));
}

TEST_F(PopKvTest, AWriteIsReadHereOnceItIsDurable) {
  read();
  upstream_.answer_read(copy_of("old", 10));
  write("new");
  read();
  EXPECT_THAT(seen(), ElementsAre("old", "old"));
  upstream_.answer_write();
  read();
  EXPECT_THAT(seen(), ElementsAre("written", "new"));
  EXPECT_EQ(kv_.figures().writes(), 1U);
}

TEST_F(PopKvTest, AQuestionFromBeforeAWriteDoesNotReplaceIt) {
  read();
  write("new");
  upstream_.answer_write();
  upstream_.answer_read(copy_of("old", 10));
  read();
  EXPECT_THAT(seen(), ElementsAre("written", "old", "new"));
}

TEST_F(PopKvTest, AWriteThatLostIsNoCopy) {
  write("mine");
  upstream_.answer_write(upstream_.writes.front().first.stamp() + 5);
  read();
  EXPECT_THAT(upstream_.reads, SizeIs(1));
}

TEST_F(PopKvTest, AWriteOvertakenByNewsOfALaterOneIsNoCopy) {
  write("mine");
  tell(upstream_.writes.front().first.stamp() + 5);
  upstream_.answer_write();
  read();
  EXPECT_THAT(upstream_.reads, SizeIs(1));
}

TEST_F(PopKvTest, AWriteThatFailedMayHaveBeenDone) {
  read();
  upstream_.answer_read(copy_of("old", 10));
  write("new");
  upstream_.fail_write(ErrorCode::kDeadlineExceeded);
  read();
  EXPECT_THAT(seen(), ElementsAre("old", "!"));
  EXPECT_THAT(upstream_.reads, SizeIs(1));
}

TEST_F(PopKvTest, WritesAreStampedInTheirOrderAndAfterWhatWasRead) {
  const std::uint64_t ahead = HybridClock::stamp_of(kNowMs + 5'000);
  read();
  upstream_.answer_read(copy_of("1", ahead));
  write("2");
  write("3");
  EXPECT_EQ(upstream_.writes[0].first.stamp(), ahead + 1);
  EXPECT_EQ(upstream_.writes[1].first.stamp(), ahead + 2);
}

TEST_F(PopKvTest, OldCopiesServeWhileTheControlPlaneIsAway) {
  read();
  upstream_.answer_read(copy_of("1", 10));
  clock_.advance(seconds(3'600));
  read();
  read();
  upstream_.answer_read(Error{ErrorCode::kUnavailable, "away"});
  EXPECT_THAT(seen(), ElementsAre("1", "1", "1"));
  EXPECT_EQ(kv_.stale_reads(), 2U);
  read(kMinute, {.space = "shop", .key = "never read"});
  upstream_.answer_read(Error{ErrorCode::kUnavailable, "away"});
  EXPECT_THAT(seen(), ElementsAre("!"));
}

TEST_F(PopKvTest, OtherErrorsAreNotHiddenByACopy) {
  read();
  upstream_.answer_read(copy_of("1", 10));
  clock_.advance(seconds(61));
  read();
  upstream_.answer_read(Error{ErrorCode::kNotFound, "the namespace is gone"});
  EXPECT_THAT(seen(), ElementsAre("1", "!"));
}

TEST(KvCache, ForgetsWhatWasNotUsedForLongest) {
  ManualClock clock;
  KvCache cache(clock, 3'000);
  const auto key = [](const char* name) { return KvKey{.space = "shop", .key = name}; };
  const std::string value(600, 'x');
  for (const char* name : {"a", "b", "c"}) cache.keep(key(name), copy_of(value, 1));
  EXPECT_NE(cache.fresh(key("a"), kMinute), nullptr);
  cache.keep(key("d"), copy_of(value, 1));
  EXPECT_EQ(cache.any(key("b")), nullptr);
  EXPECT_NE(cache.any(key("a")), nullptr);
  EXPECT_EQ(cache.size(), 3U);
  EXPECT_LE(cache.bytes(), 3'000U);
}

TEST(KvCache, AValueThatDoesNotFitIsNotKept) {
  ManualClock clock;
  KvCache cache(clock, 1'000);
  cache.keep({.space = "shop", .key = "a"}, copy_of("1", 1));
  cache.keep({.space = "shop", .key = "b"}, copy_of(std::string(1'000, 'x'), 1));
  EXPECT_EQ(cache.size(), 1U);
  cache.keep({.space = "shop", .key = "a"}, copy_of(std::string(1'000, 'x'), 2));
  EXPECT_EQ(cache.size(), 0U) << "nor is the one that it took the place of";
  EXPECT_EQ(cache.bytes(), 0U);
}

TEST(KvCache, AnOlderCopyDoesNotTakeThePlaceOfANewerOne) {
  ManualClock clock;
  KvCache cache(clock, 1'000);
  const KvKey key{.space = "shop", .key = "a"};
  cache.keep(key, copy_of("new", 2));
  cache.keep(key, copy_of("old", 1));
  EXPECT_EQ(cache.any(key)->value(), "new");
}

}  // namespace
}  // namespace isopop::pop
