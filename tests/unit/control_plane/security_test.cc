#include "control_plane/server/security.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/files/files.h"

namespace isopop::control {
namespace {

using testing::Contains;
using testing::HasSubstr;

constexpr WallTime kNow = WallTime(std::chrono::seconds(1'790'000'000));

TEST(ServerCertificate, IsRenewedWhenTwoThirdsOfItsTimeAreOver) {
  const TempFolder folder = TempFolder::create("isopop-server-").value();
  const pki::CertificateAuthority ca = pki::CertificateAuthority::create(kNow);
  ServerCertificate certificate =
      ServerCertificate::create(ca, folder.path(), {"control"}, kNow).value();
  const std::string first = read_file(certificate.certificate_file()).value();
  const std::string key = read_file(certificate.key_file()).value();
  const pki::CertificateFacts facts = pki::read_certificate(first).value();
  EXPECT_EQ(facts.identity->name(), "control/main");
  EXPECT_THAT(facts.names, testing::ElementsAre("control"));
  EXPECT_EQ(facts.not_after, kNow + ServerCertificate::kLifetime);
  const auto two_thirds = ServerCertificate::kLifetime * 2 / 3;
  ASSERT_TRUE(certificate.renew_if_due(kNow + two_thirds - std::chrono::seconds(1)).ok());
  EXPECT_EQ(read_file(certificate.certificate_file()).value(), first);
  ASSERT_TRUE(certificate.renew_if_due(kNow + two_thirds).ok());
  const std::string second = read_file(certificate.certificate_file()).value();
  EXPECT_NE(second, first);
  EXPECT_EQ(pki::read_certificate(second).value().not_after,
            kNow + two_thirds + ServerCertificate::kLifetime);
  // At no moment do certificate and key not fit.
  EXPECT_EQ(read_file(certificate.key_file()).value(), key);
  EXPECT_TRUE(pki::CertificateKey::from_pem(key).value().is_of(second));
}

TEST(ServerNames, AreWhereItListensAndThisMachine) {
  EXPECT_THAT(names_of_listener("127.20.0.1:7070"), Contains("127.20.0.1"));
  EXPECT_THAT(names_of_listener("[fd00::7]:7070"), Contains("fd00::7"));
  for (const char* everywhere : {"0.0.0.0:7070", "[::]:7070"}) {
    EXPECT_THAT(names_of_listener(everywhere), Contains("127.0.0.1"));
    EXPECT_THAT(names_of_listener(everywhere), Contains("localhost"));
    EXPECT_THAT(names_of_listener(everywhere), testing::Not(Contains("0.0.0.0")));
  }
}

class SecurityTest : public testing::Test {
 protected:
  [[nodiscard]] Result<std::unique_ptr<Security>> create(
      const SecurityOptions& options, const std::string& listen = "127.0.0.1:0",
      const std::string& http_listen = "[::1]:0") {
    return Security::create(
        options, {.state = folder_.path() / "state", .listen = listen, .http_listen = http_listen},
        clock_);
  }

  const TempFolder folder_ = TempFolder::create("isopop-security-").value();
  const ManualClock clock_{kNow};
};

TEST_F(SecurityTest, InsecureIsRefusedWhereOthersReachIt) {
  const SecurityOptions insecure{.insecure = true};
  EXPECT_TRUE(create(insecure).ok());
  EXPECT_TRUE(create(insecure, "127.20.0.1:7070", "localhost:1").ok());
  for (const char* address : {"0.0.0.0:0", "[::]:0", "10.0.0.1:0", "128.0.0.1:0", "control:0"}) {
    EXPECT_FALSE(create(insecure, address).ok()) << address;
    EXPECT_FALSE(create(insecure, "127.0.0.1:0", address).ok()) << address;
  }
}

TEST_F(SecurityTest, ExactlyOneWayIsChosen) {
  const std::string pki = (folder_.path() / "pki").string();
  EXPECT_FALSE(create({}).ok());
  EXPECT_FALSE(create({.pki = pki, .insecure = true}).ok());
  EXPECT_FALSE(create({.join = folder_.path() / "join", .insecure = true}).ok());
  EXPECT_TRUE(create({.pki = pki, .join = folder_.path() / "join"}).ok());
}

TEST_F(SecurityTest, AFolderThatWasUsedInsecurelyGetsACaAndKeepsItsKeys) {
  const std::string before = create({.insecure = true}).value()->issuer().bundle_key_pem;
  const Result<std::unique_ptr<Security>> secure =
      create({.pki = folder_.path() / "state" / "pki"});
  ASSERT_TRUE(secure.ok()) << secure.error().message;
  EXPECT_EQ(secure.value()->issuer().bundle_key_pem, before);
  EXPECT_NE(secure.value()->issuer().authority, nullptr);
  EXPECT_TRUE(secure.value()->tls().have_certificate());
}

TEST_F(SecurityTest, LifetimesThatMakeNoSenseAreRefused) {
  for (const char* lifetime : {"0 s", "1 s", "soon", "-1 h"}) {
    EXPECT_FALSE(create({.insecure = true, .identity_lifetime = lifetime}).ok()) << lifetime;
  }
}

}  // namespace
}  // namespace isopop::control
