#include "control_plane/kv/kv_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "control_plane/audit/audit_log.h"
#include "control_plane/kv/kv_reader.h"
#include "control_plane/kv/kv_table.h"

namespace isopop::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::int64_t kNowMs = 1'795'000'000'000;
using Written = Result<v1::KvWriteResponse>;
using Found = Result<v1::KvReadResponse>;

class KvWriterTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }

  void open() {
    writer_.reset();
    store_.reset();
    Result<std::unique_ptr<Registry>> opened =
        Registry::open(folder_.path() / "control.db", clock_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    store_ = std::make_unique<Store>(std::move(opened).value());
    make_writer({});
    store_
        ->call([this](Registry& registry) {
          return KvTable(registry.database(), clock_).create_namespace("shop");
        })
        .ignore("it is there the second time");
  }
  void make_writer(KvWriter::Limits limits) {
    writer_ = std::make_unique<KvWriter>(
        *store_, clock_,
        [this](const std::vector<KvWriter::Changed>& changed) {
          changed_.insert(changed_.end(), changed.begin(), changed.end());
        },
        limits);
  }

  static KvWriter::Request request_of(const std::string& key, const std::string& value,
                                      std::uint64_t stamp = 0, const std::string& origin = "AMS") {
    KvWriter::Request request;
    v1::KvWriteRequest::Write& write = *request.writes.add_writes();
    write.set_namespace_("shop");
    write.set_key(key);
    write.set_value(value);
    write.set_stamp(stamp);
    request.writes.set_origin(origin);
    return request;
  }
  std::future<Written> begin(KvWriter::Request request) {
    const auto promise = std::make_shared<std::promise<Written>>();
    std::future<Written> answer = promise->get_future();
    writer_->write(std::move(request),
                   [promise](Written written) { promise->set_value(std::move(written)); });
    return answer;
  }
  Written write(KvWriter::Request request) { return begin(std::move(request)).get(); }
  std::string read(const std::string& key) {
    return store_
        ->call([&](Registry& registry) {
          return KvTable(registry.database(), clock_).read("shop", key);
        })
        .value()
        .value();
  }
  // Holds the store's thread, as a slow disk does, until the promise is kept.
  std::promise<void> hold_store() {
    std::promise<void> release;
    std::promise<void> held;
    std::future<void> is_held = held.get_future();
    EXPECT_TRUE(
        store_->post([until = release.get_future().share(),
                      held = std::make_shared<std::promise<void>>(std::move(held))](Registry&) {
          held->set_value();
          until.wait();
        }));
    is_held.wait();
    return release;
  }

  TempFolder folder_ = TempFolder::create("isopop-kv-").value();
  ManualClock clock_{from_unix_ms(kNowMs)};
  std::unique_ptr<Store> store_;
  std::unique_ptr<KvWriter> writer_;
  std::vector<KvWriter::Changed> changed_;  // on the store's thread
};

TEST_F(KvWriterTest, AnswersWithTheStampItGave) {
  const Written written = write(request_of("a", "1"));
  ASSERT_TRUE(written.ok()) << written.error().message;
  EXPECT_THAT(written.value().stamps(), ElementsAre(HybridClock::stamp_of(kNowMs)));
  EXPECT_EQ(written.value().committed_at_ms(), kNowMs);
  EXPECT_EQ(read("a"), "1");
}

TEST_F(KvWriterTest, WhatComesWhileTheDiskWorksIsOneTransaction) {
  std::promise<void> release = hold_store();
  std::vector<std::future<Written>> answers;
  answers.reserve(100);
  for (int i = 0; i < 100; ++i) {
    answers.push_back(begin(request_of("key" + std::to_string(i), "1")));
  }
  EXPECT_EQ(writer_->totals().transactions, 0U);
  release.set_value();
  for (std::future<Written>& answer : answers) EXPECT_TRUE(answer.get().ok());
  EXPECT_EQ(writer_->totals().writes, 100U);
  EXPECT_EQ(writer_->totals().transactions, 1U);
}

