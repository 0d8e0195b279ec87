#pragma once

#include <csignal>
#include <cstddef>
#include <cstdint>

#include "pop_node/checkpoint/memory_map.h"
#include "pop_node/checkpoint/saved_pages.h"
#include "pop_node/checkpoint/surviving_memory.h"

namespace isopop::checkpoint {

// Finds written pages without asking the kernel. Most requests write the same few dozen pages.
// These are left writable and compared with the checkpoint each time; all others are made
// read-only, so that the first write to one is a fault, which makes the page one of the few. A page
// that has not been written for long is guarded again. So a restore is a comparison of some dozen
// pages, and no system call at all for the hundreds of others.
//
// The stack cannot be guarded: the kernel writes signal frames and answers of system calls there,
// and a system call does not fault. The same holds for buffers that system calls write to: they
// must lie on the stack or in surviving memory. In surviving memory; lives on one thread.
//
// When the kernel does not give back a page for want of memory, it is the new handler's turn
// (std::set_new_handler), in a signal handler.
class PageGuard final {
 public:
  explicit PageGuard(SurvivingMemory& memory);

  // Before the checkpoint: the guard of this process is this one.
  void install();

  // From now on all restorable memory but `stack` is guarded; the pages of `written` are the first
  // to be left writable. All of it equals the checkpoint now. False: the kernel refuses.
  [[nodiscard]] bool raise(const FixedVector<Mapping>& mappings, const FixedVector<Range>& written,
                           const SavedPages& saved, Range stack);
  // Everything that was guarded can be written again.
  [[nodiscard]] bool lower();
  [[nodiscard]] bool raised() const { return raised_; }

  // More was written than the table holds: what was written has to be found in another way.
  [[nodiscard]] bool overflowed() const { return overflowed_; }
  // After that, or when too many pages are left writable: throws the private copies away, but for
  // pages that were left in place, and guards everything. All of it equals the checkpoint now.
  [[nodiscard]] bool start_over();
  // What a request did to these mappings was undone: guards them again.
  [[nodiscard]] bool guard_again(Range range);

  struct Restored {
    std::uint32_t pages_found = 0;
    std::uint32_t pages_restored = 0;
    std::uint32_t pages_dropped = 0;
  };
  // Brings back what was written outside of the stack.
  [[nodiscard]] bool restore(Restored& restored);

  [[nodiscard]] std::size_t writable_pages() const { return writable_.size(); }
  [[nodiscard]] bool is_guarded(const Mapping& mapping) const;

 private:
  struct Page {
    std::uintptr_t address = 0;
    // Its content at the checkpoint; null: that of its file, which shows when the page is dropped.
    const std::byte* content = nullptr;
    int protection = 0;
    std::uint32_t unchanged = 0;  // restores in a row that found it equal
  };

  static void on_fault(int signal, siginfo_t* info, void* context);
  [[nodiscard]] bool guards(std::uintptr_t address) const;
  [[nodiscard]] bool let_write(std::uintptr_t address);
  [[nodiscard]] bool leave_writable(const Mapping& mapping, std::uintptr_t address);
  [[nodiscard]] const Mapping* mapping_at(std::uintptr_t address) const;

  FixedVector<Page> writable_;
  const FixedVector<Mapping>* mappings_ = nullptr;
  const SavedPages* saved_ = nullptr;
  Range stack_;
  bool raised_ = false;
  bool overflowed_ = false;
};

}  // namespace isopop::checkpoint
