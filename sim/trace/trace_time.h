#pragma once

#include <cstdint>
#include <string_view>

#include "common/result/result.h"

namespace isopop::sim {

// Times as traces write them, to nanoseconds of Unix time. Dates that do not exist and times
// outside 1677..2262 are errors. Pure.

// "17/May/2015:10:05:03 +0200", as web servers log it.
[[nodiscard]] Result<std::int64_t> parse_log_time(std::string_view text);

// Any of: seconds, milliseconds, microseconds or nanoseconds since 1970 (told apart by size: below
// 1e11, 1e14, 1e17), with a fraction or not; RFC 3339 and its relatives
// ("2015-05-17T10:05:03.25+02:00", a space for the T, no zone meaning UTC); a server log's time.
[[nodiscard]] Result<std::int64_t> parse_any_time(std::string_view text);

}  // namespace isopop::sim
