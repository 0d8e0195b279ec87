#pragma once

#include <string_view>

#include "common/result/result.h"

namespace isopop::sim {

// How a trace is written; docs/traces.md shows each with an example.
enum class TraceFormat {
  kClf,       // Common Log Format
  kCombined,  // the same with referrer and user agent: Apache's and nginx's default
  kCsv,       // a header row names the columns; commas, semicolons or tabs
  kJsonl,     // one JSON object a line
};

[[nodiscard]] std::string_view to_string(TraceFormat format);
[[nodiscard]] Result<TraceFormat> parse_trace_format(std::string_view name);

// Tells the format from the beginning of a file. INVALID_ARGUMENT says what was seen instead.
[[nodiscard]] Result<TraceFormat> detect_trace_format(std::string_view head);

// Of a table: the separator that the header row uses most, a comma if none.
[[nodiscard]] char detect_separator(std::string_view header_row);

// The first line that is neither empty nor a '#' comment.
[[nodiscard]] std::string_view first_line(std::string_view head);

}  // namespace isopop::sim
