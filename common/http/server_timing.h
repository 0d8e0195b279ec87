#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace isopop::http {

// The Server-Timing header (W3C): "pop;dur=1.25, run;dur=0.8". How every hop tells what time it
// added. Pure functions on text.

// One metric. `duration_ms` is absent when the header names none.
struct TimingMetric {
  std::string_view name;
  std::optional<double> duration_ms;
};

// Appends "name;dur=1.234" to `header`, after ", " if it is not empty. Milliseconds with three
// decimals.
void append_timing(std::string& header, std::string_view name, std::chrono::nanoseconds duration);

// All metrics, in order; parameters other than dur are skipped, quoted ones with commas too. What
// cannot be read is left out: the header is information, never a reason to fail.
[[nodiscard]] std::vector<TimingMetric> parse_server_timing(std::string_view header);

// The duration of the first metric of that name, in milliseconds.
[[nodiscard]] std::optional<double> find_timing_ms(std::string_view header, std::string_view name);

}  // namespace isopop::http
