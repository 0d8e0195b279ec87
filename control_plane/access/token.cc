#include "control_plane/access/token.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/hash/hash.h"
#include "common/pki/secret_text.h"
#include "common/random/random.h"

namespace isopop::control {
namespace {

constexpr std::string_view kPrefix = "isopop_";
constexpr std::size_t kIdBytes = 4;
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kTextBytes = kPrefix.size() + 2 * kIdBytes + 1 + 2 * kSecretBytes;

bool is_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

}  // namespace

std::string new_token_text() {
  return fmt::format("{}{}_{}", kPrefix, random_hex(kIdBytes), random_hex(kSecretBytes));
}

std::optional<std::string> token_id(std::string_view text) {
  if (text.size() != kTextBytes || !text.starts_with(kPrefix)) return std::nullopt;
  const std::string_view id = text.substr(kPrefix.size(), 2 * kIdBytes);
  const std::string_view secret = text.substr(kPrefix.size() + 2 * kIdBytes + 1);
  if (text[kPrefix.size() + 2 * kIdBytes] != '_' || !is_hex(id) || !is_hex(secret)) {
    return std::nullopt;
  }
  return std::string(id);
}

bool is_text_of(const Token& token, std::string_view text) {
  return pki::is_same_secret(token.sha256, sha256_hex(text));
}

void set_text(Token& token, std::string_view text) {
  const std::optional<std::string> id = token_id(text);
  ISOPOP_ASSERT(id.has_value(), "a token's text");
  token.id = *id;
  token.sha256 = sha256_hex(text);
}

}  // namespace isopop::control
