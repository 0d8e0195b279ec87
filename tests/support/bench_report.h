#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "common/time/clock.h"

namespace isopop::test {

// The head of every benchmark's report: schema_version, the benchmark's name, date, commit and the
// machine. Figures depend on the machine, so they are never written down without it.
[[nodiscard]] nlohmann::ordered_json bench_report_head(std::string_view bench, const Clock& clock);

// The report as --json prints it: one object on standard output.
void print_bench_report(const nlohmann::ordered_json& report);

}  // namespace isopop::test
