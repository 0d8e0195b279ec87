#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace isopop {

// Hashes whose values are part of results or of the wire: the same on every machine, in every
// build.

// FNV-1a over the bytes, then SplitMix64's finaliser so that every bit depends on every byte. Not
// for secrets or untrusted keys.
[[nodiscard]] std::uint64_t hash64(std::string_view bytes);

// SplitMix64's finaliser (Steele, Lea, Flood, OOPSLA 2014): a bijection that scatters close values.
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t value) {
  value = (value ^ (value >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ (value >> 27U)) * 0x94D049BB133111EBULL;
  return value ^ (value >> 31U);
}

// Order matters: combine(a, b) differs from combine(b, a).
[[nodiscard]] constexpr std::uint64_t combine64(std::uint64_t a, std::uint64_t b) {
  return mix64(a + 0x9E3779B97F4A7C15ULL + mix64(b));
}

// SHA-256 (OpenSSL), 64 lower-case hexadecimal digits.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);

[[nodiscard]] std::string to_hex(std::string_view bytes);

}  // namespace isopop
