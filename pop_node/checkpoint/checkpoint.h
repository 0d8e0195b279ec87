#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "pop_node/checkpoint/dirty_pages.h"
#include "pop_node/checkpoint/mapping_journal.h"
#include "pop_node/checkpoint/memory_map.h"
#include "pop_node/checkpoint/surviving_memory.h"

namespace isopop::checkpoint {

// A point in a process's life to which it can go back, any number of times: setjmp and longjmp, but
// for all of the process's private memory. README.md beside this file tells how it works.
//
//   checkpoint->on_stack([&] {                    // a stack that can be restored, unlike main's
//     load_the_worker();
//     switch (checkpoint->take()) { ... }         // returns once as kTaken ...
//     serve_one_request();
//     checkpoint->restore();                      // ... and from here again, as kRestored
//   });
//
// Restored: every private mapping that can be written (heap, globals, thread-local storage,
// anonymous memory, JIT code, the stack in use), the set of mappings and their protections, the end
// of the brk heap. Not restored: shared mappings, descriptors, signal dispositions and masks,
// timers, the kernel's other state. The process must have a single thread. The object lives in
// surviving memory and is never destroyed.
class Checkpoint final {
 public:
  enum class Point { kTaken, kRestored, kFailed };

  struct Options {
    DirtyFinder finder = DirtyFinder::kAutomatic;
    std::size_t stack_bytes = std::size_t{4} << 20U;
    // Pages with a private copy that are kept (and copied back each time) rather than dropped (and
    // faulted in again); beyond it all of them go. 1,024 pages are 4 MiB.
    std::size_t kept_pages_max = 1024;
    // Guards the pages that requests seldom write (see page_guard.h). Not with kDropAll.
    bool guard = true;
    // Saved runs of pages that are not further apart than this become one: each is a mapping, which
    // costs more than a few pages, above all at a fork; or, above a base, a system call.
    std::size_t gap_pages_max = 4;
    // As for open_proc_self(); used only by create(), which opens all that later calls need.
    int proc = -1;
    // After each restore compare all of memory with the checkpoint, as a proof; costs milliseconds.
    bool verify = false;
  };

  // What the last restore did, and all of them together.
  struct Figures {
    std::uint64_t restores = 0;
    std::uint32_t restore_ns = 0;      // by the clock
    std::uint32_t pages_found = 0;     // with a private copy
    std::uint32_t pages_restored = 0;  // of these, different from the checkpoint
    std::uint32_t pages_dropped = 0;
    std::uint32_t mappings_undone = 0;
    // With `verify`: pages that differ from the checkpoint, or that only one of the two has, after
    // all restores so far together.
    std::uint64_t differences = 0;
  };

  // With `base`, the checkpoint of the process this one was forked from, only what differs from it
  // is saved.
  [[nodiscard]] static Result<Checkpoint*> create(const Options& options, SurvivingMemory& memory,
                                                  const Checkpoint* base = nullptr);

  // Runs `function(argument)` to its end on the stack that restores cover.
  void on_stack(void (*function)(void*), void* argument);

  // Makes this the point to go back to. May be called again later (also in a forked child, on a
  // Checkpoint of its own): what is unchanged since the former point stays shared with it. kFailed:
  // see failure().
  [[nodiscard]] Point take();
  // Goes back. Does not return when the request did something that cannot be undone: then the
  // process ends with exit code kExitCannotRestore, which is its supervisor's sign to start
  // another.
  [[noreturn]] void restore();

  // Stops writing down changes of mappings: a process that will be forked, and not restored itself,
  // has no use for them, and its children must not share the list.
  static void stop_journal() { MappingJournal::stop(); }

  // What this checkpoint and its bases need to keep open.
  [[nodiscard]] std::vector<int> descriptors() const;
  // Pages that this checkpoint saved, without those of its base.
  [[nodiscard]] std::size_t own_pages() const;
  [[nodiscard]] const Figures& figures() const { return figures_; }
  [[nodiscard]] DirtyFinder finder() const { return dirty_pages_.finder(); }
  [[nodiscard]] std::string_view failure() const { return failure_; }
  static constexpr int kExitCannotRestore = 86;

 private:
  friend class SurvivingMemory;
  struct State;
  Checkpoint(const Options& options, SurvivingMemory& memory, DirtyPages dirty_pages);

  static void run_restorer(unsigned low, unsigned high);
  static void run_worker(unsigned low, unsigned high);

  [[nodiscard]] bool capture();
  [[nodiscard]] bool read_restorable_mappings();
  [[nodiscard]] bool find_pages_to_save();
  [[nodiscard]] bool find_written_pages();
  [[nodiscard]] bool find_replaced_pages();
  [[nodiscard]] bool save_later(const Mapping& mapping, Range part);
  void plan_spans();
  [[nodiscard]] bool keeps_in_place() const;
  [[nodiscard]] bool save_and_map();

  [[nodiscard]] bool restore_memory();
  [[nodiscard]] bool restore_everywhere();
  [[nodiscard]] bool restore_guarded();
  [[nodiscard]] bool tend_guard();
  [[nodiscard]] bool tend_private_copies();
  [[nodiscard]] bool undo_mappings();
  [[nodiscard]] bool undo_in_order();
  [[nodiscard]] bool undo(const MappingJournal::Entry& entry);
  [[nodiscard]] bool rebuild(Range range);
  [[nodiscard]] bool protect_again(Range range);
  [[nodiscard]] bool restore_found();
  void restore_range(const Mapping& mapping, Range range);
  void note_change(std::uintptr_t page);
  [[nodiscard]] bool drop_private_copies();
  [[nodiscard]] bool drop_everything();
  [[nodiscard]] bool verify();

  State* state_;
  DirtyPages dirty_pages_;
  Figures figures_;
  std::string_view failure_;
};

}  // namespace isopop::checkpoint
