#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isopop {

// Small pure functions on text that the standard library lacks. ASCII only where case or space
// matters: headers, host names and config keys, never prose.

[[nodiscard]] std::string_view trim(std::string_view text);
[[nodiscard]] std::string to_lower(std::string_view text);
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);
// Every piece between separators, empty ones too; "" gives one empty piece.
[[nodiscard]] std::vector<std::string_view> split(std::string_view text, char separator);
[[nodiscard]] std::string join(const std::vector<std::string>& parts, std::string_view separator);
// Cuts after at most `bytes_max` bytes, never inside a UTF-8 sequence.
[[nodiscard]] std::string_view truncate_utf8(std::string_view text, std::size_t bytes_max);
// The entry of `known` that `word` most likely means: at most two edits away. Empty if none.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       const std::vector<std::string>& known);

// The whole text as a decimal number: no sign '+', no spaces, nothing behind it, no overflow; for
// doubles no "inf" and no "nan".
[[nodiscard]] std::optional<long long> parse_integer(std::string_view text);
[[nodiscard]] std::optional<unsigned long long> parse_unsigned(std::string_view text);
[[nodiscard]] std::optional<double> parse_double(std::string_view text);

}  // namespace isopop
