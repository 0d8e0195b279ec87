#include "control_plane/secrets/secret_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/files/files.h"
#include "control_plane/registry/schema.h"

namespace isopop::control {
namespace {

using testing::HasSubstr;
using testing::Not;

class SecretTableTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(migrate(*database_).ok()); }

  Result<bool> put(const std::string& worker, const std::string& name, const std::string& value) {
    return table_.put(
        {.worker = worker, .name = name, .selector = "AMS", .value = value},
        {.name = name, .selector = "AMS", .changed_at_ms = 7, .changed_by = "token:ci"});
  }

  const TempFolder folder_ = TempFolder::create("isopop-secrets-").value();
  const std::unique_ptr<Database> database_ = Database::open(folder_.path() / "control.db").value();
  const pki::SealKey key_ = pki::SealKey::generate();
  SecretTable table_{*database_, key_};
};

TEST_F(SecretTableTest, KeepsValuesThatTheFileDoesNotTell) {
  EXPECT_FALSE(put("shop", "KEY", "hunter2-in-the-clear").value());
  EXPECT_TRUE(put("shop", "KEY", "hunter3-in-the-clear").value());
  const std::vector<SecretTable::Secret> secrets = table_.of("shop").value();
  ASSERT_EQ(secrets.size(), 1U);
  EXPECT_EQ(secrets[0].value, "hunter3-in-the-clear");
  EXPECT_EQ(secrets[0].selector, "AMS");
  ASSERT_TRUE(database_->execute("PRAGMA wal_checkpoint(TRUNCATE)").ok());
  EXPECT_THAT(read_file(folder_.path() / "control.db").value(), Not(HasSubstr("in-the-clear")));
}

TEST_F(SecretTableTest, ListsWithoutValuesAndByWorker) {
  ASSERT_TRUE(put("shop", "B", "2").ok());
  ASSERT_TRUE(put("shop", "A", "1").ok());
  ASSERT_TRUE(put("blog", "C", "3").ok());
  const std::vector<SecretTable::Described> listed = table_.list("shop").value();
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0].name, "A");
  EXPECT_EQ(listed[1].changed_by, "token:ci");
  EXPECT_EQ(table_.all().value().size(), 3U);
}

TEST_F(SecretTableTest, OneCannotBePutInAnothersPlace) {
  ASSERT_TRUE(put("shop", "KEY", "1").ok());
  ASSERT_TRUE(database_->execute("UPDATE secrets SET worker = 'evil'").ok());
  const auto moved = table_.of("evil");
  ASSERT_FALSE(moved.ok());
  EXPECT_EQ(moved.error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(moved.error().message, HasSubstr("secret KEY of worker evil"));
}

TEST_F(SecretTableTest, AnotherKeyReadsNothing) {
  ASSERT_TRUE(put("shop", "KEY", "1").ok());
  const pki::SealKey other = pki::SealKey::generate();
  EXPECT_FALSE(SecretTable(*database_, other).all().ok());
}

TEST_F(SecretTableTest, WhatIsNotThereIsNotFound) {
  ASSERT_TRUE(put("shop", "KEY", "1").ok());
  EXPECT_EQ(table_.remove("shop", "OTHER").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(table_.remove("blog", "KEY").error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(table_.remove("shop", "KEY").ok());
  EXPECT_TRUE(table_.of("shop").value().empty());
}

TEST_F(SecretTableTest, AWorkerHasNoMoreThanItMay) {
  for (std::size_t i = 0; i < kSecretsPerWorkerMax; ++i) {
    ASSERT_TRUE(put("shop", "KEY" + std::to_string(i), "1").ok());
  }
  EXPECT_EQ(put("shop", "MORE", "1").error().code, ErrorCode::kResourceExhausted);
  EXPECT_TRUE(put("shop", "KEY0", "2").ok());
  EXPECT_TRUE(put("blog", "MORE", "1").ok());
}

TEST(SecretName, IsWhatCodeCanWrite) {
  EXPECT_TRUE(check_secret_name("API_KEY").ok());
  EXPECT_TRUE(check_secret_name("_x1").ok());
  for (const std::string& name :
       {std::string(), std::string("1A"), std::string("A-B"), std::string("A/B"),
        std::string("A\0B", 3), std::string("\xF0\x9F\x98\x80"), std::string(65, 'A'),
        std::string(10'000, 'A')}) {
    EXPECT_FALSE(check_secret_name(name).ok()) << name.substr(0, 80);
  }
}

}  // namespace
}  // namespace isopop::control
