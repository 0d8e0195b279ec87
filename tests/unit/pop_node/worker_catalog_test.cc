#include "pop_node/worker/worker_catalog.h"

#include <gtest/gtest.h>

#include <fstream>

#include "common/files/files.h"
#include "pop_node/worker/version_signature.h"
#include "tests/unit/pop_node/test_versions.h"

namespace isopop::pop {
namespace {

class WorkerCatalogTest : public ::testing::Test {
 protected:
  WorkerCatalogTest() : folder_(TempFolder::create("catalog_test").value()) { reopen(); }

  void reopen() {
    catalog_ = std::make_unique<WorkerCatalog>(VersionStore::create(folder_.path()).value(),
                                               WorkerDefaults{});
    catalog_->on_retired(
        [this](const LiveWorkerPtr& worker) { retired_.push_back(worker->version.number()); });
  }
  Result<void> install(const v1::Assignment& assignment, const std::vector<VersionWithCode>& made) {
    ISOPOP_TRY_ASSIGN(const LiveAssignmentPtr prepared, catalog_->prepare(assignment));
    for (const VersionWithCode& one : made) {
      ISOPOP_TRY(catalog_->add_bundle(*prepared, one.version.bundle_sha256(), one.bundle));
    }
    return catalog_->install(prepared);
  }
  Result<void> install(const VersionWithCode& made) {
    return install(assign(made.version), {made});
  }
  [[nodiscard]] LiveWorkerPtr found(const std::string& host) const {
    const LiveAssignmentPtr live = catalog_->registry().find(host, "/");
    return live == nullptr ? nullptr : live->at(0);
  }

