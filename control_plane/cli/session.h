#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "control_plane/cli/control_client.h"
#include "control_plane/cli/global_options.h"
#include "control_plane/cli/output.h"
#include "control_plane/cli/terminal.h"

namespace isopop::control::cli {

// What a command speaks to: the control plane, people and its output.
struct Session {
  Terminal terminal;
  Output output;
  Confirmation confirmation = Confirmation::kAsk;
  std::unique_ptr<ControlClient> client;  // null: see `failure`
  ExitCode failure = ExitCode::kDone;
};

// Without a control plane it says why, and `failure` is the exit code.
[[nodiscard]] Session open_session(const GlobalOptions& global);

// Prints a failed call and gives its exit code.
ExitCode fail_call(const Terminal& terminal, const Error& error);
// The same of a call about a worker (or a PoP): when there is none of that name, the one that was
// probably meant.
ExitCode fail_about_worker(const Session& session, const Error& error, const std::string& worker);
ExitCode fail_about_pop(const Session& session, const Error& error, const std::string& pop);

// Asks before something that cannot be taken back: `question` as "delete worker shop?". Where
// nobody can answer (a script, a pipe) it goes ahead, as it does with --yes. False: leave it; said
// so.
[[nodiscard]] bool is_confirmed(const Session& session, std::string_view question);

}  // namespace isopop::control::cli
