#pragma once

#include <string_view>

namespace isopop::pki {

// Compares in a time that depends on the lengths alone.
[[nodiscard]] bool is_same_secret(std::string_view a, std::string_view b);

}  // namespace isopop::pki
