#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/files/files.h"
#include "control_plane/access/access_book.h"
#include "control_plane/access/access_table.h"
#include "control_plane/access/pki_folder.h"
#include "control_plane/registry/schema.h"

namespace isopop::control {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kNowMs = 1'790'000'000'000;
const pki::ProgramIdentity kAms{.kind = "pop", .id = "AMS"};

struct Made {
  Token token;
  std::string text;
};

Made make_token(const std::string& name, Role role) {
  Made made{.token = {.name = name, .role = role, .created_at_ms = kNowMs},
            .text = new_token_text()};
  set_text(made.token, made.text);
  return made;
}

class AccessBookTest : public testing::Test {
 protected:
  ManualClock clock_{from_unix_ms(kNowMs)};
  AccessBook book_{clock_};
};

TEST_F(AccessBookTest, ATokenSaysWhoCallsAndWhatTheyMay) {
  Made ci = make_token("ci", Role::kDeployer);
  ci.token.workers = {"shop-*"};
  book_.fill({ci.token}, {});
  const Caller caller = book_.person(ci.text).value();
  EXPECT_EQ(caller.actor.name, "token:ci");
  EXPECT_TRUE(check_permission(caller, Permission::kRead, "").ok());
  EXPECT_TRUE(check_permission(caller, Permission::kDeploy, "shop-api").ok());
  const Result<void> other = check_permission(caller, Permission::kDeploy, "blog");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kPermissionDenied);
  EXPECT_THAT(other.error().message, HasSubstr("shop-*"));
  EXPECT_FALSE(check_permission(caller, Permission::kDeploy, "").ok());
  const Caller of_all{.actor = {"token:d"}, .role = Role::kDeployer};
  EXPECT_TRUE(check_permission(of_all, Permission::kDeploy, "").ok());
  EXPECT_FALSE(check_permission(of_all, Permission::kAdmin, "").ok());
  EXPECT_FALSE(check_permission(caller, Permission::kAdmin, "").ok());
  EXPECT_FALSE(check_permission(caller, Permission::kProgram, "").ok());
}

TEST_F(AccessBookTest, ATokenWithOneBitOffIsNone) {
  const Made admin = make_token("admin", Role::kAdmin);
  book_.fill({admin.token}, {});
  ASSERT_TRUE(book_.person(admin.text).ok());
  for (std::size_t bit = 0; bit < admin.text.size() * 8; ++bit) {
    std::string other = admin.text;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << (bit % 8)));
    const Result<Caller> caller = book_.person(other);
    ASSERT_FALSE(caller.ok()) << "bit " << bit;
    EXPECT_EQ(caller.error().code, ErrorCode::kUnauthenticated);
  }
  for (const std::string& text : {std::string(), admin.text + "0", admin.text.substr(1),
                                  admin.text + "\n", std::string(10'000, 'a')}) {
    EXPECT_FALSE(book_.person(text).ok());
  }
}

TEST_F(AccessBookTest, RevokedAndExpiredTokensAreNone) {
  Made revoked = make_token("old", Role::kAdmin);
  revoked.token.revoked = true;
  Made brief = make_token("brief", Role::kAdmin);
  brief.token.expires_at_ms = kNowMs + 1000;
  book_.fill({revoked.token, brief.token}, {});
  EXPECT_THAT(book_.person(revoked.text).error().message, HasSubstr("was revoked"));
  EXPECT_TRUE(book_.person(brief.text).ok());
  clock_.advance(std::chrono::seconds(1));
  EXPECT_THAT(book_.person(brief.text).error().message, HasSubstr("has expired"));
}

TEST_F(AccessBookTest, AReaderChangesNothingAndAnAdminEverything) {
  const Caller reader{.actor = {"token:r"}, .role = Role::kReader};
  EXPECT_TRUE(check_permission(reader, Permission::kRead, "").ok());
  EXPECT_FALSE(check_permission(reader, Permission::kDeploy, "shop").ok());
  EXPECT_FALSE(check_permission(reader, Permission::kAdmin, "").ok());
  const Caller admin{.actor = {"token:a"}, .role = Role::kAdmin};
  EXPECT_TRUE(check_permission(admin, Permission::kDeploy, "shop").ok());
  EXPECT_TRUE(check_permission(admin, Permission::kAdmin, "").ok());
  EXPECT_FALSE(check_permission(admin, Permission::kProgram, "").ok());
}

TEST_F(AccessBookTest, AProgramIsNoPerson) {
  const Caller pop = book_.program(kAms).value();
  EXPECT_EQ(pop.actor.name, "pop/AMS");
  EXPECT_TRUE(check_permission(pop, Permission::kProgram, "").ok());
  for (const Permission permission : {Permission::kRead, Permission::kDeploy, Permission::kAdmin}) {
    EXPECT_FALSE(check_permission(pop, permission, "shop").ok());
  }
}

TEST_F(AccessBookTest, ARevokedProgramMayNothing) {
  book_.fill({}, {"pop/AMS"});
  const Result<Caller> pop = book_.program(kAms);
  ASSERT_FALSE(pop.ok());
  EXPECT_EQ(pop.error().code, ErrorCode::kPermissionDenied);
  EXPECT_TRUE(book_.program({.kind = "pop", .id = "FRA"}).ok());
  EXPECT_TRUE(book_.program({.kind = "router", .id = "AMS"}).ok());
}

TEST_F(AccessBookTest, AJoinTokenIsGoodForThoseItNames) {
  Made join = make_token("europe", Role::kJoin);
  join.token.ids = {"pop/AMS", "router/*"};
  book_.fill({join.token}, {});
  EXPECT_EQ(book_.may_join(join.text, &kAms).value(), join.token.id);
  EXPECT_TRUE(book_.may_join(join.text, nullptr).ok());
  const pki::ProgramIdentity router{.kind = "router", .id = "r1"};
  EXPECT_TRUE(book_.may_join(join.text, &router).ok());
  const pki::ProgramIdentity gru{.kind = "pop", .id = "GRU"};
  const Result<std::string> other = book_.may_join(join.text, &gru);
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::kPermissionDenied);
  EXPECT_FALSE(book_.person(join.text).ok());
}

