#pragma once

#include <cstdint>

#include "common/result/result.h"

namespace isopop::executor {

// Rights that this process has beyond those of an ordinary one, and how it loses them for good.

// No exec can bring privileges back, and an unprivileged process may install seccomp filters and
// Landlock rules.
[[nodiscard]] Result<void> forbid_new_privileges();

// Root becomes a user and group that own nothing (65534), without supplementary groups. What it has
// of capabilities stays, to be given up by keep_capabilities() when namespaces are made. Does
// nothing for an ordinary user.
[[nodiscard]] Result<void> become_unprivileged_user();

enum class Capabilities : std::uint8_t { kNone, kOnlyForNamespaces };

// Gives up all capabilities but, at most, the one that makes namespaces (CAP_SYS_ADMIN; after a
// user namespace was made it is worth nothing outside of it).
[[nodiscard]] Result<void> keep_capabilities(Capabilities kept);

// Neither exec nor anything else can bring back a capability. Needs one itself (CAP_SETPCAP), so it
// comes before keep_capabilities(); where it is refused there is none to lose.
void empty_bounding_set();

// The environment as others see it (/proc, the memory above the stack) and as libraries do: only
// the time zone, which is UTC whatever the machine's is.
void scrub_environment();

}  // namespace isopop::executor
