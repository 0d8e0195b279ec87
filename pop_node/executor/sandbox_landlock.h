#pragma once

#include "common/result/result.h"

namespace isopop::executor {

// Landlock, by which a process forbids itself the file system, and with newer kernels also TCP and
// signals to processes outside: a second wall behind namespaces and seccomp, and where a container
// refuses namespaces the only one that knows files.

// A set of rules without any rule: everything that this kernel's Landlock can tell apart is
// forbidden. A descriptor, to be closed by the caller.
[[nodiscard]] Result<int> make_landlock_rules();

// Takes effect on what is opened from now on.
[[nodiscard]] Result<void> apply_landlock_rules(int rules);

}  // namespace isopop::executor
