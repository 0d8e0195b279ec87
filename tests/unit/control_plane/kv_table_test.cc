#include "control_plane/kv/kv_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "control_plane/kv/kv_limits.h"
#include "control_plane/registry/registry.h"

namespace isopop::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr std::int64_t kNowMs = 1'795'000'000'000;
constexpr std::int64_t kNowS = kNowMs / 1000;

class KvTableTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Result<std::unique_ptr<Registry>> opened =
        Registry::open(folder_.path() / "control.db", clock_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    registry_ = std::move(opened).value();
    table_ = std::make_unique<KvTable>(registry_->database(), clock_);
    ASSERT_TRUE(table_->create_namespace("shop").ok());
  }

  static v1::KvWriteRequest::Write value_of(const std::string& key, const std::string& value) {
    v1::KvWriteRequest::Write write;
    write.set_namespace_("shop");
    write.set_key(key);
    write.set_value(value);
    return write;
  }
  static v1::KvWriteRequest::Write deletion_of(const std::string& key) {
    v1::KvWriteRequest::Write write;
    write.set_namespace_("shop");
    write.set_key(key);
    write.set_deleted(true);
    return write;
  }

  // True: it changed something.
  bool write(const v1::KvWriteRequest::Write& write, std::uint64_t stamp,
             const std::string& origin = "") {
    const Result<KvTable::Outcome> outcome = table_->write(write, stamp, origin);
    EXPECT_TRUE(outcome.ok()) << (outcome.ok() ? "" : outcome.error().message);
    EXPECT_TRUE(table_->finish_writes(stamp).ok());
    last_ = outcome.ok() ? outcome.value().stamp : 0;
    return outcome.ok() && outcome.value().changed;
  }
  v1::KvReadResponse read(const std::string& key) { return table_->read("shop", key).value(); }
  std::vector<std::string> list(const std::string& prefix = "", std::uint32_t limit = 0,
                                const std::string& cursor = "") {
    v1::KvListRequest request;
    request.set_namespace_("shop");
    request.set_prefix(prefix);
    request.set_limit(limit);
    request.set_cursor(cursor);
    const v1::KvListResponse response = table_->list(request).value();
    cursor_ = response.cursor();
    std::vector<std::string> names;
    for (const v1::KvListResponse::Key& key : response.keys()) names.push_back(key.name());
    return names;
  }

  TempFolder folder_ = TempFolder::create("isopop-kv-").value();
  ManualClock clock_{from_unix_ms(kNowMs)};
  std::unique_ptr<Registry> registry_;
  std::unique_ptr<KvTable> table_;
  std::uint64_t last_ = 0;  // what the last write() was answered
  std::string cursor_;      // and the last list()
};

TEST_F(KvTableTest, KeepsWhatWasWritten) {
  v1::KvWriteRequest::Write wanted = value_of("a", std::string("\0bytes\xff", 7));
  wanted.set_metadata(R"({"by":"me"})");
  wanted.set_expires_at_s(kNowS + 100);
  EXPECT_TRUE(write(wanted, 10));
  const v1::KvReadResponse found = read("a");
  EXPECT_TRUE(found.found());
  EXPECT_EQ(found.value(), std::string("\0bytes\xff", 7));
  EXPECT_EQ(found.metadata(), R"({"by":"me"})");
  EXPECT_EQ(found.expires_at_s(), kNowS + 100);
  EXPECT_EQ(found.stamp(), 10U);
}

TEST_F(KvTableTest, AKeyThatNeverWasHasNoStamp) {
  EXPECT_FALSE(read("a").found());
  EXPECT_EQ(read("a").stamp(), 0U);
}

TEST_F(KvTableTest, TheGreaterStampWinsInWhateverOrderTheyCome) {
  EXPECT_TRUE(write(value_of("a", "new"), 20));
  EXPECT_FALSE(write(value_of("a", "old"), 19));
  EXPECT_EQ(last_, 20U);
  EXPECT_EQ(read("a").value(), "new");
  EXPECT_TRUE(write(value_of("a", "newer"), 21));
  EXPECT_EQ(read("a").value(), "newer");
}

TEST_F(KvTableTest, OfTwoWithOneStampTheGreaterOriginWins) {
  EXPECT_TRUE(write(value_of("a", "of FRA"), 20, "FRA"));
  EXPECT_FALSE(write(value_of("a", "of AMS"), 20, "AMS"));
  EXPECT_EQ(read("a").value(), "of FRA");
  EXPECT_TRUE(write(value_of("a", "of LHR"), 20, "LHR"));
  EXPECT_EQ(read("a").value(), "of LHR");
}

