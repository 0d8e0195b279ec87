#pragma once

#include <linux/ioctl.h>
#include <linux/types.h>

namespace isopop {

// PAGEMAP_SCAN, as linux/fs.h of Linux 6.7 has it; Debian 12's headers are older. An ioctl on
// /proc/PID/pagemap that tells which pages are of some categories (Documentation/admin-guide/mm/
// pagemap.rst).
struct PagemapScanArguments {
  __u64 size;
  __u64 flags;
  __u64 start;
  __u64 end;
  __u64 walk_end;
  __u64 vec;
  __u64 vec_len;
  __u64 max_pages;
  __u64 category_inverted;
  __u64 category_mask;
  __u64 category_anyof_mask;
  __u64 return_mask;
};
struct PagemapRegion {
  __u64 start;
  __u64 end;
  __u64 categories;
};
inline constexpr unsigned long kPagemapScan = _IOWR('f', 16, PagemapScanArguments);

inline constexpr __u64 kPageIsFile = 1U << 2U;
inline constexpr __u64 kPageIsPresent = 1U << 3U;
inline constexpr __u64 kPageIsSwapped = 1U << 4U;
inline constexpr __u64 kPageIsZero = 1U << 5U;

}  // namespace isopop
