#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/result/result.h"

namespace isopop {

// What a YAML document says, without types: the border behind which yaml-cpp and its exceptions
// stay.
struct YamlValue {
  enum class Kind { kNull, kScalar, kList, kMap };

  Kind kind = Kind::kNull;
  int line = 1;  // from 1
  std::string scalar = {};
  std::vector<YamlValue> list = {};
  std::vector<std::pair<std::string, YamlValue>> map = {};  // in the file's order, keys unique
};

// Errors read "name:line: what". Refuses duplicate keys, keys that are not plain words, anchors and
// aliases (a short file could unfold into gigabytes) and more than one document.
Result<YamlValue> parse_yaml(std::string_view text, std::string_view name);

}  // namespace isopop
