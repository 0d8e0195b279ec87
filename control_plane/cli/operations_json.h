#pragma once

#include <nlohmann/json.hpp>

#include "control_plane/cli/terminal.h"
#include "isopop/v1/operations.pb.h"

namespace isopop::control::cli {

// `popctl top`: shape and tables.
[[nodiscard]] nlohmann::ordered_json to_json(const v1::Figures& figures);
[[nodiscard]] Table workers_table(const v1::Figures& figures);
// The busiest first, at most `rows_max`.
[[nodiscard]] Table pops_table(const v1::Figures& figures, int rows_max);

}  // namespace isopop::control::cli