TEST_F(KvWriterTest, WhatWouldBeTooLargeForOneTransactionIsTwo) {
  make_writer({.waiting_max = 100, .waiting_bytes_max = 1'000, .transaction_bytes_max = 10});
  std::promise<void> release = hold_store();
  std::future<Written> first = begin(request_of("a", "12345678"));
  std::future<Written> second = begin(request_of("b", "12345678"));
  release.set_value();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(second.get().ok());
  EXPECT_EQ(read("b"), "12345678");
  EXPECT_EQ(writer_->totals().transactions, 2U);
}

TEST_F(KvWriterTest, TurnsAwayWhatItHasNoRoomFor) {
  make_writer({.waiting_max = 2, .waiting_bytes_max = 10, .transaction_bytes_max = 100});
  std::promise<void> release = hold_store();
  std::future<Written> first = begin(request_of("a", "1234"));
  const Written too_large = write(request_of("b", "123456"));
  ASSERT_FALSE(too_large.ok());
  EXPECT_EQ(too_large.error().code, ErrorCode::kResourceExhausted);
  std::future<Written> second = begin(request_of("b", "1"));
  const Written too_many = write(request_of("c", ""));
  ASSERT_FALSE(too_many.ok());
  EXPECT_EQ(too_many.error().code, ErrorCode::kResourceExhausted);
  release.set_value();
  EXPECT_TRUE(first.get().ok());
  EXPECT_TRUE(second.get().ok());
  EXPECT_TRUE(write(request_of("c", "")).ok()) << "there is room again";
}

TEST_F(KvWriterTest, ARequestIsWrittenWholeOrNotAtAllAndSpoilsNoOther) {
  std::promise<void> release = hold_store();
  KvWriter::Request broken = request_of("a", "1");
  *broken.writes.add_writes() = broken.writes.writes(0);
  broken.writes.mutable_writes(1)->set_namespace_("nowhere");
  std::future<Written> bad = begin(std::move(broken));
  std::future<Written> good = begin(request_of("b", "1"));
  release.set_value();
  const Written refused = bad.get();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(good.get().ok());
  EXPECT_EQ(read("a"), "");
  EXPECT_EQ(read("b"), "1");
}

TEST_F(KvWriterTest, KeepsTheStampOfAPoPWhoseClockIsRight) {
  const std::uint64_t stamp = HybridClock::stamp_of(kNowMs - 5'000);
  EXPECT_THAT(write(request_of("a", "1", stamp)).value().stamps(), ElementsAre(stamp));
}

TEST_F(KvWriterTest, AnOlderWriteThatComesLateLoses) {
  const std::uint64_t stamp = HybridClock::stamp_of(kNowMs - 5'000);
  ASSERT_TRUE(write(request_of("a", "new", stamp, "AMS")).ok());
  changed_.clear();
  const Written late = write(request_of("a", "old", stamp - 1, "FRA"));
  EXPECT_THAT(late.value().stamps(), ElementsAre(stamp)) << "what is true now";
  EXPECT_EQ(read("a"), "new");
  EXPECT_THAT(changed_, IsEmpty());
}

TEST_F(KvWriterTest, AStampOfAWrongClockIsReplaced) {
  const std::uint64_t ahead = HybridClock::stamp_of(kNowMs + 3'600'000);
  const std::uint64_t behind = HybridClock::stamp_of(kNowMs - 3'600'000);
  const std::uint64_t here = HybridClock::stamp_of(kNowMs);
  EXPECT_THAT(write(request_of("a", "1", ahead)).value().stamps(), ElementsAre(here));
  EXPECT_THAT(write(request_of("a", "2", behind)).value().stamps(), ElementsAre(here + 1));
  EXPECT_EQ(read("a"), "2");
  EXPECT_EQ(writer_->totals().restamped, 2U);
}

TEST_F(KvWriterTest, GivesGreaterStampsAfterARestartAlsoWhenTheClockWentBack) {
  const std::uint64_t before = write(request_of("a", "1")).value().stamps(0);
  clock_.advance(-std::chrono::seconds(30));
  open();
  EXPECT_THAT(write(request_of("a", "2")).value().stamps(), ElementsAre(before + 1));
  EXPECT_EQ(read("a"), "2");
}

TEST_F(KvWriterTest, SaysWhatChanged) {
  ASSERT_TRUE(write(request_of("a", "1")).ok());
  ASSERT_THAT(changed_, SizeIs(1));
  EXPECT_EQ(changed_[0].change.key, (KvKey{.space = "shop", .key = "a"}));
  EXPECT_EQ(changed_[0].change.stamp, HybridClock::stamp_of(kNowMs));
  EXPECT_EQ(changed_[0].change.committed_at_ms, kNowMs);
  EXPECT_EQ(changed_[0].origin, "AMS");
}

TEST_F(KvWriterTest, WhatPeopleWriteIsAuditedAndNotTheValue) {
  KvWriter::Request request = request_of("a", "value");
  request.actor = {"token:ci"};
  request.is_audited = true;
  ASSERT_TRUE(write(std::move(request)).ok());
  ASSERT_TRUE(write(request_of("b", "of a PoP")).ok());
  const auto entries = store_->call([this](Registry& registry) {
    return AuditLog(registry.database(), clock_).list({.object = "kv/shop"});
  });
  ASSERT_THAT(entries.value(), SizeIs(1));
  EXPECT_EQ(entries.value()[0].event.actor.name, "token:ci");
  EXPECT_EQ(entries.value()[0].event.action, "kv.write");
  EXPECT_EQ(entries.value()[0].event.detail_json, R"({"keys":1})");
}

TEST_F(KvWriterTest, ReadersOfOneKeyAreAnsweredFromOneLook) {
  ASSERT_TRUE(write(request_of("a", "1")).ok());
  std::vector<std::string> given;
  KvReader reader(*store_, clock_, [&given](const std::string& name, const KvKey& key) {
    given.push_back(name + ":" + key.key);
  });
  std::promise<void> release = hold_store();
  std::vector<std::future<Found>> answers;
  for (const char* name : {"AMS", "FRA", ""}) {
    const auto promise = std::make_shared<std::promise<Found>>();
    answers.push_back(promise->get_future());
    reader.read({.space = "shop", .key = "a"}, name,
                [promise](const Found& found) { promise->set_value(found); });
  }
  release.set_value();
  for (std::future<Found>& answer : answers) EXPECT_EQ(answer.get().value().value(), "1");
  EXPECT_THAT(given, ElementsAre("AMS:a", "FRA:a"));
}

TEST_F(KvWriterTest, LargeAnswersWaitUntilThoseBeforeAreSent) {
  const std::string large(KvReader::kSmallBytes + 1, 'x');
  ASSERT_TRUE(write(request_of("large", large)).ok());
  ASSERT_TRUE(write(request_of("small", "1")).ok());
  KvReader reader(*store_, clock_, [](const std::string&, const KvKey&) {},
                  {.waiting_max = 2, .answer_bytes_max = large.size()});
  const auto ask = [&reader](const std::string& key) {
    const auto promise = std::make_shared<std::promise<Found>>();
    reader.read({.space = "shop", .key = key}, "",
                [promise](const Found& found) { promise->set_value(found); });
    return promise->get_future();
  };
  const std::size_t room = KvReader::room_for(ask("large").get().value());
  EXPECT_EQ(room, large.size());
  std::future<Found> second = ask("large");
  EXPECT_TRUE(ask("small").get().ok()) << "small ones need no room";
  EXPECT_EQ(second.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  reader.release(room);
  EXPECT_EQ(second.get().value().value(), large);
}

}  // namespace
}  // namespace isopop::control
