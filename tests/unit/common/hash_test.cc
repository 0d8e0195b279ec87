#include "common/hash/hash.h"

#include <gtest/gtest.h>

namespace isopop {
namespace {

TEST(HashTest, Sha256OfKnownTexts) {
  // FIPS 180-2, appendix B.1, and the empty text.
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

// The network model draws from these values: they must not change between releases.
TEST(HashTest, Hash64IsPinned) {
  EXPECT_EQ(hash64(""), mix64(0xCBF29CE484222325ULL));
  EXPECT_EQ(hash64("a"), mix64(0xAF63DC4C8601EC8CULL));  // FNV-1a test vector, then mixed
}

TEST(HashTest, CombinationDependsOnOrder) {
  EXPECT_NE(combine64(1, 2), combine64(2, 1));
}

TEST(HashTest, HexIsLowerCase) {
  EXPECT_EQ(to_hex("\x0F\xAB"), "0fab");
}

}  // namespace
}  // namespace isopop
