#include "control_plane/registry/registry.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "common/files/files.h"
#include "control_plane/registry/schema.h"
#include "control_plane/registry/state_lock.h"
#include "control_plane/registry/store.h"

namespace isopop::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RegistryTest : public ::testing::Test {
 protected:
  void SetUp() override { reopen(); }

  void reopen() {
    registry_.reset();
    Result<std::unique_ptr<Registry>> opened = Registry::open(path(), clock_);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    registry_ = std::move(opened).value();
  }

  [[nodiscard]] std::filesystem::path path() const { return folder_.path() / "control.db"; }

  static NewVersion version_of(const std::string& worker, const std::string& code,
                               std::vector<std::string> routes = {}) {
    v1::Bundle bundle;
    bundle.set_main_module("index.js");
    v1::Module& module = *bundle.add_modules();
    module.set_name("index.js");
    module.set_type(v1::MODULE_TYPE_ES_MODULE);
    module.set_content(code);
    return {.worker = worker,
            .routes = std::move(routes),
            .settings = {},
            .bundle = canonical_bundle(bundle, {}).value(),
            .author = "tester",
            .message = "why"};
  }

  Registry::Outcome deploy(const NewVersion& wanted) {
    Result<Registry::Outcome> outcome = registry_->deploy(wanted);
    EXPECT_TRUE(outcome.ok()) << (outcome.ok() ? "" : outcome.error().message);
    return outcome.ok() ? outcome.value() : Registry::Outcome{};
  }

  TempFolder folder_ = TempFolder::create("isopop-registry-").value();
  ManualClock clock_{from_unix_ms(1'795'000'000'000)};
  std::unique_ptr<Registry> registry_;
};

TEST_F(RegistryTest, NumbersVersionsFromOne) {
  EXPECT_EQ(deploy(version_of("a", "1")).version.number(), 1U);
  EXPECT_EQ(deploy(version_of("a", "2")).version.number(), 2U);
  EXPECT_EQ(deploy(version_of("b", "1")).version.number(), 1U);
}

TEST_F(RegistryTest, KeepsEverythingAcrossARestart) {
  NewVersion wanted = version_of("a", "code", {"a.example/*", "b.example/x"});
  wanted.settings.set_isolation(v1::ISOLATION_WARM);
  const v1::WorkerVersion deployed = deploy(wanted).version;
  reopen();
  const auto workers = registry_->workers().value();
  ASSERT_EQ(workers.size(), 1U);
  EXPECT_EQ(workers[0].live.SerializeAsString(), deployed.SerializeAsString());
  EXPECT_EQ(workers[0].live.created_at_ms(), 1'795'000'000'000);
  EXPECT_EQ(registry_->bundle(deployed.bundle_sha256()).value(), wanted.bundle.bytes);
}

TEST_F(RegistryTest, ChangesNothingForTheSameVersion) {
  const v1::WorkerVersion first = deploy(version_of("a", "1", {"a.example/*"})).version;
  const Registry::Outcome again = deploy(version_of("a", "1", {"a.example/*"}));
  EXPECT_TRUE(again.unchanged);
  EXPECT_EQ(again.version.id(), first.id());
  EXPECT_FALSE(deploy(version_of("a", "1", {"b.example/*"})).unchanged);
  NewVersion warm = version_of("a", "1", {"b.example/*"});
  warm.settings.set_isolation(v1::ISOLATION_WARM);
  EXPECT_FALSE(deploy(warm).unchanged);
}

TEST_F(RegistryTest, PreviewChangesNothing) {
  EXPECT_EQ(registry_->preview(version_of("a", "1")).value().version.number(), 1U);
  EXPECT_TRUE(registry_->workers().value().empty());
}

