#pragma once

#include <string>

#include "sim/report/run_report.h"

namespace isopop::sim {

// The version of run.json's schema (docs/run-json.md). A field may be added without changing it; a
// field that changes its meaning or goes away raises it.
inline constexpr int kRunJsonSchemaVersion = 1;

// run.json: pretty-printed, keys in a fixed order, times in milliseconds with three decimals.
[[nodiscard]] std::string render_run_json(const RunReport& report);

}  // namespace isopop::sim
