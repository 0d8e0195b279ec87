#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "control_plane/registry/bundle.h"
#include "isopop/v1/worker.pb.h"

namespace isopop::control::cli {

// Makes a bundle of a folder (or a single file) of code. Taken: regular files whose ending says
// what they are. Left out: hidden files and folders, node_modules, README.md, worker.yaml,
// wrangler's file, what belongs to package managers, and files with other endings. A symbolic link
// must stay within the folder. Reading stops as soon as a limit is passed, so a folder of any size
// is refused quickly.
struct WorkerFolder {
  v1::Bundle bundle;                 // modules by name
  std::vector<std::string> skipped;  // files left out because of their ending, by name
};

struct WorkerFolderOptions {
  std::string main_module;  // empty: package.json's "main", else one of the usual names
  std::string main_named_by = "--main";  // for the message when there is no such module
  BundleLimits limits;
};

// NOT_FOUND: there is no such path. INVALID_ARGUMENT: it holds no worker, and why.
[[nodiscard]] Result<WorkerFolder> read_worker_folder(const std::filesystem::path& path,
                                                      const WorkerFolderOptions& options);

// By its ending; nothing when that says nothing.
[[nodiscard]] std::optional<v1::ModuleType> module_type_of(std::string_view file_name);

}  // namespace isopop::control::cli
