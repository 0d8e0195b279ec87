#pragma once

#include <string>
#include <vector>

#include "sim/doctor/finding.h"
#include "sim/doctor/plan.h"

namespace isopop::sim::doctor {

// For people: a line a finding, then what is wrong and the command that mends it.
[[nodiscard]] std::string format_table(const std::vector<Finding>& findings, const Plan& plan);

// For programs: {"engine", "pops", "containers", "verdict", "counts": {"ok", "warning", "problem",
// "unknown"}, "findings": [{"name", "verdict", "found", "needed", "why", "fix", "blocks_start"}]}.
[[nodiscard]] std::string format_json(const std::vector<Finding>& findings, const Plan& plan);

// The fixes as a shell script that stops at the first that fails.
[[nodiscard]] std::string format_script(const std::vector<Finding>& findings);

// "problem" if there is one; else "ok", whatever the warnings.
[[nodiscard]] Verdict overall(const std::vector<Finding>& findings);

}  // namespace isopop::sim::doctor
