#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace isopop::executor {

// The encodings that atob, btoa and TextDecoder need. Pure.

// Well-formed UTF-8 (Unicode 15, table 3-7): no overlong forms, no surrogates.
[[nodiscard]] bool is_utf8(std::string_view bytes);

[[nodiscard]] std::string base64_encode(std::string_view bytes);

// "Forgiving-base64 decode" of infra.spec.whatwg.org: white space is skipped, padding may be
// missing.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

}  // namespace isopop::executor
