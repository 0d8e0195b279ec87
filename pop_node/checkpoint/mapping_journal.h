#pragma once

#include <cstddef>
#include <cstdint>

#include "pop_node/checkpoint/memory_map.h"
#include "pop_node/checkpoint/surviving_memory.h"

namespace isopop::checkpoint {

// Writes down every change of the process's mappings while a request runs, so that a restore undoes
// just those. This library defines mmap, munmap, mprotect, mremap and madvise in the executable,
// and the dynamic linker gives them to every library that calls them through its procedure table,
// V8's among them: none can forget to report. What does not come by here is glibc's own malloc,
// which configure_malloc() keeps from mapping anything. Lives on one thread, in surviving memory.
class MappingJournal final {
 public:
  enum class Change : std::uint8_t { kReplaced, kProtected };
  struct Entry {
    Range range;
    Change change = Change::kReplaced;
  };

  explicit MappingJournal(SurvivingMemory& memory);

  // From now on changes are written down here; one journal a process. start() is for good in one
  // respect: memory that is given back (MADV_DONTNEED) is replaced by zeroes, since dropping its
  // pages would show what a checkpoint saved.
  void start();
  static void stop();
  void clear();

  [[nodiscard]] const FixedVector<Entry>& entries() const { return entries_; }
  // More changes than fit: what the request did cannot be undone, the process has to go.
  [[nodiscard]] bool overflowed() const { return overflowed_; }

  void record(Range range, Change change);

 private:
  static constexpr std::size_t kEntriesMax = 8 * 1024;

  FixedVector<Entry> entries_;
  bool overflowed_ = false;
};

// Makes malloc take all its memory from the brk heap, in one arena, and never give any back by
// itself: then the heap is one mapping whose end is the only thing to put back. Once, before
// anything large is allocated.
void configure_malloc();

// The system calls themselves, unreported; for the restorer.
[[nodiscard]] void* raw_map(Range range, int protection, int flags, int fd, std::uint64_t offset);
[[nodiscard]] bool raw_unmap(Range range);
[[nodiscard]] bool raw_protect(Range range, int protection);
// MADV_DONTNEED: private pages go, what backs them shows again.
[[nodiscard]] bool raw_drop(Range range);
// The end of the brk heap; with 0 only asks.
[[nodiscard]] std::uintptr_t raw_brk(std::uintptr_t end);

}  // namespace isopop::checkpoint
