#pragma once

#include <ucontext.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "pop_node/checkpoint/checkpoint.h"
#include "pop_node/checkpoint/page_guard.h"
#include "pop_node/checkpoint/saved_pages.h"

namespace isopop::checkpoint {

// What a Checkpoint keeps in surviving memory; only its own sources know it.
struct Checkpoint::State {
  static constexpr std::size_t kMappingsMax = 8 * 1024;
  static constexpr std::size_t kFoundMax = 32 * 1024;
  static constexpr std::size_t kMapTextBytes = std::size_t{2} << 20U;
  static constexpr std::size_t kRestorerStackBytes = 256 * 1024;

  State(SurvivingMemory& memory, const Options& checkpoint_options)
      : options(checkpoint_options),
        journal(memory),
        saved(memory),
        guard(memory),
        mappings(memory, kMappingsMax),
        scratch(memory, kMappingsMax),
        spans(memory, kMappingsMax),
        found(memory, kFoundMax),
        changed(memory, kFoundMax),
        to_save(memory, kFoundMax),
        map_text(static_cast<char*>(memory.allocate(kMapTextBytes)), kMapTextBytes),
        restorer_stack(memory.allocate(kRestorerStackBytes)) {}

  enum class Task { kCapture, kRestore };

  Options options;
  MappingJournal journal;
  SavedPages saved;
  PageGuard guard;
  Range stack;
  FixedVector<Mapping> mappings;  // the restorable ones, as they were at the checkpoint
  FixedVector<Mapping> scratch;
  FixedVector<Range> spans;  // cover the mappings; what lies between them is skipped
  FixedVector<Range> found;
  FixedVector<Range> changed;  // of these, what the last look everywhere had to bring back
  FixedVector<Range> to_save;
  std::span<char> map_text;
  int maps = -1;  // /proc/self/maps
  std::size_t base_pages = 0;
  void* restorer_stack;
  std::uintptr_t heap_end = 0;

  Task task = Task::kCapture;
  Point outcome = Point::kFailed;
  ucontext_t main_context{};
  ucontext_t worker_context{};
  ucontext_t point{};     // where take() was called
  ucontext_t restorer{};  // the start of run_restorer(), on its own stack
  void (*function)(void*) = nullptr;
  void* argument = nullptr;
};

// Calls function(mapping, part) for each part of a mapping that `ranges` cover, until one is false.
// Both lists are ascending: one walk finds the mappings of each range.
template <typename Function>
[[nodiscard]] bool for_each_part(const FixedVector<Mapping>& mappings,
                                 const FixedVector<Range>& ranges, Function function) {
  const Mapping* first = mappings.begin();
  for (const Range& range : ranges) {
    while (first != mappings.end() && first->range.end <= range.begin) ++first;
    for (const Mapping* at = first; at != mappings.end() && at->range.begin < range.end; ++at) {
      if (!function(*at, at->range.intersect(range))) return false;
    }
  }
  return true;
}

[[nodiscard]] inline bool is_all_zero(const std::byte* page) {
  static const std::byte zeroes[kPageBytes] = {};
  return std::memcmp(page, zeroes, kPageBytes) == 0;
}

}  // namespace isopop::checkpoint
