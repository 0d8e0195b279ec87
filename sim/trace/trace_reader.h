#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "common/result/result.h"
#include "sim/trace/trace.h"

namespace isopop::sim {

struct TraceReadOptions {
  std::optional<TraceFormat> format;  // absent: told from the content
  // What a broken line does: it is counted and left out, or it ends the reading.
  enum class BrokenLines { kCounted, kRefused } broken_lines = BrokenLines::kCounted;
  // A trace is sorted in memory: 32 bytes a request and every distinct text once.
  std::size_t requests_max = 20'000'000;
  std::uint64_t text_bytes_max = 1ULL << 30U;
};

// Reads a whole trace, plain or gzip, and sorts it by time. Errors read "file:line: what is wrong":
// the file cannot be read or is no trace, more than half of its lines are broken, a bound is
// passed, or a line is broken and that is refused.
[[nodiscard]] Result<Trace> read_trace(const std::string& path,
                                       const TraceReadOptions& options = {});

}  // namespace isopop::sim
