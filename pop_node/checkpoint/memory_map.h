#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/result/result.h"
#include "pop_node/checkpoint/surviving_memory.h"

namespace isopop::checkpoint {

inline constexpr std::uintptr_t kPageBytes = 4096;

// Addresses [begin, end), whole pages.
struct Range {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;

  [[nodiscard]] std::size_t bytes() const { return end - begin; }
  [[nodiscard]] std::size_t pages() const { return bytes() / kPageBytes; }
  [[nodiscard]] bool empty() const { return begin >= end; }
  [[nodiscard]] Range intersect(Range other) const {
    return {begin > other.begin ? begin : other.begin, end < other.end ? end : other.end};
  }
};

// One line of /proc/self/maps.
struct Mapping {
  Range range;
  int protection = 0;  // PROT_READ | ...
  bool shared = false;
  enum class Backing : std::uint8_t {
    kAnonymous,  // zeroes where never written; the brk heap too
    kFile,
    kSaved,  // a private mapping of pages that a checkpoint saved
    kMainStack,
    kKernel,  // vdso, vvar: not ours to touch
  } backing = Backing::kAnonymous;
};

// The name that the files of saved pages have in /proc/self/maps.
inline constexpr const char* kSavedPagesName = "isopop-checkpoint";

// Opens /proc/self/NAME for reading; with `proc`, a descriptor of the directory /proc, where the
// file system of this process has none (any more).
[[nodiscard]] Result<int> open_proc_self(int proc, const char* name);

// Reads the process's mappings, in ascending order, without allocating. `maps` is a descriptor of
// its /proc/self/maps, `text` is scratch that must hold the whole file. RESOURCE_EXHAUSTED when
// `mappings` or `text` is too small.
[[nodiscard]] Result<void> read_memory_map(int maps, std::span<char> text,
                                           FixedVector<Mapping>& mappings);

// Whether what a request writes into this mapping has to be undone. Shared memory survives on
// purpose; file text and constants cannot change; the main stack is not used by requests (see
// checkpoint.h).
[[nodiscard]] bool is_restorable(const Mapping& mapping);

}  // namespace isopop::checkpoint
