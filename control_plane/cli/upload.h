#pragma once

#include <string>
#include <variant>
#include <vector>

#include "control_plane/cli/exit_code.h"
#include "control_plane/cli/terminal.h"
#include "control_plane/cli/worker_config.h"
#include "control_plane/cli/worker_folder.h"
#include "control_plane/registry/bundle.h"
#include "isopop/v1/control.pb.h"

namespace isopop::control::cli {

// What a new version is made of, by the flags of `popctl deploy` and `popctl versions upload`. What
// is empty, the folder's worker.yaml or wrangler file may say.
struct UploadOptions {
  std::string path;
  std::string name;  // empty: the folder's
  std::vector<std::string> routes;
  std::string main_module;
  std::vector<std::string> variables;  // "NAME=text"
  std::vector<std::string> limits;     // "cpu=50ms"
  std::string isolation;               // empty: the PoPs' default
  std::string message;
  std::string tag;
  bool dry_run = false;
};

struct Upload {
  v1::DeployRequest::Start start;
  CanonicalBundle bundle;
  WorkerFolder folder;
  WorkerConfig config;
};

// Reads the folder and refuses everything that can be refused before anybody is asked: then it has
// said why, and gives the exit code. What is left out or not supported is told on standard error.
[[nodiscard]] std::variant<Upload, ExitCode> read_upload(const Terminal& terminal,
                                                         const UploadOptions& options);

// Who does something, for the records: the name of the user.
[[nodiscard]] std::string user_name();

}  // namespace isopop::control::cli
