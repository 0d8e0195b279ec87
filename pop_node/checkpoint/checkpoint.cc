#include "pop_node/checkpoint/checkpoint.h"

#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <span>

#include "pop_node/checkpoint/page_guard.h"
#include "pop_node/checkpoint/saved_pages.h"

namespace isopop::checkpoint {
namespace {

constexpr std::size_t kMappingsMax = 8 * 1024;
constexpr std::size_t kFoundMax = 32 * 1024;
constexpr std::size_t kMapTextBytes = std::size_t{2} << 20U;
constexpr std::size_t kRestorerStackBytes = 256 * 1024;
// Mappings that are closer than this are scanned in one go: a call costs as much as looking at some
// hundred pages that are not there.
constexpr std::size_t kScanGapBytesMax = std::size_t{1} << 20U;
// Restores that find out by scanning what requests write, before the guard is raised.
constexpr std::uint64_t kScansBeforeGuard = 4;
// How often pages that had a private copy, but were not written lately, are given back.
constexpr std::uint64_t kTidyEvery = 256;

std::int64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

bool is_all_zero(const std::byte* page) {
  static const std::byte zeroes[kPageBytes] = {};
  return std::memcmp(page, zeroes, kPageBytes) == 0;
}

// glibc has the kernel write the current processor into thread-local memory each time the thread is
// preempted: behind our back into memory that is restored. Without it sched_getcpu() is a little
// slower.
void unregister_rseq() {
  if (__rseq_size == 0) return;
  auto* area = static_cast<char*>(__builtin_thread_pointer()) + __rseq_offset;
  syscall(SYS_rseq, area, sizeof(struct rseq), RSEQ_FLAG_UNREGISTER, RSEQ_SIG);
}

// Adjacent mappings that are restored alike are looked at as one.
bool can_join(const Mapping& first, const Mapping& second) {
  return first.range.end == second.range.begin && first.protection == second.protection &&
         first.backing == second.backing;
}

}  // namespace

struct Checkpoint::State {
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

Result<Checkpoint*> Checkpoint::create(const Options& options, SurvivingMemory& memory,
                                       const Checkpoint* base) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return Error{ErrorCode::kFailedPrecondition,
               "a program built with a sanitizer cannot be checkpointed: its shadow memory would "
               "be restored too"};
#else
  unregister_rseq();
  // Bound lazily inside of the restorer, it would be written to the tables that were just restored.
  static_cast<void>(monotonic_ns());
  ISOPOP_TRY_ASSIGN(const DirtyPages dirty_pages,
                    DirtyPages::open(options.finder, memory, options.proc));
  ISOPOP_TRY_ASSIGN(const int maps, open_proc_self(options.proc, "maps"));
  auto* checkpoint =
      new (memory.allocate(sizeof(Checkpoint))) Checkpoint(options, memory, dirty_pages);
  checkpoint->state_->maps = maps;
  if (base != nullptr) {
    checkpoint->state_->saved.adopt(base->state_->saved);
    checkpoint->state_->stack = base->state_->stack;
  }
  checkpoint->state_->base_pages = checkpoint->state_->saved.pages();
  ISOPOP_TRY(checkpoint->state_->saved.open_layer());
  return checkpoint;
#endif
}

Checkpoint::Checkpoint(const Options& options, SurvivingMemory& memory, DirtyPages dirty_pages)
    : state_(memory.make<State>(memory, options)), dirty_pages_(dirty_pages) {
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  getcontext(&state_->restorer);
  // A signal handler would run in memory that is half of one time and half of another.
  // But for the guard's, whose fault is the restorer's own.
  sigfillset(&state_->restorer.uc_sigmask);
  sigdelset(&state_->restorer.uc_sigmask, SIGSEGV);
  state_->restorer.uc_stack.ss_sp = state_->restorer_stack;
  state_->restorer.uc_stack.ss_size = kRestorerStackBytes;
  state_->restorer.uc_link = nullptr;
  // makecontext passes ints, whatever its prototype says.
  makecontext(&state_->restorer, reinterpret_cast<void (*)()>(run_restorer), 2,
              static_cast<unsigned>(self), static_cast<unsigned>(self >> 32U));
}

std::vector<int> Checkpoint::descriptors() const {
  std::vector<int> all = state_->saved.descriptors();
  all.push_back(state_->maps);
  if (dirty_pages_.descriptor() >= 0) all.push_back(dirty_pages_.descriptor());
  return all;
}

std::size_t Checkpoint::own_pages() const {
  return state_->saved.pages() - state_->base_pages;
}

void Checkpoint::on_stack(void (*function)(void*), void* argument) {
  State& state = *state_;
  void* stack = raw_map({0, state.options.stack_bytes}, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ISOPOP_ASSERT(stack != MAP_FAILED, "address space for a stack");
  // The lowest page stays out of bounds: running over the end is a fault, not a surprise.
  const auto lowest = reinterpret_cast<std::uintptr_t>(stack);
  ISOPOP_ASSERT(raw_protect({lowest, lowest + kPageBytes}, PROT_NONE), "a guard page");
  state.stack = {lowest + kPageBytes, lowest + state.options.stack_bytes};
  state.function = function;
  state.argument = argument;
  getcontext(&state.worker_context);
  state.worker_context.uc_stack.ss_sp = stack;
  state.worker_context.uc_stack.ss_size = state.options.stack_bytes;
  state.worker_context.uc_link = &state.main_context;
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  makecontext(&state.worker_context, reinterpret_cast<void (*)()>(run_worker), 2,
              static_cast<unsigned>(self), static_cast<unsigned>(self >> 32U));
  swapcontext(&state.main_context, &state.worker_context);
}

void Checkpoint::run_worker(unsigned low, unsigned high) {
  auto* self = reinterpret_cast<Checkpoint*>(std::uintptr_t{high} << 32U | low);
  self->state_->function(self->state_->argument);
}

Checkpoint::Point Checkpoint::take() {
  state_->task = State::Task::kCapture;
  swapcontext(&state_->point, &state_->restorer);
  return state_->outcome;
}

void Checkpoint::restore() {
  state_->task = State::Task::kRestore;
  setcontext(&state_->restorer);
  _exit(kExitCannotRestore);
}

// Runs on the restorer's stack, so that the worker's can be replaced. Entered anew each time.
void Checkpoint::run_restorer(unsigned low, unsigned high) {
  auto* self = reinterpret_cast<Checkpoint*>(std::uintptr_t{high} << 32U | low);
  State& state = *self->state_;
  if (state.task == State::Task::kCapture) {
    state.outcome = self->capture() ? Point::kTaken : Point::kFailed;
  } else {
    const std::int64_t start_ns = monotonic_ns();
    if (!self->restore_memory()) _exit(kExitCannotRestore);
    state.journal.clear();
    self->figures_.restore_ns = static_cast<std::uint32_t>(monotonic_ns() - start_ns);
    if (state.options.verify && !self->verify()) _exit(kExitCannotRestore);
    state.outcome = Point::kRestored;
  }
  setcontext(&state.point);
  _exit(kExitCannotRestore);
}

// --- capture ---

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
  const Mapping* mapping = state.mappings.begin();
  for (const Range& range : state.found) {
    while (mapping != state.mappings.end() && mapping->range.end <= range.begin) ++mapping;
    for (const Mapping* at = mapping; at != state.mappings.end() && at->range.begin < range.end;
         ++at) {
      if (!save_later(*at, at->range.intersect(range))) return false;
    }
  }
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
// show any more, whether the fresh memory was written or not.
bool Checkpoint::find_replaced_pages() {
  State& state = *state_;
  const std::size_t written = state.found.size();
  for (const Mapping& mapping : state.scratch) {
    const bool fresh = mapping.backing == Mapping::Backing::kAnonymous && is_restorable(mapping) &&
                       (mapping.protection & PROT_READ) != 0;
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

// --- restore ---

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
  if (raw_brk(0) != state.heap_end && raw_brk(state.heap_end) != state.heap_end) return false;
  if (dirty_pages_.finder() == DirtyFinder::kDropAll) return drop_everything();
  state.found.clear();
  if (guarded) return restore_guarded();
  for (const Range& span : state.spans) {
    if (!dirty_pages_.find(span, state.found)) return false;
  }
  if (!restore_found()) return false;
  return state.options.guard ? tend_guard() : tend_private_copies();
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
    if (mapping.protection == PROT_NONE && !raw_drop(part)) return false;
    if (!raw_protect(part, mapping.protection)) return false;
  }
  return true;
}

// Both lists are ascending: one walk finds the mapping of each range that was written.
bool Checkpoint::restore_found() {
  State& state = *state_;
  state.changed.clear();
  const Mapping* mapping = state.mappings.begin();
  for (const Range& range : state.found) {
    while (mapping != state.mappings.end() && mapping->range.end <= range.begin) ++mapping;
    for (const Mapping* at = mapping; at != state.mappings.end() && at->range.begin < range.end;
         ++at) {
      const Range part = at->range.intersect(range);
      const bool writable = (at->protection & PROT_WRITE) != 0;
      if (!writable && !raw_protect(part, PROT_READ | PROT_WRITE)) return false;
      restore_range(*at, part);
      if (!writable && !raw_protect(part, at->protection)) return false;
    }
  }
  return true;
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
  const Mapping* mapping = state_->mappings.begin();
  for (const Range& range : state_->found) {
    while (mapping != state_->mappings.end() && mapping->range.end <= range.begin) ++mapping;
    for (const Mapping* at = mapping; at != state_->mappings.end() && at->range.begin < range.end;
         ++at) {
      const Range part = at->range.intersect(range);
      if (!raw_drop(part)) return false;
      figures_.pages_dropped += static_cast<std::uint32_t>(part.pages());
    }
  }
  return true;
}

bool Checkpoint::drop_everything() {
  for (const Mapping& mapping : state_->mappings) {
    if (mapping.protection != PROT_NONE && !raw_drop(mapping.range)) return false;
  }
  return true;
}

// --- proof ---

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
