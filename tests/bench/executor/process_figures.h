#pragma once

#include <sys/types.h>

#include <cstdint>
#include <vector>

#include "common/result/result.h"

namespace isopop::test {

// What the kernel knows of other processes: processor time and memory.

// Of all its threads, those that have ended too, to the nanosecond; 0 when there is no such
// process.
[[nodiscard]] double processor_time_us(pid_t pid);
// Of its children that have ended, and of theirs; in steps of a clock tick (10 ms).
[[nodiscard]] double processor_time_of_ended_children_us(pid_t pid);

// Memory in KiB. "Private" is mapped by this process alone; the proportional ones divide a page
// among those who map it. What nobody has mapped at the moment, as the pages of a checkpoint behind
// private copies, is in none of them.
struct ProcessMemory {
  double private_kib = 0;
  double proportional_kib = 0;
  double proportional_anonymous_kib = 0;
  double page_tables_kib = 0;
  bool is_exact = true;  // false: as kInexactMemoryNote says

  ProcessMemory& operator+=(const ProcessMemory& other);
};
inline constexpr char kInexactMemoryNote[] =
    "private memory of others is for root to see; anonymous memory (RssAnon) counts what is shared "
    "with the zygote, too, so it is held against no target";
// An error when it has ended.
[[nodiscard]] Result<ProcessMemory> memory_of(pid_t pid);
// Added up; processes that end meanwhile are left out.
[[nodiscard]] ProcessMemory memory_of(const std::vector<pid_t>& pids);

// Files in memory and shared mappings of the whole machine.
[[nodiscard]] double shared_memory_kib();

}  // namespace isopop::test
