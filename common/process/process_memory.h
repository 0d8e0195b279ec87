#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace isopop {

// What a process has in memory that no file and no shared memory backs: RssAnon, from one short
// read of /proc/PID/statm. Nothing when there is no such process. Right within some dozen pages:
// the kernel counts per processor.
[[nodiscard]] std::optional<std::uint64_t> anonymous_bytes(pid_t pid);

}  // namespace isopop
