#include "control_plane/audit/audit_log.h"

#include <gtest/gtest.h>

#include "common/files/files.h"
#include "control_plane/registry/schema.h"

namespace isopop::control {
namespace {

class AuditLogTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(migrate(*database_).ok()); }

  void append(const std::string& actor, const std::string& object) {
    const Result<void> appended = log_.append(
        {.actor = {actor}, .action = "deployment.create", .object = object, .detail_json = "{}"});
    ASSERT_TRUE(appended.ok()) << appended.error().message;
    clock_.advance(std::chrono::milliseconds(1));
  }
  [[nodiscard]] std::vector<std::uint64_t> numbers(const AuditLog::Filter& filter) {
    std::vector<std::uint64_t> found;
    for (const AuditLog::Entry& entry : log_.list(filter).value()) found.push_back(entry.number);
    return found;
  }
  // What somebody does who opens the file with another program.
  void tamper(const std::string& sql) {
    ASSERT_TRUE(
        database_
            ->execute("DROP TRIGGER audit_keeps_entries; DROP TRIGGER audit_keeps_words;" + sql)
            .ok());
  }

  const TempFolder folder_ = TempFolder::create("isopop-audit-").value();
  const std::unique_ptr<Database> database_ = Database::open(folder_.path() / "control.db").value();
  ManualClock clock_{from_unix_ms(1'790'000'000'000)};
  AuditLog log_{*database_, clock_};
};

using Numbers = std::vector<std::uint64_t>;

TEST_F(AuditLogTest, EntriesAreNumberedWithoutGapsAndComeNewestFirst) {
  append("token:ci", "worker/shop");
  append("pop/AMS", "worker/blog");
  const std::vector<AuditLog::Entry> entries = log_.list({}).value();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].number, 2U);
  EXPECT_EQ(entries[0].event.actor.name, "pop/AMS");
  EXPECT_EQ(entries[0].event.object, "worker/blog");
  EXPECT_EQ(entries[1].number, 1U);
  EXPECT_EQ(entries[1].at_ms, 1'790'000'000'000);
  EXPECT_EQ(log_.first_damaged().value(), 0U);
}

TEST_F(AuditLogTest, FiltersByObjectWithWhatBelongsToIt) {
  append("a", "worker/shop");
  append("a", "worker/shop-api");
  append("b", "worker/shop/secret/KEY");
  append("b", "worker/blog");
  EXPECT_EQ(numbers({.object = "worker/shop", .actor = {}}), (Numbers{3, 1}));
  EXPECT_EQ(numbers({.object = {}, .actor = "b"}), (Numbers{4, 3}));
  EXPECT_EQ(numbers({.object = "worker/shop", .actor = "a"}), (Numbers{1}));
  EXPECT_EQ(numbers({.object = {}, .actor = {}, .before = 3, .limit = 1}), (Numbers{2}));
}

TEST_F(AuditLogTest, TheDatabaseRefusesToChangeRemoveOrReplace) {
  append("a", "worker/shop");
  append("a", "worker/shop");
  EXPECT_FALSE(database_->execute("UPDATE audit SET actor = 'b' WHERE number = 1").ok());
  EXPECT_FALSE(database_->execute("DELETE FROM audit WHERE number = 2").ok());
  EXPECT_FALSE(
      database_->execute("INSERT OR REPLACE INTO audit VALUES (2, 0, '', '', '', '', '')").ok());
  EXPECT_FALSE(database_->execute("INSERT INTO audit VALUES (9, 0, '', '', '', '', '')").ok());
  EXPECT_EQ(numbers({}), (Numbers{2, 1}));
  EXPECT_EQ(log_.first_damaged().value(), 0U);
}

TEST_F(AuditLogTest, SaysWhichEntryWasChangedBehindItsBack) {
  for (int i = 0; i < 4; ++i) append("a", "worker/shop");
  tamper("UPDATE audit SET actor = 'b' WHERE number = 3");
  EXPECT_EQ(log_.first_damaged().value(), 3U);
}

TEST_F(AuditLogTest, SaysWhereOneWasTakenOut) {
  for (int i = 0; i < 4; ++i) append("a", "worker/shop");
  tamper("DELETE FROM audit WHERE number = 2");
  EXPECT_EQ(log_.first_damaged().value(), 2U);
}

// Moving a letter from one field to its neighbour changes the hash as well.
TEST_F(AuditLogTest, FieldsAreTold) {
  append("ab", "c");
  tamper("UPDATE audit SET actor = 'a', action = 'bdeployment.create'");
  EXPECT_EQ(log_.first_damaged().value(), 1U);
}

TEST_F(AuditLogTest, AnEntryGoesWithTheTransactionOfItsChange) {
  {
    const Transaction transaction = Transaction::begin(*database_).value();
    append("a", "worker/shop");
  }
  EXPECT_EQ(numbers({}), Numbers{});
  append("a", "worker/shop");
  EXPECT_EQ(numbers({}), Numbers{1});
}

}  // namespace
}  // namespace isopop::control