TEST_F(RegistryTest, RouteBelongsToOneWorker) {
  deploy(version_of("a", "1", {"shop.example/*"}));
  const auto refused = registry_->deploy(version_of("b", "1", {"x.example/*", "shop.example/*"}));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(refused.error().message, HasSubstr("belongs to worker a"));
  EXPECT_THAT(refused.error().message, HasSubstr("shop.example/*"));
  // Nothing of the refused one is left.
  EXPECT_EQ(registry_->versions("b").error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(registry_->deploy(version_of("c", "1", {"x.example/*"})).ok());
}

TEST_F(RegistryTest, RouteThatANewVersionLeavesOutIsFree) {
  deploy(version_of("a", "1", {"shop.example/*"}));
  deploy(version_of("a", "2", {}));
  EXPECT_TRUE(registry_->deploy(version_of("b", "1", {"shop.example/*"})).ok());
}

TEST_F(RegistryTest, RemovalFreesRoutesAndNeverGivesANumberTwice) {
  deploy(version_of("a", "1", {"shop.example/*"}));
  ASSERT_TRUE(registry_->remove("a").ok());
  EXPECT_TRUE(registry_->workers().value().empty());
  EXPECT_EQ(registry_->versions("a").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(registry_->remove("a").error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(registry_->deploy(version_of("b", "1", {"shop.example/*"})).ok());
  EXPECT_EQ(deploy(version_of("a", "1")).version.number(), 2U);
}

TEST_F(RegistryTest, ListsVersionsNewestFirst) {
  deploy(version_of("a", "1"));
  deploy(version_of("a", "2"));
  const Registry::History history = registry_->versions("a").value();
  ASSERT_EQ(history.versions.size(), 2U);
  EXPECT_EQ(history.versions[0].number(), 2U);
  EXPECT_EQ(history.live_number, 2U);
}

TEST_F(RegistryTest, StoresTheSameCodeOnce) {
  const std::string sha = deploy(version_of("a", "same")).version.bundle_sha256();
  EXPECT_EQ(deploy(version_of("b", "same")).version.bundle_sha256(), sha);
  EXPECT_TRUE(registry_->bundle(sha).ok());
  EXPECT_EQ(registry_->bundle("0000").error().code, ErrorCode::kNotFound);
}

TEST_F(RegistryTest, RemembersPops) {
  ASSERT_TRUE(registry_->remember_pops({"AMS", "FRA"}).ok());
  ASSERT_TRUE(registry_->remember_pops({"AMS", "LHR"}).ok());
  reopen();
  EXPECT_THAT(registry_->known_pops().value(), ElementsAre("AMS", "LHR"));
}

TEST_F(RegistryTest, NamesAreNeverPartOfTheStatement) {
  EXPECT_EQ(registry_->versions("a'; DROP TABLE versions; --").error().code, ErrorCode::kNotFound);
  deploy(version_of("a", "1"));
  EXPECT_EQ(registry_->workers().value().size(), 1U);
}

TEST_F(RegistryTest, DamagedFileIsAClearError) {
  registry_.reset();
  std::filesystem::remove(path().string() + "-wal");
  std::ofstream(path(), std::ios::binary) << std::string(8192, 'x');
  const auto opened = Registry::open(path(), clock_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::kDataLoss);
  EXPECT_THAT(opened.error().message, HasSubstr("control.db is damaged"));
}

TEST_F(RegistryTest, DamagedPageIsFoundAtOpening) {
  for (int i = 0; i < 20; ++i) deploy(version_of("a", std::string(5000, 'x') + std::to_string(i)));
  registry_.reset();  // the last connection writes the log back into the file
  const auto size = std::filesystem::file_size(path());
  {
    std::fstream file(path(), std::ios::in | std::ios::out | std::ios::binary);
    for (std::uintmax_t page = 1; page * 4096 < size; ++page) {
      file.seekp(static_cast<std::streamoff>(page * 4096));
      file << std::string(64, '\xff');
    }
  }
  const auto opened = Registry::open(path(), clock_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::kDataLoss);
}

TEST_F(RegistryTest, DatabaseOfANewerProgramIsLeftAlone) {
  registry_.reset();
  {
    const auto database = Database::open(path()).value();
    ASSERT_TRUE(
        database->execute("PRAGMA user_version = " + std::to_string(newest_schema_version() + 1))
            .ok());
  }
  const auto opened = Registry::open(path(), clock_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(opened.error().message, HasSubstr("newer isopop-control"));
}

TEST_F(RegistryTest, DatabaseOfAnotherProgramIsLeftAlone) {
  const std::filesystem::path other = folder_.path() / "other.db";
  {
    const auto database = Database::open(other).value();
    ASSERT_TRUE(database->execute("CREATE TABLE t (x)").ok());
  }
  const auto opened = Registry::open(other, clock_);
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code, ErrorCode::kFailedPrecondition);
}

TEST_F(RegistryTest, OlderSchemaIsBroughtUpToDate) {
  const v1::WorkerVersion deployed = deploy(version_of("a", "1")).version;
  registry_.reset();
  {
    const auto database = Database::open(path()).value();
    ASSERT_TRUE(database->execute("DROP TABLE pops; PRAGMA user_version = 1").ok());
  }
  reopen();
  EXPECT_TRUE(registry_->remember_pops({"AMS"}).ok());
  EXPECT_EQ(registry_->workers().value()[0].live.id(), deployed.id());
}

TEST_F(RegistryTest, StoreRunsTasksInOrderAndAllOfThem) {
  std::vector<int> order;
  {
    Store store(std::move(registry_));
    for (int i = 0; i < 100; ++i) {
      ASSERT_TRUE(store.post([&order, i](Registry&) { order.push_back(i); }));
    }
    EXPECT_TRUE(store.call([](Registry& registry) { return registry.workers(); }).ok());
    ASSERT_TRUE(store.post([&order](Registry&) { order.push_back(100); }));
  }
  ASSERT_EQ(order.size(), 101U);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(StateLock, IsHeldByOneAtATime) {
  const TempFolder folder = TempFolder::create("isopop-lock-").value();
  {
    const auto first = StateLock::acquire(folder.path());
    ASSERT_TRUE(first.ok());
    const auto second = StateLock::acquire(folder.path());
    ASSERT_FALSE(second.ok());
    EXPECT_THAT(second.error().message, HasSubstr(std::to_string(getpid())));
  }
  EXPECT_TRUE(StateLock::acquire(folder.path()).ok());
}

}  // namespace
}  // namespace isopop::control
