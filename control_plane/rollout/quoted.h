#pragma once

#include <string>
#include <string_view>

namespace isopop::control {

// Text from outside as an error message shows it: in quotes, at most 80 bytes of it, what is not
// printable ASCII as '?'.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace isopop::control
