#include "common/rpc/tls_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/files/files.h"
#include "tests/support/certificates.h"

namespace isopop::rpc {
namespace {

using test::CertificateAuthority;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// OpenSSL asks for the passphrase before it looks at what is behind it.
constexpr const char* kKeyWithPassphrase =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "Proc-Type: 4,ENCRYPTED\n"
    "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n"
    "\n"
    "AAAAAAAAAAAAAAAAAAAAAA==\n"
    "-----END EC PRIVATE KEY-----\n";

class TlsFilesTest : public ::testing::Test {
 protected:
  // What is said of them; "" when they are good.
  std::string complaint(const TlsFiles& files) const {
    const Result<void> outcome = check_tls_files(files);
    return outcome.ok() ? std::string() : outcome.error().message;
  }
  std::string write(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = folder_.path() / name;
    EXPECT_TRUE(write_file_atomically(path, text).ok());
    return path.string();
  }

  TempFolder folder_ = TempFolder::create("tls-test-").value();
  CertificateAuthority ca_{folder_.path(), "own"};
  TlsFiles good_ = ca_.issue({.name = "good"});
};

TEST_F(TlsFilesTest, GoodFilesAndNoFilesAreTaken) {
  EXPECT_EQ(complaint(good_), "");
  EXPECT_EQ(complaint({}), "");
  EXPECT_FALSE(TlsFiles().are_given());
}

TEST_F(TlsFilesTest, AChainAndSeveralAuthoritiesAreTaken) {
  const CertificateAuthority other(folder_.path(), "other");
  const TlsFiles theirs = other.issue({.name = "theirs"});
  const std::string own_ca = read_file(good_.ca).value();
  TlsFiles files = good_;
  files.certificate = write("chain.crt", read_file(good_.certificate).value() + own_ca);
  files.ca = write("both.crt", own_ca + read_file(theirs.ca).value());
  EXPECT_EQ(complaint(files), "");
}

TEST_F(TlsFilesTest, AMissingFileIsNamedWithItsFlag) {
  TlsFiles files = good_;
  files.certificate = "/nowhere/tls.crt";
  EXPECT_EQ(complaint(files), "--tls-cert: open /nowhere/tls.crt: No such file or directory");
  files = good_;
  files.key = "/nowhere/tls.key";
  EXPECT_THAT(complaint(files), StartsWith("--tls-key: open /nowhere/tls.key"));
  files = good_;
  files.ca = folder_.path().string();
  EXPECT_THAT(complaint(files), HasSubstr("is a folder"));
}

TEST_F(TlsFilesTest, WhatIsNotPemIsNamedWithItsFlag) {
  const std::string text = write("text", "not a certificate\n");
  TlsFiles files = good_;
  files.certificate = text;
  EXPECT_EQ(complaint(files), "--tls-cert: " + text + " holds no certificate in PEM form");
  files = good_;
  files.key = text;
  EXPECT_EQ(complaint(files), "--tls-key: " + text + " holds no private key in PEM form");
  files = good_;
  files.ca = good_.key;
  EXPECT_EQ(complaint(files), "--tls-ca: " + good_.key + " holds no certificate in PEM form");
}

TEST_F(TlsFilesTest, ACertificateCutShortIsDamaged) {
  const std::string text = read_file(good_.ca).value();
  TlsFiles files = good_;
  files.ca = write("half.crt", text + text.substr(0, text.size() / 2));
  EXPECT_EQ(complaint(files), "--tls-ca: " + files.ca + " holds a certificate that is damaged");
}

TEST_F(TlsFilesTest, AKeyOfAnotherCertificateIsRefused) {
  TlsFiles files = good_;
  files.key = ca_.issue({.name = "other"}).key;
  EXPECT_EQ(complaint(files), "--tls-key: the key in " + files.key +
                                  " is not the one of the certificate in " + files.certificate);
}

TEST_F(TlsFilesTest, AKeyWithPassphraseIsRefusedWithoutAsking) {
  TlsFiles files = good_;
  files.key = write("locked.key", kKeyWithPassphrase);
  EXPECT_THAT(complaint(files), HasSubstr("locked.key has a passphrase"));
}

TEST_F(TlsFilesTest, KnowsWhetherACertificateHasExpired) {
  const TlsFiles old =
      ca_.issue({.name = "old", .validity = CertificateAuthority::Validity::kExpired});
  EXPECT_TRUE(has_expired(old.certificate));
  EXPECT_FALSE(has_expired(good_.certificate));
  EXPECT_FALSE(has_expired("/nowhere/tls.crt"));
  // Its successor may come while the program runs.
  EXPECT_EQ(complaint(old), "");
}

}  // namespace
}  // namespace isopop::rpc
