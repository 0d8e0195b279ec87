#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace isopop::pop {

// What a PoP counts for each worker that it holds.

// Limits that a request can reach, in the order of their names.
enum class WorkerLimit { kCpu, kMemory, kWall, kBody, kSubrequests, kLog };
inline constexpr std::array<std::string_view, 6> kWorkerLimitNames = {"cpu",  "memory",      "wall",
                                                                      "body", "subrequests", "log"};

struct WorkerCounters {
  std::uint64_t starts = 0;  // executors
  std::array<std::uint64_t, kWorkerLimitNames.size()> breaches{};
  std::uint64_t restores = 0;
  std::uint64_t pages_restored = 0;
};

}  // namespace isopop::pop
