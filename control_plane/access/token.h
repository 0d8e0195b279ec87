#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/time/clock.h"
#include "control_plane/access/caller.h"

namespace isopop::control {

// What is kept of a token. Its text is told once and kept nowhere: "isopop_ID_SECRET" with an id of
// 8 and a secret of 64 hexadecimal digits, 256 bits from the kernel. So many that a plain SHA-256
// of it gives nothing away, and that nobody finds one by trying.
struct Token {
  std::string id;    // public
  std::string name;  // what people call it: "ci of the shop team"
  Role role = Role::kReader;
  std::vector<std::string> workers;  // a deployer's
  std::vector<std::string> ids;      // for joining: "pop/AMS", "pop/*"; empty: all
  std::string sha256;                // of the whole text
  std::int64_t created_at_ms = 0;
  std::string created_by;
  std::int64_t expires_at_ms = 0;  // 0: never
  bool revoked = false;
  std::int64_t last_used_ms = 0;           // 0: never
  std::optional<std::uint32_t> uses_left;  // for joining; none: any number

  [[nodiscard]] bool has_expired(WallTime now) const {
    return expires_at_ms != 0 && to_unix_ms(now) >= expires_at_ms;
  }
};

[[nodiscard]] std::string new_token_text();
// The public part; nothing when the text has not the form of a token.
[[nodiscard]] std::optional<std::string> token_id(std::string_view text);
// In a time that does not tell how much of the text is right.
[[nodiscard]] bool is_text_of(const Token& token, std::string_view text);
// Sets what is derived from the text: id and hash.
void set_text(Token& token, std::string_view text);

}  // namespace isopop::control
