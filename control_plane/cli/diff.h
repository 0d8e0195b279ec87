#pragma once

#include <string>
#include <string_view>

namespace isopop::control::cli {

struct DiffNames {
  std::string before;  // as "a/index.js", or "/dev/null" for what was not there
  std::string after;
};

// What `diff -u` says: lines that were taken away and added, with three lines around them. Empty
// when both are the same. Texts that are no UTF-8, or hold NUL, are only said to differ. Very
// different texts (thousands of changed lines) are shown as one taken away and the other added.
[[nodiscard]] std::string unified_diff(const DiffNames& names, std::string_view before,
                                       std::string_view after);

}  // namespace isopop::control::cli
