#pragma once

#include <string>

#include "control_plane/cli/session.h"

namespace isopop::control::cli {

enum class IdentityChange { kRevoke, kRestore };

// Cuts a program ("pop/AMS") off from this network, which it asks about first, or lets it come
// back. Says what it did, or why not.
ExitCode change_identity(Session& session, const std::string& name, IdentityChange change);

}  // namespace isopop::control::cli
