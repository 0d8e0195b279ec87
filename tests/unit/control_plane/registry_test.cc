#include "control_plane/registry/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "control_plane/audit/audit_log.h"
#include "control_plane/registry/schema.h"
#include "control_plane/registry/state_lock.h"
#include "control_plane/registry/store.h"
#include "control_plane/registry/version_signature.h"
#include "tests/unit/control_plane/registry_fixture.h"

namespace isopop::control {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using RegistryTest = RegistryFixture;

TEST_F(RegistryTest, NumbersVersionsFromOne) {
  EXPECT_EQ(deploy(version_of("a", "1")).version.number(), 1U);
  EXPECT_EQ(deploy(version_of("a", "2")).version.number(), 2U);
  EXPECT_EQ(deploy(version_of("b", "1")).version.number(), 1U);
}

TEST_F(RegistryTest, KeepsEverythingAcrossARestart) {
  NewVersion wanted = version_of("a", "code", {"a.example/*", "b.example/x"});
  wanted.settings.set_isolation(v1::ISOLATION_WARM);
  wanted.tag = "v1.4.2";
  const v1::WorkerVersion deployed = deploy(wanted).version;
  EXPECT_EQ(deployed.tag(), "v1.4.2");
  reopen();
  const auto workers = registry_->workers().value();
  ASSERT_EQ(workers.size(), 1U);
  EXPECT_EQ(workers[0].live.SerializeAsString(), deployed.SerializeAsString());
  EXPECT_EQ(workers[0].live.created_at_ms(), 1'795'000'000'000);
  EXPECT_EQ(registry_->bundle(deployed.bundle_sha256()).value(), wanted.bundle.bytes);
}

TEST_F(RegistryTest, ChangesNothingForTheSameVersion) {
  const v1::WorkerVersion first = deploy(version_of("a", "1", {"a.example/*"})).version;
  const Registry::Deployed again = deploy(version_of("a", "1", {"a.example/*"}));
  EXPECT_TRUE(again.unchanged);
  EXPECT_EQ(again.version.id(), first.id());
  EXPECT_EQ(again.deployment.number(), 1U);
  EXPECT_EQ(registry_->newest_deployment("a").value(), 1U);
  EXPECT_FALSE(deploy(version_of("a", "1", {"b.example/*"})).unchanged);
  NewVersion warm = version_of("a", "1", {"b.example/*"});
  warm.settings.set_isolation(v1::ISOLATION_WARM);
  EXPECT_FALSE(deploy(warm).unchanged);
}

TEST_F(RegistryTest, DryRunAnswersTheSameAndChangesNothing) {
  const Registry::Deployed dry =
      registry_->deploy(version_of("a", "1"), {}, 0, Write::kDryRun, actor_).value();
  EXPECT_EQ(dry.version.number(), 1U);
  EXPECT_EQ(dry.deployment.number(), 1U);
  EXPECT_EQ(dry.deployment.state(), v1::DEPLOYMENT_STATE_LIVE);
  EXPECT_TRUE(registry_->workers().value().empty());
  EXPECT_TRUE(AuditLog(registry_->database(), clock_).list({}).value().empty());
}

TEST_F(RegistryTest, NewTagIsANewVersionAndNewWordsAreNot) {
  NewVersion wanted = version_of("a", "1");
  deploy(wanted);
  wanted.message = "another";
  EXPECT_TRUE(deploy(wanted).unchanged);
  wanted.tag = "v2";
  EXPECT_EQ(deploy(wanted).version.number(), 2U);
  wanted.tag.clear();
  EXPECT_TRUE(deploy(wanted).unchanged);
}

TEST_F(RegistryTest, UploadKeepsAVersionAndDeploysNothing) {
  EXPECT_EQ(upload(version_of("a", "1")).number(), 1U);
  EXPECT_TRUE(registry_->all_current().value().empty());
  const auto workers = registry_->workers().value();
  ASSERT_EQ(workers.size(), 1U);
  EXPECT_EQ(workers[0].live.worker(), "a");
  EXPECT_EQ(workers[0].live.number(), 0U);
  EXPECT_EQ(workers[0].versions, 1U);
  EXPECT_FALSE(workers[0].deployment);
  EXPECT_EQ(registry_->versions("a").value().live_number, 0U);
  EXPECT_EQ(registry_->version("a", 0).error().code, ErrorCode::kNotFound);
  // The same again is the same version; deployed, it becomes the first deployment.
  EXPECT_EQ(upload(version_of("a", "1")).number(), 1U);
  const Registry::Deployed deployed = deploy(version_of("a", "1"));
  EXPECT_EQ(deployed.version.number(), 1U);
  EXPECT_FALSE(deployed.unchanged);
  EXPECT_EQ(deployed.deployment.number(), 1U);
}

TEST_F(RegistryTest, ContentOfTheNewestVersionIsDeployedAgainAsThatVersion) {
  deploy(version_of("a", "1"));
  deploy(version_of("a", "2"));
  ASSERT_TRUE(roll_back("a").ok());
  EXPECT_EQ(live_number("a"), 1U);
  const Registry::Deployed again = deploy(version_of("a", "2"));
  EXPECT_FALSE(again.unchanged);
  EXPECT_EQ(again.version.number(), 2U);
  EXPECT_EQ(again.deployment.number(), 4U);
  EXPECT_EQ(registry_->versions("a").value().versions.size(), 2U);
}

TEST_F(RegistryTest, DeletesAVersionThatNobodyNeeds) {
  deploy(version_of("a", "1"));
  const std::string sha = registry_->version("a", 1).value().bundle_sha256();
  deploy(version_of("a", "2"));
  ASSERT_TRUE(registry_->remove_version("a", 1, actor_).ok());
  EXPECT_EQ(registry_->version("a", 1).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(registry_->bundle(sha).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(registry_->remove_version("a", 1, actor_).error().code, ErrorCode::kNotFound);
  // Nothing to go back to either, and its number is not given again.
  EXPECT_EQ(roll_back("a").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(deploy(version_of("a", "3")).version.number(), 3U);
  ASSERT_TRUE(deploy(version_of("a", "4")).version.number() == 4U);
}

TEST_F(RegistryTest, NumberOfTheNewestVersionIsNotGivenAgainAfterItsDeletion) {
  deploy(version_of("a", "1"));
  EXPECT_EQ(upload(version_of("a", "2")).number(), 2U);
  ASSERT_TRUE(registry_->remove_version("a", 2, actor_).ok());
  EXPECT_EQ(upload(version_of("a", "2")).number(), 3U);
}

TEST_F(RegistryTest, DeletedVersionLeavesCodeThatOthersShare) {
  const std::string sha = deploy(version_of("a", "same")).version.bundle_sha256();
  deploy(version_of("b", "same"));
  deploy(version_of("a", "other"));
  ASSERT_TRUE(registry_->remove_version("a", 1, actor_).ok());
  EXPECT_TRUE(registry_->bundle(sha).ok());
}

TEST_F(RegistryTest, VersionInUseIsNotDeleted) {
  deploy(version_of("a", "1"));
  const Result<void> refused = registry_->remove_version("a", 1, actor_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kFailedPrecondition);
  EXPECT_THAT(refused.error().message, HasSubstr("in use by deployment 1"));
  deploy(version_of("a", "2"), waved());
  EXPECT_FALSE(registry_->remove_version("a", 1, actor_).ok());
  EXPECT_FALSE(registry_->remove_version("a", 2, actor_).ok());
}

TEST_F(RegistryTest, SignsEveryVersion) {
  const pki::SigningKey key = pki::SigningKey::generate().value();
  const pki::VerifyKey check = pki::VerifyKey::from_pem(key.public_pem()).value();
  const auto is_signed = [&](const v1::WorkerVersion& version) {
    return check.verify(signed_bytes_of(version), version.signature());
  };
  deploy(version_of("a", "1"));
  EXPECT_TRUE(registry_->version("a", 1).value().signature().empty());
  // Those from before there was a key are signed when one comes.
  reopen(&key);
  EXPECT_TRUE(is_signed(registry_->version("a", 1).value()));
  NewVersion wanted = version_of("a", "2", {"a.example/*"});
  for (const char* name : {"B", "A"}) wanted.settings.add_variables()->set_name(name);
  EXPECT_TRUE(is_signed(deploy(wanted).version));
  reopen(&key);
  EXPECT_TRUE(is_signed(registry_->version("a", 2).value()));
  v1::WorkerVersion forged = registry_->version("a", 2).value();
  forged.set_bundle_sha256(std::string(64, '0'));
  EXPECT_FALSE(is_signed(forged));
}

TEST_F(RegistryTest, SignsAnewWithANewKey) {
  const pki::SigningKey old_key = pki::SigningKey::generate().value();
  const pki::SigningKey new_key = pki::SigningKey::generate().value();
  reopen(&old_key);
  deploy(version_of("a", "1"));
  reopen(&new_key);
  const v1::WorkerVersion version = registry_->version("a", 1).value();
  EXPECT_TRUE(pki::VerifyKey::from_pem(new_key.public_pem())
                  .value()
                  .verify(signed_bytes_of(version), version.signature()));
}

TEST_F(RegistryTest, EveryChangeIsInTheAuditLog) {
  deploy(version_of("a", "1"));
  deploy(version_of("a", "2"), waved());
  ASSERT_TRUE(bring(registry_->deployment("a", 2).value(), v1::DEPLOYMENT_STATE_LIVE).ok());
  ASSERT_TRUE(roll_back("a").ok());
  ASSERT_TRUE(registry_->remove_version("a", 2, actor_).ok());
  ASSERT_TRUE(registry_->remove("a", actor_).ok());
  AuditLog log(registry_->database(), clock_);
  std::vector<std::string> entries;
  for (const AuditLog::Entry& entry : log.list({}).value()) {
    EXPECT_EQ(entry.event.actor.name, "token:test");
    entries.push_back(entry.event.action + " " + entry.event.object);
  }
  EXPECT_THAT(
      entries,
      ElementsAre("worker.delete worker/a", "version.delete worker/a/version/2",
                  "deployment.rollback worker/a/deployment/3",
                  "deployment.live worker/a/deployment/2",
                  "deployment.create worker/a/deployment/2", "version.upload worker/a/version/2",
                  "deployment.create worker/a/deployment/1", "version.upload worker/a/version/1"));
  EXPECT_EQ(log.first_damaged().value(), 0U);
}

TEST_F(RegistryTest, AuditLogHoldsNoValuesOfVariables) {
  NewVersion wanted = version_of("a", "1");
  v1::Variable& variable = *wanted.settings.add_variables();
  variable.set_name("TOKEN");
  variable.set_text("hunter2");
  wanted.message = "caf\xe9";
  deploy(wanted);
  for (const AuditLog::Entry& entry : AuditLog(registry_->database(), clock_).list({}).value()) {
    EXPECT_THAT(entry.event.detail_json, ::testing::Not(HasSubstr("hunter2")));
  }
}

TEST_F(RegistryTest, RouteBelongsToOneWorker) {
  deploy(version_of("a", "1", {"shop.example/*"}));
  const auto refused = registry_->deploy(version_of("b", "1", {"x.example/*", "shop.example/*"}),
                                         {}, std::nullopt, Write::kKeep, actor_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kAlreadyExists);
  EXPECT_THAT(refused.error().message, HasSubstr("belongs to worker a"));
  EXPECT_THAT(refused.error().message, HasSubstr("shop.example/*"));
  // Nothing of the refused one is left.
  EXPECT_EQ(registry_->versions("b").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(deploy(version_of("c", "1", {"x.example/*"})).version.number(), 1U);
}

TEST_F(RegistryTest, RouteThatANewVersionLeavesOutIsFree) {
  deploy(version_of("a", "1", {"shop.example/*"}));
  deploy(version_of("a", "2", {}));
  EXPECT_EQ(deploy(version_of("b", "1", {"shop.example/*"})).version.number(), 1U);
}

TEST_F(RegistryTest, RemovalFreesRoutesAndNeverGivesANumberTwice) {
  deploy(version_of("a", "1", {"shop.example/*"}));
  ASSERT_TRUE(registry_->remove("a", actor_).ok());
  EXPECT_TRUE(registry_->workers().value().empty());
  EXPECT_EQ(registry_->versions("a").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(registry_->remove("a", actor_).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(deploy(version_of("b", "1", {"shop.example/*"})).version.number(), 1U);
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
