#pragma once

#include <linux/filter.h>

#include <vector>

#include "common/result/result.h"

namespace isopop::executor {

// The system calls that sealed code may make, as a seccomp program: an allow-list, everything else
// ends the process. Made once, by the zygote; installed by each executor.

// FAILED_PRECONDITION or errno's code when this kernel has no such filters.
[[nodiscard]] Result<std::vector<sock_filter>> make_syscall_filter();

// From now on, for good. Needs no_new_privs.
[[nodiscard]] Result<void> install_syscall_filter(const std::vector<sock_filter>& program);

}  // namespace isopop::executor
