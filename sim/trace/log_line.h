#pragma once

#include <string_view>

#include "common/result/result.h"
#include "sim/trace/request_fields.h"

namespace isopop::sim {

// kCommon accepts whatever follows the number of bytes; kCombined wants referrer and user agent
// there, which shows a line that was cut off.
enum class LogDialect { kCommon, kCombined };

// One line of a web server's access log:
//   client ident user [17/May/2015:10:05:03 +0000] "GET /path HTTP/1.1" 200 1234 "referrer" "agent"
// Lenient where servers differ: a user name with spaces, quotes inside the user agent, fields
// behind it. The error says what is wrong, without file and line.
[[nodiscard]] Result<void> parse_log_line(std::string_view line, LogDialect dialect,
                                          RequestFields& fields);

}  // namespace isopop::sim