TEST_F(KvTableTest, TheSameWriteAgainChangesNothing) {
  EXPECT_TRUE(write(value_of("a", "1"), 20, "FRA"));
  EXPECT_FALSE(write(value_of("a", "1"), 20, "FRA"));
  EXPECT_EQ(last_, 20U);
}

TEST_F(KvTableTest, ADeletedKeyDoesNotComeBackByAnOlderWrite) {
  EXPECT_TRUE(write(value_of("a", "1"), 10));
  EXPECT_TRUE(write(deletion_of("a"), 20));
  EXPECT_FALSE(read("a").found());
  EXPECT_EQ(read("a").stamp(), 20U);
  EXPECT_FALSE(write(value_of("a", "late"), 15));
  EXPECT_FALSE(read("a").found());
  EXPECT_TRUE(write(value_of("a", "again"), 21));
  EXPECT_EQ(read("a").value(), "again");
}

TEST_F(KvTableTest, AnExpiredKeyIsNotThere) {
  v1::KvWriteRequest::Write wanted = value_of("a", "1");
  wanted.set_expires_at_s(kNowS + 60);
  EXPECT_TRUE(write(wanted, 10));
  clock_.advance(std::chrono::seconds(59));
  EXPECT_TRUE(read("a").found());
  EXPECT_THAT(list(), ElementsAre("a"));
  clock_.advance(std::chrono::seconds(1));
  EXPECT_FALSE(read("a").found());
  EXPECT_THAT(list(), IsEmpty());
}

TEST_F(KvTableTest, ListsByPrefixInPages) {
  for (const char* key : {"b/1", "a/2", "a/1", "a", "a/\xf0\x9f\x98\x80", "a0"}) {
    EXPECT_TRUE(write(value_of(key, "x"), 10));
  }
  EXPECT_TRUE(write(value_of("a/3", "x"), 10));
  EXPECT_TRUE(write(deletion_of("a/3"), 11));
  EXPECT_THAT(list(), ElementsAre("a", "a/1", "a/2", "a/\xf0\x9f\x98\x80", "a0", "b/1"));
  EXPECT_EQ(cursor_, "");
  EXPECT_THAT(list("a/"), ElementsAre("a/1", "a/2", "a/\xf0\x9f\x98\x80"));
  EXPECT_THAT(list("a/", 2), ElementsAre("a/1", "a/2"));
  EXPECT_THAT(list("a/", 2, cursor_), ElementsAre("a/\xf0\x9f\x98\x80"));
  EXPECT_EQ(cursor_, "");
  EXPECT_THAT(list("a/", 3), ElementsAre("a/1", "a/2", "a/\xf0\x9f\x98\x80"));
  EXPECT_EQ(cursor_, "") << "there are no more";
  EXPECT_THAT(list("c"), IsEmpty());
}

TEST_F(KvTableTest, NamespacesCountTheirKeysAndBytes) {
  EXPECT_TRUE(write(value_of("a", "123"), 10));
  EXPECT_TRUE(write(value_of("bb", "1"), 10));
  EXPECT_TRUE(write(value_of("a", "12345"), 11));
  EXPECT_TRUE(write(value_of("c", "1"), 10));
  EXPECT_TRUE(write(deletion_of("c"), 12));
  const std::vector<v1::KvNamespace> all = table_->namespaces().value();
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].name(), "shop");
  EXPECT_EQ(all[0].created_at_ms(), kNowMs);
  EXPECT_EQ(all[0].keys(), 2U);
  EXPECT_EQ(all[0].bytes(), 1U + 5U + 2U + 1U);
}

TEST_F(KvTableTest, ANamespaceIsThereOnce) {
  const Result<v1::KvNamespace> again = table_->create_namespace("shop");
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, ErrorCode::kAlreadyExists);
}

TEST_F(KvTableTest, ADeletedNamespaceTakesItsKeysAlong) {
  EXPECT_TRUE(write(value_of("a", "1"), 10));
  ASSERT_TRUE(table_->delete_namespace("shop").ok());
  const Result<v1::KvReadResponse> gone = table_->read("shop", "a");
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(gone.error().message, HasSubstr("popctl kv namespace create shop"));
  ASSERT_TRUE(table_->create_namespace("shop").ok());
  EXPECT_FALSE(read("a").found());
}

