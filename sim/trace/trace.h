#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/time/clock.h"
#include "sim/trace/string_table.h"
#include "sim/trace/trace_format.h"

namespace isopop::sim {

// One request of a trace, 32 bytes; texts are numbers in the trace's table, 0 where the trace says
// nothing.
struct TraceRequest {
  std::int64_t time_ns = 0;  // Unix time
  std::uint32_t client = 0;  // address, host name or any other identity
  std::uint32_t host = 0;    // the site that was asked, not the client
  std::uint32_t target = 0;  // path and query, ready for a request line
  std::uint32_t method = 0;
  std::uint32_t city = 0;      // where the client is: "Paris,FR"
  std::uint32_t location = 0;  // or "48.86,2.35"
};

// A line that is no request, and why.
struct BrokenLine {
  std::uint64_t line = 0;  // from 1
  std::string reason;
};

// A traffic trace in memory: its requests in the order of their times (those of equal time in the
// order of the file) and what was noticed on the way. Immutable once read.
struct Trace {
  std::string source;  // the path it was read from
  TraceFormat format = TraceFormat::kCombined;
  std::vector<TraceRequest> requests;
  StringTable texts;

  std::uint64_t lines = 0;         // not counting empty ones, comments and the header of a table
  std::uint64_t broken_lines = 0;  // of them
  std::vector<BrokenLine> broken;  // the first ten
  std::uint64_t out_of_order = 0;  // requests that stood behind a later one
  bool whole_seconds = true;       // no time has a fraction

  [[nodiscard]] std::string_view text(std::uint32_t id) const { return texts.text(id); }
  [[nodiscard]] WallTime time(std::size_t index) const {
    return WallTime(std::chrono::nanoseconds(requests.at(index).time_ns));
  }
};

}  // namespace isopop::sim