TEST_F(AccessBookTest, AJoinTokenBringsNoRevokedProgramBackAndEndsWithItsUses) {
  Made join = make_token("once", Role::kJoin);
  join.token.uses_left = 1;
  book_.fill({join.token}, {"pop/AMS"});
  EXPECT_THAT(book_.may_join(join.text, &kAms).error().message, HasSubstr("was revoked"));
  const pki::ProgramIdentity fra{.kind = "pop", .id = "FRA"};
  EXPECT_TRUE(book_.may_join(join.text, &fra).ok());
  join.token.uses_left = 0;
  book_.fill({join.token}, {});
  EXPECT_FALSE(book_.may_join(join.text, &fra).ok());
}

TEST_F(AccessBookTest, APersonsTokenLetsNobodyJoin) {
  const Made admin = make_token("admin", Role::kAdmin);
  book_.fill({admin.token}, {});
  EXPECT_FALSE(book_.may_join(admin.text, &kAms).ok());
}

TEST_F(AccessBookTest, RemembersWhenATokenWasUsed) {
  const Made one = make_token("one", Role::kReader);
  const Made two = make_token("two", Role::kReader);
  book_.fill({one.token, two.token}, {});
  ASSERT_TRUE(book_.person(two.text).ok());
  EXPECT_EQ(book_.take_used(), (std::map<std::string, std::int64_t>{{two.token.id, kNowMs}}));
  EXPECT_TRUE(book_.take_used().empty());
  book_.fill({one.token, two.token}, {});
  EXPECT_EQ(book_.tokens().at(1).last_used_ms, kNowMs);
}

class AccessTableTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(migrate(*database_).ok()); }

  const TempFolder folder_ = TempFolder::create("isopop-access-").value();
  const std::unique_ptr<Database> database_ = Database::open(folder_.path() / "control.db").value();
  AccessTable table_{*database_};
};

TEST_F(AccessTableTest, KeepsTokensWithoutTheirText) {
  Made made = make_token("ci", Role::kDeployer);
  made.token.workers = {"shop-*", "blog"};
  made.token.ids = {};
  made.token.created_by = "token:admin";
  made.token.expires_at_ms = kNowMs + 5;
  ASSERT_TRUE(table_.add(made.token).ok());
  const Token kept = table_.tokens().value().at(0);
  EXPECT_EQ(kept.id, made.token.id);
  EXPECT_EQ(kept.workers, made.token.workers);
  EXPECT_TRUE(kept.ids.empty());
  EXPECT_EQ(kept.role, Role::kDeployer);
  EXPECT_EQ(kept.expires_at_ms, kNowMs + 5);
  EXPECT_FALSE(kept.uses_left.has_value());
  EXPECT_TRUE(is_text_of(kept, made.text));
  ASSERT_TRUE(database_->execute("PRAGMA wal_checkpoint(TRUNCATE)").ok());
  const std::string file = read_file(folder_.path() / "control.db").value();
  EXPECT_EQ(file.find(made.text.substr(16)), std::string::npos);
  EXPECT_NE(file.find(made.token.sha256), std::string::npos);
}

