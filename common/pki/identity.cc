#include "common/pki/identity.h"

#include <fmt/format.h>

#include <algorithm>

namespace isopop::pki {
namespace {

constexpr std::string_view kScheme = "spiffe://isopop/";
constexpr std::size_t kIdBytesMax = 63;

bool is_id_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

}  // namespace

const std::vector<std::string>& program_kinds() {
  static const std::vector<std::string> kinds = {"pop", "router", "relay", "replay", "control"};
  return kinds;
}

std::string ProgramIdentity::uri() const {
  return std::string(kScheme) + name();
}

Result<void> check_identity(const ProgramIdentity& identity) {
  const std::vector<std::string>& kinds = program_kinds();
  if (std::find(kinds.begin(), kinds.end(), identity.kind) == kinds.end()) {
    return invalid_argument("a program is of the kind pop, router, relay, replay or control");
  }
  const std::string& id = identity.id;
  if (id.empty() || id.size() > kIdBytesMax || id.front() == '.' ||
      !std::all_of(id.begin(), id.end(), is_id_character)) {
    return invalid_argument(
        "a program's id is 1 to 63 letters, digits, '-', '_' or '.', and does not begin with '.'");
  }
  return {};
}

Result<ProgramIdentity> parse_identity_uri(std::string_view uri) {
  if (!uri.starts_with(kScheme)) {
    return invalid_argument(fmt::format("it does not begin with {}", kScheme));
  }
  return parse_identity(uri.substr(kScheme.size()));
}

Result<ProgramIdentity> parse_identity(std::string_view name) {
  const std::size_t slash = name.find('/');
  if (slash == std::string_view::npos) {
    return invalid_argument("a program is named KIND/ID, as in pop/AMS");
  }
  ProgramIdentity identity{.kind = std::string(name.substr(0, slash)),
                           .id = std::string(name.substr(slash + 1))};
  ISOPOP_TRY(check_identity(identity));
  return identity;
}

bool fits_pattern(std::string_view text, std::string_view pattern) {
  // What lies behind the last '*' is tried again one character further on, until it fits.
  std::size_t at = 0;
  std::size_t in_pattern = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (at < text.size()) {
    if (in_pattern < pattern.size() && pattern[in_pattern] == '*') {
      star = in_pattern++;
      star_text = at;
    } else if (in_pattern < pattern.size() && pattern[in_pattern] == text[at]) {
      ++in_pattern;
      ++at;
    } else if (star != std::string_view::npos) {
      in_pattern = star + 1;
      at = ++star_text;
    } else {
      return false;
    }
  }
  while (in_pattern < pattern.size() && pattern[in_pattern] == '*') ++in_pattern;
  return in_pattern == pattern.size();
}

}  // namespace isopop::pki
