#include "common/pki/signing.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/files/files.h"

namespace isopop::pki {
namespace {

constexpr std::string_view kText = "isopop worker version 1\nwhat is signed";

TEST(Signing, ASignatureIsOfTheseBytesAndNoOthers) {
  const SigningKey key = SigningKey::generate().value();
  const VerifyKey verify = VerifyKey::from_pem(key.public_pem()).value();
  const std::string signature = key.sign(kText);
  EXPECT_EQ(signature.size(), 64U);
  EXPECT_TRUE(verify.verify(kText, signature));
  EXPECT_FALSE(verify.verify(std::string(kText) + " ", signature));
  EXPECT_FALSE(verify.verify(kText.substr(1), signature));
  EXPECT_FALSE(verify.verify("", signature));
}

TEST(Signing, EachBitOfASignatureCounts) {
  const SigningKey key = SigningKey::generate().value();
  const VerifyKey verify = VerifyKey::from_pem(key.public_pem()).value();
  const std::string signature = key.sign(kText);
  for (std::size_t bit = 0; bit < signature.size() * 8; ++bit) {
    std::string damaged = signature;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(verify.verify(kText, damaged)) << "bit " << bit;
  }
  EXPECT_FALSE(verify.verify(kText, ""));
  EXPECT_FALSE(verify.verify(kText, signature.substr(0, 63)));
  EXPECT_FALSE(verify.verify(kText, signature + "x"));
}

TEST(Signing, AnotherKeysSignatureIsNone) {
  const SigningKey mine = SigningKey::generate().value();
  const SigningKey other = SigningKey::generate().value();
  EXPECT_FALSE(VerifyKey::from_pem(mine.public_pem()).value().verify(kText, other.sign(kText)));
}

TEST(Signing, NothingCanBeSignedToo) {
  const SigningKey key = SigningKey::generate().value();
  EXPECT_TRUE(VerifyKey::from_pem(key.public_pem()).value().verify("", key.sign("")));
}

TEST(Signing, TheFileKeepsTheKeyForItsOwnerAlone) {
  const TempFolder folder = TempFolder::create("isopop-signing-").value();
  const auto path = folder.path() / "bundle.key";
  const SigningKey made = SigningKey::load_or_create(path).value();
  const SigningKey loaded = SigningKey::load_or_create(path).value();
  EXPECT_EQ(made.public_pem(), loaded.public_pem());
  struct stat status{};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(Signing, AFileThatIsNoKeyIsNamedAndKept) {
  const TempFolder folder = TempFolder::create("isopop-signing-").value();
  const auto path = folder.path() / "bundle.key";
  ASSERT_TRUE(write_file_atomically(path, "not a key").ok());
  const Result<SigningKey> key = SigningKey::load_or_create(path);
  ASSERT_FALSE(key.ok());
  EXPECT_NE(key.error().message.find("bundle.key"), std::string::npos);
  EXPECT_EQ(read_file(path).value(), "not a key");
}

TEST(Signing, WhatIsNoEd25519PublicKeyIsRefused) {
  EXPECT_FALSE(VerifyKey::from_pem("").ok());
  EXPECT_FALSE(
      VerifyKey::from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n").ok());
  // P-256, made with `openssl ecparam -genkey` and `openssl pkey -pubout`.
  const Result<VerifyKey> other_kind = VerifyKey::from_pem(R"(-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEo0UqUirdRGn7pjv0PeUhSZ8MzTH0
MV55wmdxZNhsPUgglxMyQJ5PSL/ztDbtwEbrfgzBL5LMiW72ENvrfMGqrw==
-----END PUBLIC KEY-----
)");
  ASSERT_FALSE(other_kind.ok());
  EXPECT_NE(other_kind.error().message.find("Ed25519"), std::string::npos);
}

}  // namespace
}  // namespace isopop::pki