  TempFolder folder_;
  std::unique_ptr<WorkerCatalog> catalog_;
  std::vector<std::uint64_t> retired_;
};

TEST_F(WorkerCatalogTest, ANewVersionReplacesTheOldForNewRequestsOnly) {
  ASSERT_TRUE(install(make_version("site", 1, "one")).ok());
  const LiveWorkerPtr in_flight = found("site.example");
  ASSERT_TRUE(install(make_version("site", 2, "two")).ok());
  EXPECT_EQ(in_flight->version.number(), 1U);
  EXPECT_EQ(found("site.example")->version.number(), 2U);
  EXPECT_EQ(retired_, std::vector<std::uint64_t>({1}));
}

TEST_F(WorkerCatalogTest, InstallingTheLiveVersionAgainDoesNothing) {
  const VersionWithCode made = make_version("site", 1, "one");
  ASSERT_TRUE(install(made).ok());
  ASSERT_TRUE(install(made).ok());
  EXPECT_TRUE(retired_.empty());
}

TEST_F(WorkerCatalogTest, WhateverFailsTheLiveVersionStays) {
  ASSERT_TRUE(install(make_version("site", 1, "one")).ok());
  VersionWithCode damaged = make_version("site", 2, "two");
  damaged.bundle.back() = '!';
  VersionWithCode shorter = make_version("site", 2, "two");
  shorter.bundle.pop_back();
  VersionWithCode unheard_of = make_version("site", 2, "two");
  unheard_of.version.mutable_settings()->set_isolation(static_cast<v1::Isolation>(77));
  VersionWithCode bad_route = make_version("site", 2, "two");
  bad_route.version.add_routes("a*b/");
  for (const VersionWithCode& bad : {damaged, shorter, unheard_of, bad_route}) {
    EXPECT_FALSE(install(bad).ok());
    EXPECT_EQ(catalog_->live_number("site"), 1U);
  }
}

TEST_F(WorkerCatalogTest, ABundleWithoutItsMainModuleIsRefused) {
  VersionWithCode made = make_version("site", 1, "one");
  v1::Bundle bundle;
  bundle.set_main_module("other.js");
  *bundle.add_modules() = v1::Module();
  bundle.mutable_modules(0)->set_name("index.js");
  made.bundle = bundle.SerializeAsString();
  made.version.set_bundle_sha256(sha256_hex(made.bundle));
  made.version.set_bundle_bytes(made.bundle.size());
  const Result<void> installed = install(made);
  ASSERT_FALSE(installed.ok());
  EXPECT_NE(installed.error().message.find("other.js"), std::string::npos);
}

TEST_F(WorkerCatalogTest, CodeBeyondTheScriptSizeIsRefusedWithBothSizes) {
  VersionWithCode made = make_version("site", 1, std::string(2000, 'x'));
  made.version.mutable_settings()->mutable_limits()->set_script_bytes(1999);
  const Result<void> installed = install(made);
  ASSERT_FALSE(installed.ok());
  EXPECT_NE(installed.error().message.find("2000"), std::string::npos);
  EXPECT_NE(installed.error().message.find("1999"), std::string::npos);
  made.version.mutable_settings()->mutable_limits()->set_script_bytes(2000);
  EXPECT_TRUE(install(made).ok());
}

TEST_F(WorkerCatalogTest, NamesThatCouldLeaveTheFolderAreRefused) {
  for (const char* name : {"../x", "a/b", "", ".x", "A"}) {
    EXPECT_FALSE(install(make_version(name, 1, "one")).ok()) << name;
  }
}

TEST_F(WorkerCatalogTest, RestoresWhatWasLive) {
  ASSERT_TRUE(install(make_version("a", 3, "one")).ok());
  ASSERT_TRUE(install(make_version("b", 1, "two")).ok());
  ASSERT_TRUE(catalog_->remove("b").ok());
  reopen();
  EXPECT_EQ(catalog_->restore(), 1U);
  EXPECT_EQ(catalog_->live_number("a"), 3U);
  EXPECT_EQ(catalog_->live_number("b"), 0U);
}

TEST_F(WorkerCatalogTest, DoesNotRestoreADamagedBundle) {
  const VersionWithCode made = make_version("a", 1, "one");
  ASSERT_TRUE(install(made).ok());
  std::ofstream(folder_.path() / "bundles" / made.version.bundle_sha256()) << "spoiled";
  reopen();
  EXPECT_EQ(catalog_->restore(), 0U);
  const LiveAssignmentPtr prepared = catalog_->prepare(assign(made.version)).value();
  EXPECT_EQ(catalog_->missing(*prepared).size(), 1U);
}

TEST_F(WorkerCatalogTest, IgnoresAVersionFileThatIsNone) {
  ASSERT_TRUE(install(make_version("a", 1, "one")).ok());
  std::ofstream(folder_.path() / "workers" / "b") << "\xff\xff nonsense";
  reopen();
  EXPECT_EQ(catalog_->restore(), 1U);
}

TEST_F(WorkerCatalogTest, SeveralVersionsShareAWorkerAndAnswerAtAllTheirRoutes) {
  const VersionWithCode first = make_version("site", 1, "one");
  VersionWithCode second = make_version("site", 2, "two");
  second.version.add_routes("new.example/*");
  ASSERT_TRUE(install(split(first.version, 9'000, second.version), {first, second}).ok());
  const LiveAssignmentPtr live = catalog_->registry().find("new.example", "/");
  ASSERT_NE(live, nullptr);
  EXPECT_EQ(live, catalog_->registry().find("site.example", "/"));
  EXPECT_EQ(live->at(8'999)->version.number(), 1U);
  EXPECT_EQ(live->at(9'000)->version.number(), 2U);
  EXPECT_EQ(catalog_->live_number("site"), 1U);
}

TEST_F(WorkerCatalogTest, AnAssignmentThatLacksOneBundleChangesNothing) {
  const VersionWithCode first = make_version("site", 1, "one");
  const VersionWithCode second = make_version("site", 2, "two");
  ASSERT_TRUE(install(first).ok());
  const LiveWorkerPtr live = found("site.example");
  EXPECT_FALSE(install(split(first.version, 5'000, second.version), {}).ok());
  EXPECT_EQ(found("site.example"), live);
  EXPECT_EQ(catalog_->registry().by_name("site")->shares().size(), 1U);
  EXPECT_TRUE(retired_.empty());
}

TEST_F(WorkerCatalogTest, AVersionThatStaysKeepsItsObjectAndOneThatGoesIsRetired) {
  const VersionWithCode first = make_version("site", 1, "one");
  const VersionWithCode second = make_version("site", 2, "two");
  ASSERT_TRUE(install(first).ok());
  const LiveWorkerPtr stays = found("site.example");
  ASSERT_TRUE(install(split(first.version, 9'000, second.version), {second}).ok());
  EXPECT_EQ(catalog_->registry().by_name("site")->at(0), stays);
  EXPECT_TRUE(retired_.empty());
  ASSERT_TRUE(install(assign(first.version), {}).ok());
  EXPECT_EQ(retired_, std::vector<std::uint64_t>({2}));
  EXPECT_EQ(found("site.example"), stays);
}

TEST_F(WorkerCatalogTest, ASecretThatChangesMakesItANewVersionToRun) {
  const VersionWithCode made = make_version("site", 1, "one");
  v1::Assignment assignment = assign(made.version);
  v1::Secret& secret = *assignment.add_secrets();
  secret.set_name("KEY");
  secret.set_value("first");
  ASSERT_TRUE(install(assignment, {made}).ok());
  EXPECT_EQ(found("site.example")->secrets.at(0).value(), "first");
  assignment.mutable_secrets(0)->set_value("second");
  ASSERT_TRUE(install(assignment, {}).ok());
  EXPECT_EQ(found("site.example")->secrets.at(0).value(), "second");
  EXPECT_EQ(retired_, std::vector<std::uint64_t>({1}));
}

TEST_F(WorkerCatalogTest, SharesThatAreNotWholeAreRefused) {
  const VersionWithCode first = make_version("site", 1, "one");
  const VersionWithCode second = make_version("site", 2, "two");
  v1::Assignment short_of = split(first.version, 9'000, second.version);
  short_of.mutable_shares(1)->set_weight(999);
  v1::Assignment nothing = split(first.version, 10'000, second.version);
  v1::Assignment twice = split(first.version, 9'000, first.version);
  v1::Assignment others = split(first.version, 9'000, make_version("other", 1, "x").version);
  v1::Assignment empty;
  empty.set_worker("site");
  for (const v1::Assignment& bad : {short_of, nothing, twice, others, empty}) {
    EXPECT_FALSE(install(bad, {}).ok()) << bad.ShortDebugString();
  }
}

TEST_F(WorkerCatalogTest, RestoresAllSharesWithTheirSecretsWhichAreNotReadableOnDisk) {
  const VersionWithCode first = make_version("site", 1, "one");
  const VersionWithCode second = make_version("site", 2, "two");
  v1::Assignment assignment = split(first.version, 9'000, second.version);
  assignment.set_digest("abc");
  v1::Secret& secret = *assignment.add_secrets();
  secret.set_name("KEY");
  secret.set_value("a-very-secret-value");
  ASSERT_TRUE(install(assignment, {first, second}).ok());
  const std::filesystem::path file = folder_.path() / "workers" / "site";
  EXPECT_EQ(read_file(file).value().find("a-very-secret-value"), std::string::npos);
  const auto mode = std::filesystem::status(folder_.path() / "store.key").permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  reopen();
  ASSERT_EQ(catalog_->restore(), 1U);
  const LiveAssignmentPtr live = catalog_->registry().by_name("site");
  EXPECT_EQ(live->shares().size(), 2U);
  EXPECT_EQ(live->head().digest(), "abc");
  EXPECT_EQ(live->at(9'999)->secrets.at(0).value(), "a-very-secret-value");
}

TEST_F(WorkerCatalogTest, AStoredAssignmentWithOneBitOffOrHalfWrittenIsLeftOut) {
  ASSERT_TRUE(install(make_version("site", 1, "one")).ok());
  const std::filesystem::path file = folder_.path() / "workers" / "site";
  const std::string whole = read_file(file).value();
  std::string flipped = whole;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 1);
  for (const std::string& bad : {flipped, whole.substr(0, whole.size() / 2), std::string()}) {
    ASSERT_TRUE(write_file_atomically(file, bad).ok());
    reopen();
    EXPECT_EQ(catalog_->restore(), 0U);
  }
  ASSERT_TRUE(install(make_version("site", 1, "one")).ok());
  reopen();
  EXPECT_EQ(catalog_->restore(), 1U);
}

TEST_F(WorkerCatalogTest, OneWorkersFileInAnothersPlaceIsLeftOut) {
  ASSERT_TRUE(install(make_version("a", 1, "one")).ok());
  std::filesystem::rename(folder_.path() / "workers" / "a", folder_.path() / "workers" / "b");
  reopen();
  EXPECT_EQ(catalog_->restore(), 0U);
}

TEST_F(WorkerCatalogTest, CodeThatWasFetchedIsKeptWhileItsAssignmentIsPrepared) {
  const VersionWithCode made = make_version("site", 1, "one");
  LiveAssignmentPtr prepared = catalog_->prepare(assign(made.version)).value();
  ASSERT_TRUE(catalog_->add_bundle(*prepared, made.version.bundle_sha256(), made.bundle).ok());
  catalog_->collect_garbage({});
  EXPECT_TRUE(catalog_->missing(*prepared).empty());
  catalog_->discard(prepared);
  prepared.reset();
  catalog_->collect_garbage({});
  EXPECT_TRUE(catalog_->bundles().empty());
}

TEST_F(WorkerCatalogTest, TellsThatTheStoreCannotBeWrittenUntilItCan) {
  const std::filesystem::path workers = folder_.path() / "workers";
  std::filesystem::rename(workers, folder_.path() / "aside");
  EXPECT_FALSE(install(make_version("site", 1, "one")).ok());
  EXPECT_NE(catalog_->store_problem().find("store cannot be written"), std::string::npos);
  EXPECT_EQ(catalog_->live_number("site"), 0U);
  std::filesystem::rename(folder_.path() / "aside", workers);
  catalog_->look_after_store();
  EXPECT_EQ(catalog_->store_problem(), "");
}

class SignedVersionsTest : public WorkerCatalogTest {
 protected:
  SignedVersionsTest() {
    catalog_->verify_with(pki::VerifyKey::from_pem(key_.public_pem()).value());
  }
  VersionWithCode make_signed(std::uint64_t number, const std::string& source) {
    VersionWithCode made = make_version("site", number, source);
    made.version.set_signature(key_.sign(signed_bytes(made.version)));
    return made;
  }

  pki::SigningKey key_ = pki::SigningKey::generate().value();
};

TEST_F(SignedVersionsTest, TakesWhatTheControlPlaneSigned) {
  EXPECT_TRUE(install(make_signed(1, "one")).ok());
}

TEST_F(SignedVersionsTest, RefusesEveryVersionThatIsNotAsItWasSigned) {
  ASSERT_TRUE(install(make_signed(1, "one")).ok());
  const VersionWithCode good = make_signed(2, "two");
  VersionWithCode unsigned_one = good;
  unsigned_one.version.clear_signature();
  VersionWithCode other_code = make_version("site", 2, "three");
  other_code.version.set_signature(good.version.signature());
  VersionWithCode other_route = good;
  other_route.version.add_routes("*/*");
  VersionWithCode other_limit = good;
  other_limit.version.mutable_settings()->mutable_limits()->set_cpu_ms(1);
  VersionWithCode bit_off = good;
  (*bit_off.version.mutable_signature())[5] ^= 1;
  for (const VersionWithCode& bad : {unsigned_one, other_code, other_route, other_limit, bit_off}) {
    const Result<void> installed = install(bad);
    ASSERT_FALSE(installed.ok());
    EXPECT_EQ(installed.error().code, ErrorCode::kPermissionDenied);
    EXPECT_NE(installed.error().message.find("version 2"), std::string::npos);
    EXPECT_EQ(catalog_->live_number("site"), 1U);
  }
  // One share that is not signed spoils them all.
  EXPECT_FALSE(install(split(make_signed(3, "x").version, 5'000, unsigned_one.version), {}).ok());
}

TEST_F(SignedVersionsTest, DoesNotRestoreWhatAnotherKeySigned) {
  ASSERT_TRUE(install(make_signed(1, "one")).ok());
  reopen();
  const pki::SigningKey other = pki::SigningKey::generate().value();
  catalog_->verify_with(pki::VerifyKey::from_pem(other.public_pem()).value());
  EXPECT_EQ(catalog_->restore(), 0U);
}

TEST(SignedBytesTest, AreTheWholeVersionWithoutItsSignature) {
  v1::WorkerVersion version = make_version("site", 3, "one").version;
  version.mutable_settings()->mutable_limits()->set_cpu_ms(7);
  version.mutable_settings()->add_variables()->set_name("GREETING");
  const std::string bytes = signed_bytes(version);
  version.set_signature("of no matter");
  EXPECT_EQ(signed_bytes(version), bytes);
  const std::string prefix = "isopop worker version 1\n";
  ASSERT_TRUE(bytes.starts_with(prefix));
  v1::WorkerVersion parsed;
  ASSERT_TRUE(parsed.ParseFromString(bytes.substr(prefix.size())));
  version.clear_signature();
  EXPECT_EQ(parsed.SerializeAsString(), version.SerializeAsString());
  EXPECT_EQ(parsed.settings().limits().cpu_ms(), 7U);
}

TEST(SharePointTest, IsTheSameEverywhereAndAlways) {
  // Written down: another value here would move clients between versions.
  EXPECT_EQ(share_point("shop", "198.51.100.7"), 1089U);
  EXPECT_EQ(share_point("blog", "198.51.100.7"), 1543U);
}

TEST(SharePointTest, GivesEachShareItsPartOfTheKeys) {
  std::size_t below = 0;
  for (int i = 0; i < 20'000; ++i) {
    below += share_point("shop", "client-" + std::to_string(i)) < 1'000 ? 1 : 0;
  }
  EXPECT_NEAR(static_cast<double>(below), 2'000, 200);
}

TEST(SharePointTest, AShareThatGrowsKeepsAllItHad) {
  const VersionWithCode first = make_version("site", 1, "one");
  const VersionWithCode second = make_version("site", 2, "two");
  const auto at_weight = [&](std::uint32_t weight) {
    v1::Assignment assignment = split(first.version, 10'000 - weight, second.version);
    // As it is pushed: the heaviest first.
    if (weight > 5'000) assignment.mutable_shares()->SwapElements(0, 1);
    return resolve_assignment(assignment, {}, nullptr).value();
  };
  const LiveAssignmentPtr before = at_weight(1'000);
  const LiveAssignmentPtr after = at_weight(7'000);
  for (std::uint32_t point = 0; point < kWeightSum; ++point) {
    if (before->at(point)->version.number() == 2) {
      ASSERT_EQ(after->at(point)->version.number(), 2U) << point;
    }
  }
}

TEST_F(WorkerCatalogTest, KeepsOnlyTheCodeThatIsNeeded) {
  const VersionWithCode first = make_version("a", 1, "one");
  const VersionWithCode second = make_version("a", 2, "two");
  ASSERT_TRUE(install(first).ok());
  ASSERT_TRUE(install(second).ok());
  catalog_->collect_garbage({first.version.bundle_sha256()});
  EXPECT_EQ(catalog_->bundles().size(), 2U);
  catalog_->collect_garbage({});
  EXPECT_EQ(catalog_->bundles(), std::vector<std::string>({second.version.bundle_sha256()}));
}

TEST(ResolveWorkerTest, PutsInDefaultsWhereTheVersionSaysNothing) {
  v1::WorkerVersion version = make_version("a", 1, "one").version;
  version.mutable_settings()->mutable_limits()->set_cpu_ms(7);
  const LiveWorkerPtr worker = resolve_worker(version, {.wall_ms = 9}).value();
  EXPECT_EQ(worker->isolation, v1::ISOLATION_PRISTINE);
  EXPECT_EQ(worker->limits.cpu_ms(), 7U);
  EXPECT_EQ(worker->limits.wall_ms(), 9U);
  EXPECT_EQ(worker->limits.heap_mib(), 128U);
  EXPECT_EQ(worker->limits.script_bytes(), 10U * 1024 * 1024);
  EXPECT_EQ(worker->limits.memory_mib(), 256U);
  EXPECT_EQ(worker->limits.subrequests(), 50U);
  EXPECT_EQ(worker->limits.log_kib(), 256U);
}

TEST(ResolveWorkerTest, GivesMoreMemoryToAWorkerThatAsksForMoreHeap) {
  v1::WorkerVersion version = make_version("a", 1, "one").version;
  version.mutable_settings()->mutable_limits()->set_heap_mib(300);
  EXPECT_EQ(resolve_worker(version, {}).value()->limits.memory_mib(), 600U);
  version.mutable_settings()->mutable_limits()->set_memory_mib(310);
  EXPECT_EQ(resolve_worker(version, {}).value()->limits.memory_mib(), 310U);
}

}  // namespace
}  // namespace isopop::pop
