#pragma once

#include "control_plane/cli/output.h"
#include "control_plane/cli/target.h"
#include "control_plane/cli/terminal.h"

namespace isopop::control::cli {

enum class Confirmation { kAsk, kGiven };

// What every command takes.
struct GlobalOptions {
  TargetOptions target;
  OutputStyle output;
  Notes notes = Notes::kShown;
  Confirmation confirmation = Confirmation::kAsk;  // of what cannot be taken back
};

}  // namespace isopop::control::cli
