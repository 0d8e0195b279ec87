#include "pop_node/checkpoint/dirty_pages.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "common/process/pagemap_scan.h"

namespace isopop::checkpoint {
namespace {

// Documentation/admin-guide/mm/pagemap.rst
constexpr std::uint64_t kEntryPresent = 1ULL << 63U;
constexpr std::uint64_t kEntrySwapped = 1ULL << 62U;
constexpr std::uint64_t kEntryFileOrShared = 1ULL << 61U;

constexpr std::size_t kBufferWords = 3 * 1024;  // 1,024 regions, or 3,072 pagemap entries

bool append(Range range, FixedVector<Range>& found) {
  if (!found.empty() && found[found.size() - 1].end == range.begin) {
    found[found.size() - 1].end = range.end;
    return true;
  }
  return found.push_back(range);
}

}  // namespace

std::string_view to_string(DirtyFinder finder) {
  switch (finder) {
    case DirtyFinder::kAutomatic:
      return "automatic";
    case DirtyFinder::kPagemapScan:
      return "pagemap-scan";
    case DirtyFinder::kPagemapRead:
      return "pagemap-read";
    case DirtyFinder::kDropAll:
      return "drop-all";
  }
  return "unknown";
}

Result<DirtyFinder> parse_dirty_finder(std::string_view text) {
  for (const DirtyFinder finder : {DirtyFinder::kAutomatic, DirtyFinder::kPagemapScan,
                                   DirtyFinder::kPagemapRead, DirtyFinder::kDropAll}) {
    if (text == to_string(finder)) return finder;
  }
  return invalid_argument(fmt::format(
      "'{}' is no way to find dirty pages; known: automatic pagemap-scan pagemap-read drop-all",
      text));
}

Result<DirtyPages> DirtyPages::open(DirtyFinder finder, SurvivingMemory& memory, int proc) {
  auto* buffer = static_cast<std::uint64_t*>(memory.allocate(kBufferWords * sizeof(std::uint64_t)));
  if (finder == DirtyFinder::kDropAll) return DirtyPages(finder, -1, buffer);
  const Result<int> pagemap = open_proc_self(proc, "pagemap");
  if (!pagemap.ok()) {
    if (finder == DirtyFinder::kAutomatic) return DirtyPages(DirtyFinder::kDropAll, -1, buffer);
    return pagemap.error();
  }
  const int fd = pagemap.value();
  if (finder == DirtyFinder::kPagemapRead) return DirtyPages(finder, fd, buffer);
  // An empty scan tells whether the kernel knows the call.
  PagemapScanArguments probe{.size = sizeof(PagemapScanArguments),
                             .category_mask = kPageIsPresent,
                             .return_mask = kPageIsPresent};
  if (ioctl(fd, kPagemapScan, &probe) >= 0)
    return DirtyPages(DirtyFinder::kPagemapScan, fd, buffer);
  if (finder == DirtyFinder::kAutomatic) return DirtyPages(DirtyFinder::kPagemapRead, fd, buffer);
  close(fd);
  return Error{ErrorCode::kFailedPrecondition,
               "this kernel has no PAGEMAP_SCAN (Linux 6.7 and newer); use pagemap-read"};
}

bool DirtyPages::find(Range range, FixedVector<Range>& found) const {
  return finder_ == DirtyFinder::kPagemapScan ? find_by_scan(range, found)
                                              : find_by_reading(range, found);
}

bool DirtyPages::find_by_scan(Range range, FixedVector<Range>& found) const {
  auto* regions = reinterpret_cast<PagemapRegion*>(buffer_);
  PagemapScanArguments arguments{
      .size = sizeof(PagemapScanArguments),
      .start = range.begin,
      .end = range.end,
      .vec = reinterpret_cast<std::uintptr_t>(regions),
      .vec_len = kBufferWords / 3,
      .category_inverted = kPageIsFile | kPageIsZero,
      .category_mask = kPageIsFile | kPageIsZero,
      .category_anyof_mask = kPageIsPresent | kPageIsSwapped,
      .return_mask = kPageIsPresent | kPageIsSwapped,
  };
  while (arguments.start < range.end) {
    const int count = ioctl(fd_, kPagemapScan, &arguments);
    if (count < 0) return false;
    for (int i = 0; i < count; ++i) {
      if (!append({regions[i].start, regions[i].end}, found)) return false;
    }
    arguments.start = arguments.walk_end;
  }
  return true;
}

bool DirtyPages::find_by_reading(Range range, FixedVector<Range>& found) const {
  for (std::uintptr_t at = range.begin; at < range.end;) {
    const std::size_t pages = std::min((range.end - at) / kPageBytes, kBufferWords);
    const ssize_t size = pread(fd_, buffer_, pages * sizeof(std::uint64_t),
                               static_cast<off_t>(at / kPageBytes * sizeof(std::uint64_t)));
    if (size != static_cast<ssize_t>(pages * sizeof(std::uint64_t))) return false;
    for (std::size_t i = 0; i < pages; ++i) {
      const std::uint64_t entry = buffer_[i];
      const bool there = (entry & (kEntryPresent | kEntrySwapped)) != 0;
      if (!there || (entry & kEntryFileOrShared) != 0) continue;
      const std::uintptr_t page = at + i * kPageBytes;
      if (!append({page, page + kPageBytes}, found)) return false;
    }
    at += pages * kPageBytes;
  }
  return true;
}

}  // namespace isopop::checkpoint