TEST_F(KvTableTest, SweepsTombstonesAndExpiredKeysWhenNobodyNeedsThemAnyMore) {
  v1::KvWriteRequest::Write expiring = value_of("expiring", "1");
  expiring.set_expires_at_s(kNowS + 60);
  EXPECT_TRUE(write(expiring, 10));
  EXPECT_TRUE(write(value_of("stays", "1"), 10));
  EXPECT_TRUE(write(value_of("deleted", "1"), 10));
  EXPECT_TRUE(write(deletion_of("deleted"), 11));
  clock_.advance(KvTable::kTombstonesKept);
  EXPECT_EQ(table_->sweep(100).value(), 0U);
  EXPECT_EQ(read("deleted").stamp(), 11U);
  clock_.advance(std::chrono::seconds(61));
  EXPECT_EQ(table_->sweep(100).value(), 2U);
  EXPECT_EQ(read("deleted").stamp(), 0U);
  EXPECT_EQ(table_->namespaces().value()[0].keys(), 1U);
  EXPECT_EQ(table_->namespaces().value()[0].bytes(), 6U);
}

TEST_F(KvTableTest, RemembersTheGreatestStamp) {
  EXPECT_TRUE(write(value_of("a", "1"), 50));
  EXPECT_TRUE(write(value_of("b", "1"), 40));
  EXPECT_EQ(table_->last_stamp().value(), 50U);
}

TEST(KvLimits, KeysAreThoseOfCloudflare) {
  EXPECT_TRUE(check_kv_key("a/../b \xf0\x9f\x98\x80").ok());
  EXPECT_TRUE(check_kv_key(std::string(512, 'a')).ok());
  EXPECT_FALSE(check_kv_key(std::string(513, 'a')).ok());
  EXPECT_FALSE(check_kv_key("").ok());
  EXPECT_FALSE(check_kv_key(".").ok());
  EXPECT_FALSE(check_kv_key("..").ok());
}

TEST(KvLimits, NamesOfNamespaces) {
  EXPECT_TRUE(check_kv_namespace_name("my-namespace_2").ok());
  EXPECT_TRUE(check_kv_namespace_name(std::string(64, 'a')).ok());
  for (const std::string& name :
       {std::string(), std::string("-a"), std::string("A"), std::string("a/b"), std::string(".."),
        std::string("a\0b", 3), std::string(65, 'a'), std::string(10'000, 'a'),
        std::string("\xf0\x9f\x98\x80")}) {
    EXPECT_FALSE(check_kv_namespace_name(name).ok()) << name;
  }
}

TEST(KvLimits, WritesAreChecked) {
  const WallTime now = from_unix_ms(kNowMs);
  const auto check = [now](auto change) {
    v1::KvWriteRequest request;
    v1::KvWriteRequest::Write& write = *request.add_writes();
    write.set_namespace_("shop");
    write.set_key("a");
    change(write);
    return check_kv_writes(request, now);
  };
  using Write = v1::KvWriteRequest::Write;
  EXPECT_TRUE(check([](Write& write) { write.set_value("1"); }).ok());
  EXPECT_TRUE(
      check([](Write& write) { write.set_value(std::string(kKvValueBytesMax, 'a')); }).ok());
  EXPECT_FALSE(
      check([](Write& write) { write.set_value(std::string(kKvValueBytesMax + 1, 'a')); }).ok());
  EXPECT_TRUE(check([](Write& write) { write.set_metadata("[1]"); }).ok());
  EXPECT_FALSE(check([](Write& write) { write.set_metadata("[1"); }).ok());
  EXPECT_FALSE(
      check([](Write& write) { write.set_metadata('"' + std::string(1'023, 'a') + '"'); }).ok());
  EXPECT_TRUE(check([](Write& write) { write.set_expires_at_s(kNowS + 60); }).ok());
  EXPECT_FALSE(check([](Write& write) { write.set_expires_at_s(kNowS + 30); }).ok());
  EXPECT_FALSE(check([](Write& write) { write.set_expires_at_s(-1); }).ok());
  EXPECT_TRUE(check([](Write& write) { write.set_deleted(true); }).ok());
  EXPECT_FALSE(check([](Write& write) {
                 write.set_deleted(true);
                 write.set_value("1");
               }).ok());
  EXPECT_FALSE(check_kv_writes({}, now).ok());
  v1::KvWriteRequest many;
  for (std::size_t i = 0; i <= kKvWritesMax; ++i) *many.add_writes() = Write();
  EXPECT_FALSE(check_kv_writes(many, now).ok());
}

}  // namespace
}  // namespace isopop::control
