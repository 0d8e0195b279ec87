#include "pop_node/worker/worker_catalog.h"

#include <gtest/gtest.h>

#include <fstream>

#include "common/files/files.h"
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
  Result<void> install(const VersionWithCode& made) {
    return catalog_->install(made.version, made.bundle);
  }

  TempFolder folder_;
  std::unique_ptr<WorkerCatalog> catalog_;
  std::vector<std::uint64_t> retired_;
};

TEST_F(WorkerCatalogTest, ANewVersionReplacesTheOldForNewRequestsOnly) {
  ASSERT_TRUE(install(make_version("site", 1, "one")).ok());
  const LiveWorkerPtr in_flight = catalog_->registry().find("site.example", "/");
  ASSERT_TRUE(install(make_version("site", 2, "two")).ok());
  EXPECT_EQ(in_flight->version.number(), 1U);
  EXPECT_EQ(catalog_->registry().find("site.example", "/")->version.number(), 2U);
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
  EXPECT_FALSE(catalog_->holds_code_of(made.version).value());
}

TEST_F(WorkerCatalogTest, IgnoresAVersionFileThatIsNone) {
  ASSERT_TRUE(install(make_version("a", 1, "one")).ok());
  std::ofstream(folder_.path() / "workers" / "b") << "\xff\xff nonsense";
  reopen();
  EXPECT_EQ(catalog_->restore(), 1U);
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
