// Checkpoint, its first half: saving what the process has written.

#include <sys/mman.h>

#include <algorithm>

#include "pop_node/checkpoint/checkpoint_state.h"

namespace isopop::checkpoint {
namespace {

// Mappings that are closer than this are scanned in one go: a call costs as much as looking at some
// hundred pages that are not there.
constexpr std::size_t kScanGapBytesMax = std::size_t{1} << 20U;

// Adjacent mappings that are restored alike are looked at as one.
bool can_join(const Mapping& first, const Mapping& second) {
  return first.range.end == second.range.begin && first.protection == second.protection &&
         first.backing == second.backing;
}

}  // namespace

bool Checkpoint::capture() {
  // Before the pages are saved: that somebody listens is itself part of what is restored.
  state_->journal.start();
  if (!state_->guard.lower()) return false;
  if (state_->options.guard) state_->guard.install();
  state_->heap_end = raw_brk(0);
  if (!read_restorable_mappings()) return false;
  plan_spans();
  if (!find_pages_to_save() || !save_and_map()) return false;
  state_->journal.clear();
  return true;
}

bool Checkpoint::read_restorable_mappings() {
  State& state = *state_;
  if (const Result<void> read = read_memory_map(state.maps, state.map_text, state.scratch);
      !read.ok()) {
    failure_ = "the process has more mappings than fit the table";
    return false;
  }
  state.mappings.clear();
  for (const Mapping& mapping : state.scratch) {
    if (!is_restorable(mapping)) continue;
    Mapping entry = mapping;
    // What lies under saved pages is not told any more; it was anonymous or written over for good.
    if (entry.backing == Mapping::Backing::kSaved) entry.backing = Mapping::Backing::kAnonymous;
    if (!state.mappings.empty() && can_join(state.mappings[state.mappings.size() - 1], entry)) {
      state.mappings[state.mappings.size() - 1].range.end = entry.range.end;
    } else if (!state.mappings.push_back(entry)) {
      failure_ = "the process has more mappings than fit the table";
      return false;
    }
  }
  return true;
}

void Checkpoint::plan_spans() {
  State& state = *state_;
  state.spans.clear();
  for (const Mapping& mapping : state.mappings) {
    if (mapping.protection == PROT_NONE) continue;
    Range* last = state.spans.empty() ? nullptr : &state.spans[state.spans.size() - 1];
    if (last != nullptr && mapping.range.begin - last->end <= kScanGapBytesMax) {
      last->end = mapping.range.end;
    } else {
      const bool fits = state.spans.push_back(mapping.range);
      ISOPOP_ASSERT(fits, "as many spans as mappings at most");
    }
  }
}

bool Checkpoint::find_pages_to_save() {
  State& state = *state_;
  state.to_save.clear();
  failure_ = "the written pages of the process do not fit the table";
  if (dirty_pages_.finder() == DirtyFinder::kDropAll) {
    // Nothing tells which pages were written: all that can be read is saved.
    for (const Mapping& mapping : state.mappings) {
      if ((mapping.protection & PROT_READ) != 0 && !state.to_save.push_back(mapping.range)) {
        return false;
      }
    }
    failure_ = {};
    return true;
  }
  if (!find_written_pages() || !find_replaced_pages()) return false;
  const bool fits = for_each_part(
      state.mappings, state.found,
      [this](const Mapping& mapping, Range part) { return save_later(mapping, part); });
  if (!fits) return false;
  failure_ = {};
  return true;
}

// In all mappings, also in those that may not be read: what was written there is there all the
// same.
bool Checkpoint::find_written_pages() {
  State& state = *state_;
  state.found.clear();
  const Range* span = state.spans.begin();
  std::uintptr_t looked_to = 0;
  for (const Mapping& mapping : state.mappings) {
    if (mapping.range.end <= looked_to) continue;
    Range range{std::max(mapping.range.begin, looked_to), mapping.range.end};
    if (span != state.spans.end() && span->begin < mapping.range.end) range = *span++;
    if (!dirty_pages_.find(range, state.found)) return false;
    looked_to = range.end;
  }
  return true;
}

// Where the process has put fresh memory in the place of pages that were saved before, these do not
// show any more, whether the fresh memory was written or not, and may be read or not.
bool Checkpoint::find_replaced_pages() {
  State& state = *state_;
  const std::size_t written = state.found.size();
  for (const Mapping& mapping : state.scratch) {
    const bool fresh = mapping.backing == Mapping::Backing::kAnonymous && is_restorable(mapping);
    if (fresh && !state.saved.append_saved_parts(mapping.range, state.found)) return false;
  }
  if (state.found.size() == written) return true;
  std::sort(state.found.begin(), state.found.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  std::size_t last = 0;
  for (std::size_t i = 1; i < state.found.size(); ++i) {
    if (state.found[i].begin <= state.found[last].end) {
      state.found[last].end = std::max(state.found[last].end, state.found[i].end);
    } else {
      state.found[++last] = state.found[i];
    }
  }
  state.found.shrink(last + 1);
  return true;
}

// Adds a part of a mapping, ascending; runs that are close to each other become one.
bool Checkpoint::save_later(const Mapping& mapping, Range part) {
  State& state = *state_;
  Range* const last = state.to_save.empty() ? nullptr : &state.to_save[state.to_save.size() - 1];
  if (last == nullptr || last->end <= mapping.range.begin ||
      part.begin - last->end > state.options.gap_pages_max * kPageBytes) {
    return state.to_save.push_back(part);
  }
  last->end = part.end;
  return true;
}

// The pages of a layer are few, and most of them are written by every request.
bool Checkpoint::keeps_in_place() const {
  return state_->options.guard && state_->base_pages > 0 &&
         dirty_pages_.finder() != DirtyFinder::kDropAll;
}

bool Checkpoint::save_and_map() {
  State& state = *state_;
  for (const Mapping& mapping : state.mappings) {
    if ((mapping.protection & PROT_READ) == 0 && !raw_protect(mapping.range, PROT_READ))
      return false;
  }
  const bool saved = state.saved.save(state.to_save).ok();
  bool mapped = saved;
  if (saved && keeps_in_place()) state.saved.leave_newest_in_place();
  for (const Mapping& mapping : state.mappings) {
    mapped =
        mapped && (keeps_in_place() || state.saved.map_newest(mapping.range, mapping.protection));
    if ((mapping.protection & PROT_READ) == 0 && !raw_protect(mapping.range, mapping.protection)) {
      return false;
    }
  }
  if (!saved) failure_ = "the pages of the checkpoint could not be saved";
  if (saved && !mapped) failure_ = "the saved pages could not be mapped";
  return mapped;
}

}  // namespace isopop::checkpoint
