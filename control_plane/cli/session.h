#pragma once

#include <memory>

#include "control_plane/cli/commands.h"
#include "control_plane/cli/control_client.h"
#include "control_plane/cli/terminal.h"

namespace isopop::control::cli {

// What every command begins with: the control plane, or an exit code after saying why not.
struct Session {
  Terminal terminal;
  std::unique_ptr<ControlClient> client;  // null: see `failure`
  ExitCode failure = ExitCode::kDone;
};

[[nodiscard]] Session open_session(const GlobalOptions& global);

// Prints a failed call and gives its exit code.
ExitCode fail_call(const Terminal& terminal, const Error& error);

}  // namespace isopop::control::cli
