#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "common/files/files.h"
#include "control_plane/registry/registry.h"
#include "control_plane/registry/restore.h"
#include "control_plane/registry/store.h"
#include "tests/support/wait.h"
#include "tests/unit/control_plane/registry_fixture.h"

namespace isopop::control {
namespace {

using ::testing::HasSubstr;

class DurabilityTest : public RegistryFixture {
 protected:
  static std::int64_t number_of(Database& database, const std::string& query) {
    Statement statement = database.prepare(query).value();
    EXPECT_TRUE(statement.step().value());
    return statement.number(0);
  }

  // No page more than there are: what a full disk is to SQLite.
  static void fill_disk(Database& database) {
    const std::int64_t pages = number_of(database, "PRAGMA page_count");
    static_cast<void>(number_of(database, "PRAGMA max_page_count = " + std::to_string(pages)));
  }
  static void make_room(Database& database) {
    static_cast<void>(number_of(database, "PRAGMA max_page_count = 1000000"));
  }

  static std::string large_code() { return std::string(100'000, 'x'); }

  // Overwrites the first page of a table or index. The registry is closed.
  void damage(const std::string& name) {
    std::int64_t page = 0;
    std::int64_t page_bytes = 0;
    {
      const auto database = Database::open(path()).value();
      page = number_of(*database, "SELECT rootpage FROM sqlite_schema WHERE name = '" + name + "'");
      page_bytes = number_of(*database, "PRAGMA page_size");
    }
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp((page - 1) * page_bytes);
    file << std::string(static_cast<std::size_t>(page_bytes), '\xff');
  }

  Result<Registry::Deployed> try_deploy(const NewVersion& wanted) {
    return registry_->deploy(wanted, {}, std::nullopt, Write::kKeep, actor_);
  }
};

TEST_F(DurabilityTest, FullDiskRefusesChangesAndLeavesWhatIsThere) {
  deploy(version_of("a", "1"));
  fill_disk(registry_->database());
  const auto refused = try_deploy(version_of("a", large_code()));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  EXPECT_THAT(refused.error().message, HasSubstr("is full"));
  EXPECT_EQ(registry_->fault(), refused.error().message);
  EXPECT_EQ(live_number("a"), 1U);
  EXPECT_EQ(registry_->versions("a").value().versions.size(), 1U);

  make_room(registry_->database());
  EXPECT_EQ(deploy(version_of("a", large_code())).version.number(), 2U);
  EXPECT_EQ(registry_->fault(), "");
}

TEST_F(DurabilityTest, StoreFindsOutByItselfThatThereIsRoomAgain) {
  deploy(version_of("a", "1"));
  Store store(std::move(registry_));
  const auto refused = store.call([this](Registry& registry) {
    fill_disk(registry.database());
    return registry.deploy(version_of("a", large_code()), {}, std::nullopt, Write::kKeep, actor_);
  });
  EXPECT_EQ(refused.error().code, ErrorCode::kResourceExhausted);
  // Known when the next task has its turn.
  EXPECT_TRUE(store.call([](Registry& registry) { return registry.workers(); }).ok());
  EXPECT_THAT(store.fault(), HasSubstr("is full"));
  EXPECT_TRUE(test::wait_until([&store] { return store.fault().empty(); }));
}

TEST_F(DurabilityTest, DamageBesideWhatIsLiveLeavesAReadOnlyRegistry) {
  deploy(version_of("a", "1"));
  registry_.reset();
  damage("audit_by_actor");
  const std::string before = read_file(path()).value();

  reopen();
  EXPECT_THAT(registry_->fault(), HasSubstr("--restore FILE"));
  EXPECT_EQ(registry_->all_current().value().size(), 1U);
  EXPECT_TRUE(registry_->bundle(registry_->version("a", 1).value().bundle_sha256()).ok());
  const auto refused = try_deploy(version_of("a", "2"));
  EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(refused.error().message, registry_->fault());
  EXPECT_FALSE(registry_->remember_pops({"AMS"}).ok());
  EXPECT_FALSE(registry_->database().probe().ok());
  registry_.reset();
  EXPECT_EQ(read_file(path()).value(), before);
}

TEST_F(DurabilityTest, DamageToWhatIsLiveIsAnError) {
  deploy(version_of("a", "1"));
  registry_.reset();
  damage("versions");
  const auto opened = Registry::open(path(), clock_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(opened.error().message, HasSubstr("--restore FILE"));
}

TEST_F(DurabilityTest, DamagedCodeOfWhatIsLiveIsAnError) {
  const std::string sha = deploy(version_of("a", "1")).version.bundle_sha256();
  ASSERT_TRUE(registry_->database().execute("UPDATE bundles SET bytes = x'00'").ok());
  EXPECT_EQ(registry_->bundle(sha).error().code, ErrorCode::kDataLoss);
  registry_.reset();
  damage("audit_by_actor");
  EXPECT_EQ(Registry::open(path(), clock_).error().code, ErrorCode::kDataLoss);
}

class BackupTest : public DurabilityTest {
 protected:
  [[nodiscard]] std::filesystem::path backup() const { return folder_.path() / "backup.db"; }
  [[nodiscard]] std::filesystem::path kept() const {
    return folder_.path() / "control.db.before-restore";
  }
  void expect_refused(const std::filesystem::path& file, const std::string& words) {
    const std::string before = read_file(path()).value();
    const Result<void> restored = restore_database(folder_.path(), file);
    ASSERT_FALSE(restored.ok());
    EXPECT_THAT(restored.error().message, HasSubstr(words));
    EXPECT_EQ(read_file(path()).value(), before);
    EXPECT_FALSE(std::filesystem::exists(kept()));
    EXPECT_FALSE(std::filesystem::exists(folder_.path() / "control.db.restoring"));
  }
};

TEST_F(BackupTest, RestoreBringsBackWhatWasBackedUp) {
  deploy(version_of("a", "1", {"a.example/*"}));
  ASSERT_TRUE(registry_->backup(backup()).ok());
  struct stat status{};
  ASSERT_EQ(stat(backup().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  deploy(version_of("a", "2"));
  deploy(version_of("b", "1"));
  registry_.reset();
  const Result<void> restored = restore_database(folder_.path(), backup());
  ASSERT_TRUE(restored.ok()) << restored.error().message;
  reopen();
  EXPECT_EQ(live_number("a"), 1U);
  EXPECT_EQ(registry_->versions("b").error().code, ErrorCode::kNotFound);
  deploy(version_of("a", "3"));
  // What it replaced is there, whole.
  registry_ = Registry::open(kept(), clock_).value();
  EXPECT_EQ(live_number("a"), 2U);
  EXPECT_EQ(live_number("b"), 1U);
}

TEST_F(BackupTest, RestoreKeepsTheLogOfAKilledControlPlaneWithItsDatabase) {
  deploy(version_of("a", "1"));
  ASSERT_TRUE(registry_->backup(backup()).ok());
  deploy(version_of("a", "2"));
  // As kill -9 leaves it: what is committed last is in the log alone.
  const std::filesystem::path killed = folder_.path() / "killed";
  ASSERT_TRUE(create_folders(killed).ok());
  for (const char* name : {"control.db", "control.db-wal"}) {
    std::filesystem::copy_file(folder_.path() / name, killed / name);
  }
  ASSERT_TRUE(restore_database(killed, backup()).ok());
  EXPECT_FALSE(std::filesystem::exists(killed / "control.db-wal"));
  registry_ = Registry::open(killed / "control.db", clock_).value();
  EXPECT_EQ(live_number("a"), 1U);
  registry_ = Registry::open(killed / "control.db.before-restore", clock_).value();
  EXPECT_EQ(live_number("a"), 2U);
}

TEST_F(BackupTest, RestoreRefusesWhatIsNoBackup) {
  deploy(version_of("a", "1"));
  ASSERT_TRUE(registry_->backup(backup()).ok());
  registry_.reset();
  const std::string good = read_file(backup()).value();
  const std::filesystem::path file = folder_.path() / "file";
  const auto expect_refused_bytes = [&](const std::string& bytes, const std::string& words) {
    std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
    expect_refused(file, words);
  };
  expect_refused_bytes("", "no backup");
  expect_refused_bytes(std::string(10'000, 'x'), "not a database");
  expect_refused_bytes(good.substr(0, good.size() / 2), "no backup");
  std::string damaged = good;
  damaged.replace(damaged.size() - 4096, 4096, std::string(4096, '\xff'));
  expect_refused_bytes(damaged, "no backup");
  expect_refused(folder_.path() / "nowhere", "nowhere");
  {
    const auto other = Database::open(folder_.path() / "other.db").value();
    ASSERT_TRUE(other->execute("CREATE TABLE t (x)").ok());
  }
  expect_refused(folder_.path() / "other.db", "some other program");
}

TEST_F(BackupTest, RestoreTakesThePlaceOfADamagedDatabase) {
  deploy(version_of("a", "1"));
  ASSERT_TRUE(registry_->backup(backup()).ok());
  registry_.reset();
  std::ofstream(path(), std::ios::binary | std::ios::trunc) << std::string(8192, 'x');
  EXPECT_FALSE(Registry::open(path(), clock_).ok());
  ASSERT_TRUE(restore_database(folder_.path(), backup()).ok());
  reopen();
  EXPECT_EQ(live_number("a"), 1U);
}

TEST_F(BackupTest, BackupOverwritesNothing) {
  std::ofstream(backup()) << "precious";
  EXPECT_EQ(registry_->backup(backup()).error().code, ErrorCode::kAlreadyExists);
  EXPECT_EQ(read_file(backup()).value(), "precious");
}

}  // namespace
}  // namespace isopop::control
