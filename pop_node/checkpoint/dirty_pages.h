#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/result/result.h"
#include "pop_node/checkpoint/memory_map.h"

namespace isopop::checkpoint {

// How to find the pages that were written since their mapping was made. After a checkpoint
// everything that is restored is a private mapping of a file (or of nothing), so a page was written
// exactly if the kernel had to make an anonymous copy of it: present or swapped, not of a file, not
// the shared zero page. Pages that a layer has left in place (SavedPages) look so too, written or
// not.
enum class DirtyFinder : std::uint8_t {
  kAutomatic,    // the first of the following that this kernel can do
  kPagemapScan,  // the PAGEMAP_SCAN ioctl, Linux 6.7 and newer: one call gives the ranges
  kPagemapRead,  // /proc/self/pagemap, 8 bytes a page, for older kernels
  kDropAll,      // finds nothing out: every private page is thrown away, and faulted in again when
                 // needed
};

[[nodiscard]] std::string_view to_string(DirtyFinder finder);
[[nodiscard]] Result<DirtyFinder> parse_dirty_finder(std::string_view text);

// One of the above at work in this process. The descriptor it holds belongs to this process's
// memory: after fork() the child needs one of its own. Lives on one thread; in surviving memory, so
// it allocates nothing.
class DirtyPages final {
 public:
  // `proc` as for open_proc_self(). FAILED_PRECONDITION when the kernel cannot do what is asked.
  [[nodiscard]] static Result<DirtyPages> open(DirtyFinder finder, SurvivingMemory& memory,
                                               int proc = -1);

  // Never kAutomatic.
  [[nodiscard]] DirtyFinder finder() const { return finder_; }

  // Its descriptor; -1 when it needs none.
  [[nodiscard]] int descriptor() const { return fd_; }

  // Appends the written parts of `range` to `found`, ascending, neighbours joined. False when
  // `found` is full. Not to be called with kDropAll.
  [[nodiscard]] bool find(Range range, FixedVector<Range>& found) const;

 private:
  DirtyPages(DirtyFinder finder, int fd, std::uint64_t* buffer)
      : finder_(finder), fd_(fd), buffer_(buffer) {}

  [[nodiscard]] bool find_by_scan(Range range, FixedVector<Range>& found) const;
  [[nodiscard]] bool find_by_reading(Range range, FixedVector<Range>& found) const;

  DirtyFinder finder_;
  int fd_;
  std::uint64_t* buffer_;  // kBufferWords of them
};

}  // namespace isopop::checkpoint
