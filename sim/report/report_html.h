#pragma once

#include <string>
#include <string_view>

#include "sim/report/run_report.h"

namespace isopop::sim {

// report.html: one file that opens without a network, light or dark as the reader's system is, and
// prints. It carries the run's JSON and draws itself from it; nothing in it is fetched.
[[nodiscard]] std::string render_report_html(const RunReport& report);

// JSON as it may stand inside a <script> element: no "</" and no "<!--" in it.
[[nodiscard]] std::string escape_for_script(std::string_view json);

}  // namespace isopop::sim
