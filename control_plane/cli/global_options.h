#pragma once

#include <string>

#include "common/rpc/tls_files.h"
#include "control_plane/cli/output.h"
#include "control_plane/cli/terminal.h"

namespace isopop::control::cli {

enum class Confirmation { kAsk, kGiven };

// What every command takes.
struct GlobalOptions {
  std::string endpoint;  // empty: the context's, else the file in `state` says
  std::string state = ".isopop";
  std::string token_file;  // empty: none given
  rpc::TlsFiles tls;
  OutputStyle output;
  Notes notes = Notes::kShown;
  Confirmation confirmation = Confirmation::kAsk;  // of what cannot be taken back
};

}  // namespace isopop::control::cli
