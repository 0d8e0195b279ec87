#pragma once

#include <sys/types.h>

#include <functional>

namespace isopop {

// Processes that lost their parent and were given to this one, as happens to the first process of a
// container. Nobody waits for them, and what nobody waits for stays in the process table.

// Whether this process is given any: it is the first of its container (or machine), or asked for
// them (PR_SET_CHILD_SUBREAPER).
[[nodiscard]] bool is_given_orphans();

// Takes what has ended out of the process table, but for the processes that somebody here waits
// for. Never blocks; to be called after each SIGCHLD. False when one of those has ended: the kernel
// shows nothing behind it, so call again once it was waited for.
[[nodiscard]] bool reap_orphans(const std::function<bool(pid_t)>& is_waited_for);

}  // namespace isopop
