// Checkpoint, its second half: going back, and the proof of it.

#include <sys/mman.h>

#include <cstring>

#include "pop_node/checkpoint/checkpoint_state.h"

namespace isopop::checkpoint {
namespace {

// Restores that find out by scanning what requests write, before the guard is raised.
constexpr std::uint64_t kScansBeforeGuard = 4;
// How often pages that had a private copy, but were not written lately, are given back.
constexpr std::uint64_t kTidyEvery = 256;

}  // namespace

bool Checkpoint::restore_memory() {
  State& state = *state_;
  figures_.restores += 1;
  figures_.pages_found = 0;
  figures_.pages_restored = 0;
  figures_.pages_dropped = 0;
  figures_.mappings_undone = 0;
  if (state.journal.overflowed()) return false;
  // Memory whose mappings were changed in between is not guarded: such requests are rare enough to
  // look everywhere.
  const bool guarded =
      state.guard.raised() && state.journal.entries().empty() && !state.guard.overflowed();
  if (!undo_mappings()) return false;
  // What the heap gave back is lost; malloc never does that by itself.
  const std::uintptr_t heap_end = raw_brk(0);
  if (heap_end < state.heap_end) return false;
  if (heap_end > state.heap_end && raw_brk(state.heap_end) != state.heap_end) return false;
  if (dirty_pages_.finder() == DirtyFinder::kDropAll) return drop_everything();
  state.found.clear();
  if (!(guarded ? restore_guarded() : restore_everywhere())) return false;
  // The guard does not tend the stack, and what was once deep is not for ever.
  const bool tidy = state.options.guard && figures_.restores % kTidyEvery == 0;
  return !tidy || state.saved.drop_copies(state.stack);
}

bool Checkpoint::restore_everywhere() {
  for (const Range& span : state_->spans) {
    if (!dirty_pages_.find(span, state_->found)) return false;
  }
  if (!restore_found()) return false;
  return state_->options.guard ? tend_guard() : tend_private_copies();
}

// The stack is looked at as ever, everything else is the guard's.
bool Checkpoint::restore_guarded() {
  State& state = *state_;
  if (!dirty_pages_.find(state.stack, state.found) || !restore_found()) return false;
  PageGuard::Restored restored;
  if (!state.guard.restore(restored)) return false;
  figures_.pages_found += restored.pages_found;
  figures_.pages_restored += restored.pages_restored;
  figures_.pages_dropped += restored.pages_dropped;
  return state.guard.writable_pages() <= state.options.kept_pages_max || state.guard.start_over();
}

// After a restore that has looked everywhere.
bool Checkpoint::tend_guard() {
  State& state = *state_;
  if (!state.guard.raised()) {
    return figures_.restores < kScansBeforeGuard ||
           state.guard.raise(state.mappings, state.changed, state.saved, state.stack);
  }
  if (figures_.pages_found > state.options.kept_pages_max || state.guard.overflowed()) {
    return state.guard.start_over();
  }
  for (const MappingJournal::Entry& entry : state.journal.entries()) {
    if (!state.guard.guard_again(entry.range)) return false;
  }
  return true;
}

bool Checkpoint::tend_private_copies() {
  const bool many = figures_.pages_found > state_->options.kept_pages_max;
  return (!many && figures_.restores % kTidyEvery != 0) || drop_private_copies();
}

bool Checkpoint::undo_mappings() {
  if (undo_in_order()) return true;
  // What the request has mapped may have left no memory (RLIMIT_DATA) for what it has unmapped:
  // that is given back first.
  const FixedVector<MappingJournal::Entry>& entries = state_->journal.entries();
  figures_.mappings_undone = 0;
  for (const MappingJournal::Entry& entry : entries) {
    if (entry.change == MappingJournal::Change::kReplaced && !raw_unmap(entry.range)) return false;
  }
  for (const MappingJournal::Entry& entry : entries) {
    if (entry.change == MappingJournal::Change::kReplaced && !undo(entry)) return false;
  }
  for (const MappingJournal::Entry& entry : entries) {
    if (entry.change != MappingJournal::Change::kReplaced && !undo(entry)) return false;
  }
  return true;
}

bool Checkpoint::undo_in_order() {
  for (const MappingJournal::Entry& entry : state_->journal.entries()) {
    if (!undo(entry)) return false;
  }
  return true;
}

bool Checkpoint::undo(const MappingJournal::Entry& entry) {
  ++figures_.mappings_undone;
  return entry.change == MappingJournal::Change::kReplaced ? rebuild(entry.range)
                                                           : protect_again(entry.range);
}

// The range as it was: nothing where nothing was, fresh anonymous memory with the saved pages over
// it elsewhere.
bool Checkpoint::rebuild(Range range) {
  if (!raw_unmap(range)) return false;
  for (const Mapping& mapping : state_->mappings) {
    const Range part = mapping.range.intersect(range);
    if (part.empty()) continue;
    // Its file is not known any more.
    if (mapping.backing != Mapping::Backing::kAnonymous) return false;
    const void* mapped = raw_map(part, mapping.protection,
                                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED || !state_->saved.map_all(part, mapping.protection)) return false;
  }
  return true;
}

bool Checkpoint::protect_again(Range range) {
  for (const Mapping& mapping : state_->mappings) {
    const Range part = mapping.range.intersect(range);
    if (part.empty()) continue;
    // What was written while a reserved range could be written would not be found there any more.
    // What was saved of it and left in place shows its file from now on.
    if (mapping.protection == PROT_NONE &&
        (!raw_drop(part) || !state_->saved.map_newest(part, PROT_NONE))) {
      return false;
    }
    if (!raw_protect(part, mapping.protection)) return false;
  }
  return true;
}

bool Checkpoint::restore_found() {
  State& state = *state_;
  state.changed.clear();
  return for_each_part(state.mappings, state.found, [this](const Mapping& mapping, Range part) {
    const bool writable = (mapping.protection & PROT_WRITE) != 0;
    if (!writable && !raw_protect(part, PROT_READ | PROT_WRITE)) return false;
    restore_range(mapping, part);
    return writable || raw_protect(part, mapping.protection);
  });
}

void Checkpoint::restore_range(const Mapping& mapping, Range range) {
  for (std::uintptr_t at = range.begin; at < range.end; at += kPageBytes) {
    auto* page = reinterpret_cast<std::byte*>(at);
    const std::byte* content = state_->saved.content_of(at);
    ++figures_.pages_found;
    if (content == nullptr) {
      if (mapping.backing == Mapping::Backing::kFile) {
        // Never written before the checkpoint: the file has the content.
        [[maybe_unused]] const bool dropped = raw_drop({at, at + kPageBytes});
        ++figures_.pages_dropped;
      } else if (!is_all_zero(page)) {
        std::memset(page, 0, kPageBytes);
        note_change(at);
      }
    } else if (std::memcmp(page, content, kPageBytes) != 0) {
      std::memcpy(page, content, kPageBytes);
      note_change(at);
    }
  }
}

// One that does not fit the table is found by the guard when it is written the next time.
void Checkpoint::note_change(std::uintptr_t page) {
  ++figures_.pages_restored;
  [[maybe_unused]] const bool fits = state_->changed.push_back({page, page + kPageBytes});
}

// All private copies are equal to the checkpoint by now, and go. Those that the next
// request writes come back at the price of a fault each; those that are written only now and then
// stop costing a comparison each time.
bool Checkpoint::drop_private_copies() {
  return for_each_part(state_->mappings, state_->found, [this](const Mapping&, Range part) {
    figures_.pages_dropped += static_cast<std::uint32_t>(part.pages());
    return raw_drop(part);
  });
}

bool Checkpoint::drop_everything() {
  for (const Mapping& mapping : state_->mappings) {
    if (mapping.protection != PROT_NONE && !raw_drop(mapping.range)) return false;
  }
  return true;
}

namespace {

// Pages of `ours` that `theirs` does not have with the same protection, as far as the mask goes.
std::size_t pages_missing(const FixedVector<Mapping>& ours, const FixedVector<Mapping>& theirs,
                          int mask) {
  std::size_t missing = 0;
  for (const Mapping& mapping : ours) {
    if (!is_restorable(mapping)) continue;
    std::size_t covered = 0;
    for (const Mapping& other : theirs) {
      if (!is_restorable(other) || ((other.protection ^ mapping.protection) & mask) != 0) continue;
      const Range part = mapping.range.intersect(other.range);
      if (!part.empty()) covered += part.pages();
    }
    missing += mapping.range.pages() - covered;
  }
  return missing;
}

}  // namespace

bool Checkpoint::verify() {
  State& state = *state_;
  if (!read_memory_map(state.maps, state.map_text, state.scratch).ok()) return false;
  // What the guard does to protections is not the request's doing.
  const int mask = state.guard.raised() ? ~PROT_WRITE : ~0;
  std::size_t differences = pages_missing(state.mappings, state.scratch, mask) +
                            pages_missing(state.scratch, state.mappings, mask);
  for (const Mapping& mapping : state.mappings) {
    if ((mapping.protection & PROT_READ) == 0) continue;
    // Every page, not just those that were found to be written.
    for (std::uintptr_t at = mapping.range.begin; at < mapping.range.end; at += kPageBytes) {
      const auto* page = reinterpret_cast<const std::byte*>(at);
      const std::byte* content = state.saved.content_of(at);
      if (content != nullptr
              ? std::memcmp(page, content, kPageBytes) != 0
              : mapping.backing == Mapping::Backing::kAnonymous && !is_all_zero(page)) {
        ++differences;
      }
    }
  }
  figures_.differences += differences;
  return true;
}

}  // namespace isopop::checkpoint