TEST_F(AccessTableTest, ATokenIsRevokedOnce) {
  const Made made = make_token("ci", Role::kReader);
  ASSERT_TRUE(table_.add(made.token).ok());
  EXPECT_TRUE(table_.revoke(made.token.id).ok());
  EXPECT_TRUE(table_.tokens().value().at(0).revoked);
  EXPECT_EQ(table_.revoke(made.token.id).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(table_.revoke("nothing").error().code, ErrorCode::kNotFound);
}

TEST_F(AccessTableTest, UsesEndAndAnyNumberDoesNot) {
  Made twice = make_token("twice", Role::kJoin);
  twice.token.uses_left = 2;
  const Made always = make_token("always", Role::kJoin);
  ASSERT_TRUE(table_.add(twice.token).ok());
  ASSERT_TRUE(table_.add(always.token).ok());
  EXPECT_TRUE(table_.take_use(twice.token.id).ok());
  EXPECT_TRUE(table_.take_use(twice.token.id).ok());
  EXPECT_EQ(table_.take_use(twice.token.id).error().code, ErrorCode::kPermissionDenied);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(table_.take_use(always.token.id).ok());
}

TEST_F(AccessTableTest, LastUseOnlyMovesForwards) {
  const Made made = make_token("ci", Role::kReader);
  ASSERT_TRUE(table_.add(made.token).ok());
  ASSERT_TRUE(table_.note_used(made.token.id, 20).ok());
  ASSERT_TRUE(table_.note_used(made.token.id, 10).ok());
  EXPECT_EQ(table_.tokens().value().at(0).last_used_ms, 20);
}

TEST_F(AccessTableTest, IdentitiesAreRevokedAndRestored) {
  ASSERT_TRUE(table_.revoke_identity("pop/AMS", kNowMs).ok());
  ASSERT_TRUE(table_.revoke_identity("pop/AMS", kNowMs + 1).ok());
  EXPECT_EQ(table_.revoked_identities().value(), std::set<std::string>{"pop/AMS"});
  EXPECT_TRUE(table_.restore_identity("pop/AMS").ok());
  EXPECT_EQ(table_.restore_identity("pop/AMS").error().code, ErrorCode::kNotFound);
}

class PkiFolderTest : public testing::Test {
 protected:
  [[nodiscard]] Result<PkiFolder> open() const {
    return PkiFolder::open_or_create(path_, PkiFolder::Authority::kOwn, from_unix_ms(kNowMs));
  }

  const TempFolder folder_ = TempFolder::create("isopop-pki-").value();
  const std::filesystem::path path_ = folder_.path() / "pki";
};

TEST_F(PkiFolderTest, IsMadeOnceAndForItsOwnerAlone) {
  const PkiFolder made = open().value();
  const PkiFolder loaded = open().value();
  EXPECT_EQ(made.ca->certificate_pem(), loaded.ca->certificate_pem());
  EXPECT_EQ(made.admin_token, loaded.admin_token);
  EXPECT_EQ(made.bundle_key.public_pem(), loaded.bundle_key.public_pem());
  EXPECT_NE(made.admin_token, made.join_token);
  struct stat status{};
  ASSERT_EQ(stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) {
    ++files;
    ASSERT_EQ(stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777U, 0600U) << entry.path();
  }
  EXPECT_EQ(files, 6U);
}

TEST_F(PkiFolderTest, WhatIsMissingIsNamedAndNotMadeAnew) {
  ASSERT_TRUE(open().ok());
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path_)) files.push_back(entry);
  for (const std::filesystem::path& file : files) {
    const std::filesystem::path aside = folder_.path() / "aside";
    std::filesystem::rename(file, aside);
    const Result<PkiFolder> opened = open();
    ASSERT_FALSE(opened.ok()) << file;
    EXPECT_EQ(opened.error().code, ErrorCode::kFailedPrecondition);
    EXPECT_THAT(opened.error().message, HasSubstr(file.filename().string()));
    EXPECT_FALSE(std::filesystem::exists(file));
    std::filesystem::rename(aside, file);
  }
  EXPECT_TRUE(open().ok());
}

TEST_F(PkiFolderTest, ADamagedFileIsNamed) {
  ASSERT_TRUE(open().ok());
  for (const char* name :
       {"ca.crt", "ca.key", "bundle.key", "secrets.key", "admin.token", "join.token"}) {
    const std::string before = read_file(path_ / name).value();
    ASSERT_TRUE(write_private_file(path_ / name, before.substr(0, before.size() / 2)).ok());
    const Result<PkiFolder> opened = open();
    ASSERT_FALSE(opened.ok()) << name;
    EXPECT_THAT(opened.error().message, HasSubstr(path_.string())) << name;
    ASSERT_TRUE(write_private_file(path_ / name, before).ok());
  }
}

TEST_F(PkiFolderTest, JoiningTakesTheCertificateAndTheToken) {
  const PkiFolder pki = open().value();
  const std::filesystem::path join = folder_.path() / "join";
  ASSERT_TRUE(write_join_folder(join, pki).ok());
  EXPECT_EQ(read_file(join / "ca.crt").value(), pki.ca->certificate_pem());
  EXPECT_EQ(read_file(join / "join.token").value(), pki.join_token + "\n");
  struct stat status{};
  ASSERT_EQ(stat((join / "join.token").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

}  // namespace
}  // namespace isopop::control
