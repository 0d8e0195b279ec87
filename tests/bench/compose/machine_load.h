#pragma once

#include <chrono>
#include <cstdint>

#include "common/result/result.h"

namespace isopop::test {

// What the whole machine has in use: all that comes with containers counts, the engine and its
// shims too, whoever's it is.

// Memory that is not available to a new program, from /proc/meminfo.
[[nodiscard]] Result<std::uint64_t> memory_in_use_bytes();

// CPU time that all processors together were not idle since the machine started, from /proc/stat.
[[nodiscard]] Result<std::chrono::duration<double>> cpu_time_used();

}  // namespace isopop::test
