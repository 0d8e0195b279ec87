#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "control_plane/registry/registry.h"
#include "control_plane/registry/schema.h"
#include "tests/unit/control_plane/registry_fixture.h"

namespace isopop::control {
namespace {

// As the release with schema 2 made it: "shop" live with v2, "old" deleted after v1.
constexpr const char* kSchema2 = R"sql(
CREATE TABLE bundles (sha256 TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
CREATE TABLE workers (
  name TEXT PRIMARY KEY, last_number INTEGER NOT NULL, live_number INTEGER) STRICT;
CREATE TABLE versions (
  worker TEXT NOT NULL REFERENCES workers (name),
  number INTEGER NOT NULL,
  id TEXT NOT NULL UNIQUE,
  bundle_sha256 TEXT NOT NULL REFERENCES bundles (sha256),
  bundle_bytes INTEGER NOT NULL,
  settings BLOB NOT NULL,
  routes TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  author TEXT NOT NULL,
  message TEXT NOT NULL,
  PRIMARY KEY (worker, number)) STRICT;
CREATE TABLE routes (
  pattern TEXT PRIMARY KEY, worker TEXT NOT NULL REFERENCES workers (name)) STRICT;
CREATE INDEX routes_by_worker ON routes (worker);
CREATE TABLE pops (id TEXT PRIMARY KEY) STRICT;

INSERT INTO bundles VALUES
  ('b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9', x'68656c6c6f20776f726c64');
INSERT INTO workers VALUES ('shop', 2, 2), ('old', 1, NULL);
INSERT INTO versions VALUES
  ('shop', 1, 'aa', 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9', 11, x'',
   'shop.example/*', 1700000000000, 'alice', 'first'),
  ('shop', 2, 'bb', 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9', 11, x'0803',
   'shop.example/*', 1700000001000, 'bob', 'second'),
  ('old', 1, 'cc', 'b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9', 11, x'', '',
   1700000000000, 'alice', '');
INSERT INTO routes VALUES ('shop.example/*', 'shop');
INSERT INTO pops VALUES ('AMS');
PRAGMA user_version = 2;
PRAGMA application_id = 1769172848;
)sql";

class MigrationTest : public RegistryFixture {
 protected:
  void SetUp() override {
    {
      const auto database = Database::open(path()).value();
      const Result<void> made = database->execute(kSchema2);
      ASSERT_TRUE(made.ok()) << made.error().message;
    }
    reopen();
  }
};

TEST_F(MigrationTest, LiveVersionOfSchema2IsTheFirstDeployment) {
  const auto all = registry_->all_current().value();
  ASSERT_EQ(all.size(), 1U);
  const v1::Deployment& live = *all[0].base;
  EXPECT_EQ(live.worker(), "shop");
  EXPECT_EQ(live.number(), 1U);
  EXPECT_EQ(live.state(), v1::DEPLOYMENT_STATE_LIVE);
  ASSERT_EQ(live.shares_size(), 1);
  EXPECT_EQ(live.shares(0).number(), 2U);
  EXPECT_EQ(live.shares(0).weight(), 10'000U);
  EXPECT_EQ(live.author(), "bob");
  EXPECT_EQ(live.created_at_ms(), 1'700'000'001'000);
  const v1::WorkerVersion& version = all[0].versions.at(2);
  EXPECT_EQ(version.id(), "bb");
  EXPECT_EQ(version.settings().isolation(), v1::ISOLATION_WARM);
  EXPECT_EQ(registry_->bundle(version.bundle_sha256()).value(), "hello world");
  EXPECT_THAT(registry_->known_pops().value(), ::testing::ElementsAre("AMS"));
}

TEST_F(MigrationTest, NumbersGoOnWhereSchema2Ended) {
  EXPECT_EQ(registry_->versions("old").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(deploy(version_of("old", "x")).version.number(), 2U);
  EXPECT_EQ(registry_->newest_deployment("old").value(), 1U);
  const Registry::Deployed next = deploy(version_of("shop", "x", {"shop.example/*"}));
  EXPECT_EQ(next.version.number(), 3U);
  EXPECT_EQ(next.deployment.number(), 2U);
  ASSERT_TRUE(roll_back("shop").ok());
  EXPECT_EQ(live_number("shop"), 2U);
}

TEST_F(MigrationTest, OldRoutesAreStillClaimed) {
  EXPECT_EQ(
      registry_
          ->deploy(version_of("b", "1", {"shop.example/*"}), {}, std::nullopt, Write::kKeep, actor_)
          .error()
          .code,
      ErrorCode::kAlreadyExists);
}

TEST_F(MigrationTest, OldVersionsAreSigned) {
  const pki::SigningKey key = pki::SigningKey::generate().value();
  reopen(&key);
  EXPECT_EQ(registry_->version("shop", 1).value().signature().size(), 64U);
}

}  // namespace
}  // namespace isopop::control
