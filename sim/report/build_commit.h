#pragma once

#include <string_view>

namespace isopop::sim {

// The Git commit this program was built from, 40 hexadecimal digits, with "-dirty" behind it when
// tracked files had been changed; "unknown" when it was not built from a checkout.
[[nodiscard]] std::string_view build_commit();

}  // namespace isopop::sim
