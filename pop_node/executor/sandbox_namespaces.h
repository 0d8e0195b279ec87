#pragma once

#include <sys/types.h>

#include <string_view>

#include "common/result/result.h"

namespace isopop::executor {

// Views of the machine that are empty. Namespaces are made by the calling thread for its whole
// process, which has no other.

// A user namespace in which the process is nobody: no user or group of it means anything. An
// ordinary user gets the right to make the other namespaces by it; root loses its rights outside.
[[nodiscard]] Result<void> enter_user_namespace();

// One that is empty by being new: CLONE_NEWNET (not even loopback is up), CLONE_NEWIPC,
// CLONE_NEWUTS, CLONE_NEWCGROUP.
[[nodiscard]] Result<void> enter_namespace(int flag, std::string_view what);

// A mount namespace with nothing in it but an empty directory that cannot be written.
[[nodiscard]] Result<void> enter_empty_root();

// Whether fork_into_pid_namespace() works here; starts a process to find out.
[[nodiscard]] Result<void> try_pid_namespace();

// fork() into a process namespace of the child's own. -1 with errno set on failure.
[[nodiscard]] pid_t fork_into_pid_namespace();

}  // namespace isopop::executor
