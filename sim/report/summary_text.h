#pragma once

#include <string>

#include "sim/report/run_report.h"

namespace isopop::sim {

// The figures of a run for a terminal: what was offered and what became of it, latency on both
// clocks, starts, distance, the ten busiest PoPs. Plain text, lines of at most 100 columns, ending
// in a newline.
[[nodiscard]] std::string render_summary(const RunReport& report);

}  // namespace isopop::sim
