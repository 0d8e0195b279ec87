#include "common/pki/seal.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/files/files.h"

namespace isopop::pki {
namespace {

constexpr std::string_view kPlain{"hunter2\0with a zero", 19};
constexpr std::string_view kOf = "secret/shop/API_KEY";

TEST(Seal, WhatWasSealedOpensWithTheSameKeyAndPlace) {
  const SealKey key = SealKey::generate();
  const std::string sealed = key.seal(kPlain, kOf);
  EXPECT_EQ(sealed.find("hunter2"), std::string::npos);
  EXPECT_EQ(key.open(sealed, kOf).value(), kPlain);
}

TEST(Seal, TheSameValueNeverLooksTheSame) {
  const SealKey key = SealKey::generate();
  EXPECT_NE(key.seal(kPlain, kOf), key.seal(kPlain, kOf));
}

TEST(Seal, AValueCannotBePutInAnothersPlace) {
  const SealKey key = SealKey::generate();
  const Result<std::string> moved = key.open(key.seal(kPlain, kOf), "secret/blog/API_KEY");
  ASSERT_FALSE(moved.ok());
  EXPECT_EQ(moved.error().code, ErrorCode::kDataLoss);
}

TEST(Seal, AnotherKeyOpensNothing) {
  EXPECT_FALSE(SealKey::generate().open(SealKey::generate().seal(kPlain, kOf), kOf).ok());
}

TEST(Seal, EachBitAndEachByteOfLengthCounts) {
  const SealKey key = SealKey::generate();
  const std::string sealed = key.seal(kPlain, kOf);
  for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
    std::string damaged = sealed;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(key.open(damaged, kOf).ok()) << "bit " << bit;
  }
  for (std::size_t size = 0; size < sealed.size(); ++size) {
    EXPECT_FALSE(key.open(sealed.substr(0, size), kOf).ok()) << size << " bytes";
  }
  EXPECT_FALSE(key.open(sealed + "x", kOf).ok());
}

TEST(Seal, NothingCanBeSealedToo) {
  const SealKey key = SealKey::generate();
  EXPECT_EQ(key.open(key.seal("", ""), "").value(), "");
}

TEST(Seal, TheFileKeepsTheKeyForItsOwnerAlone) {
  const TempFolder folder = TempFolder::create("isopop-seal-").value();
  const auto path = folder.path() / "secrets.key";
  const std::string sealed = SealKey::load_or_create(path).value().seal(kPlain, kOf);
  EXPECT_EQ(SealKey::load_or_create(path).value().open(sealed, kOf).value(), kPlain);
  struct stat status{};
  ASSERT_EQ(stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

// A new key in its place would make everything sealed unreadable for good.
TEST(Seal, AFileThatIsNoKeyIsNamedAndKept) {
  const TempFolder folder = TempFolder::create("isopop-seal-").value();
  const auto path = folder.path() / "secrets.key";
  const std::string too_short(63, 'a');
  const std::string no_digit = std::string(63, 'a') + "g";
  for (const std::string& content : {std::string(), too_short, no_digit, std::string(65, 'a')}) {
    ASSERT_TRUE(write_file_atomically(path, content).ok());
    const Result<SealKey> key = SealKey::load_or_create(path);
    ASSERT_FALSE(key.ok()) << content;
    EXPECT_NE(key.error().message.find("secrets.key"), std::string::npos);
    EXPECT_EQ(read_file(path).value(), content);
  }
}

}  // namespace
}  // namespace isopop::pki
