#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result/result.h"

namespace isopop::control::cli {

// What a wrangler file says, whether it is TOML or JSON with comments, with the place of each
// value.
struct WranglerValue {
  enum class Kind { kNull, kBool, kNumber, kString, kList, kMap };

  Kind kind = Kind::kNull;
  int line = 1;    // from 1
  int column = 1;  // from 1, in bytes
  // Of what is neither a list nor a map, as JSON. Dates of TOML are strings.
  nlohmann::ordered_json scalar = {};
  std::vector<WranglerValue> list = {};
  std::vector<std::pair<std::string, WranglerValue>> map = {};  // keys are unique

  [[nodiscard]] const WranglerValue* find(std::string_view key) const;
  [[nodiscard]] nlohmann::ordered_json json() const;
};

// Errors read "name:line:column: what". Comments and commas before a closing bracket are fine, as
// wrangler takes them; a key that is there twice is not.
[[nodiscard]] Result<WranglerValue> parse_jsonc(std::string_view text, const std::string& name);
[[nodiscard]] Result<WranglerValue> parse_toml(std::string_view text, const std::string& name);

}  // namespace isopop::control::cli
