#include "common/hash/hash.h"

#include <openssl/evp.h>

#include <array>

#include "common/result/assert.h"

namespace isopop {

std::uint64_t hash64(std::string_view bytes) {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001B3ULL;
  }
  return mix64(hash);
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    text.push_back(kDigits[value >> 4U]);
    text.push_back(kDigits[value & 15U]);
  }
  return text;
}

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  const int ok =
      EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr);
  ISOPOP_ASSERT(ok == 1, "OpenSSL to know SHA-256");
  std::string text(size, '\0');
  for (unsigned int i = 0; i < size; ++i) text[i] = static_cast<char>(digest.at(i));
  return to_hex(text);
}

}  // namespace isopop
