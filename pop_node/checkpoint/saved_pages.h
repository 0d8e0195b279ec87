#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "common/result/result.h"
#include "pop_node/checkpoint/memory_map.h"
#include "pop_node/checkpoint/surviving_memory.h"

namespace isopop::checkpoint {

// The pages of a checkpoint, in files in memory. A saved run of pages is also mapped, privately, at
// the place it came from: reading it costs nothing extra, writing it makes the kernel copy the
// page, and that copy is how a write is found out. Later layers (a checkpoint taken after another,
// or in a forked child) hold only what differs from the layers below. In surviving memory; lives on
// one thread.
class SavedPages final {
 public:
  struct Run {
    Range range;
    const std::byte* content = nullptr;  // of the first page
    int fd = -1;
    std::uint64_t offset = 0;
  };

  explicit SavedPages(SurvivingMemory& memory);

  // Starts from the layers of another one, whose files stay open as long as this process lives.
  void adopt(const SavedPages& base);

  // Opens the next layer's file. What save() does otherwise, for when it may open none any more.
  [[nodiscard]] Result<void> open_layer();

  // A new layer with the content that these ranges have now. The ranges are ascending, lie in
  // readable memory each within one mapping, and are not mapped anew yet.
  [[nodiscard]] Result<void> save(const FixedVector<Range>& ranges);

  // Maps the newest layer's part of `range` over itself.
  [[nodiscard]] bool map_newest(Range range, int protection) const;
  // The alternative: the newest layer's pages stay the process's own where they are. That saves the
  // mapping and the first writes, and costs their memory twice; that they are private does not tell
  // any more that they were written.
  void leave_newest_in_place() { in_place_ = true; }
  [[nodiscard]] bool is_in_place(std::uintptr_t page) const;
  // Drops the private copies in `range`, where what then shows is the content of the checkpoint.
  [[nodiscard]] bool drop_copies(Range range) const;
  // Maps everything that was saved of `range`, oldest layer first.
  [[nodiscard]] bool map_all(Range range, int protection) const;

  // Appends the parts of `range` that any layer has saved, newest layer first. False when `parts`
  // is full.
  [[nodiscard]] bool append_saved_parts(Range range, FixedVector<Range>& parts) const;

  // The saved content of a page; null when it was not saved.
  [[nodiscard]] const std::byte* content_of(std::uintptr_t page) const;

  // The files of all layers, and the next one's if it is open.
  [[nodiscard]] std::vector<int> descriptors() const;
  [[nodiscard]] std::size_t pages() const { return pages_; }

 private:
  static constexpr std::size_t kRunsMax = 16 * 1024;
  static constexpr std::size_t kLayersMax = 4;

  [[nodiscard]] const Run* find(std::size_t layer, std::uintptr_t page) const;
  [[nodiscard]] bool map_layer(std::size_t layer, Range range, int protection) const;

  FixedVector<Run> runs_;  // of all layers, one after another
  std::size_t layer_begin_[kLayersMax + 1] = {};
  std::size_t layers_ = 0;
  std::size_t pages_ = 0;
  bool in_place_ = false;
  int next_fd_ = -1;  // the next layer's file, once it is open
};

}  // namespace isopop::checkpoint
