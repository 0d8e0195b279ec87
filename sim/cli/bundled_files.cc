#include "sim/cli/bundled_files.h"

#include <fmt/format.h>

#include <cstdlib>

#include "common/files/files.h"

namespace isopop::sim {
namespace {

namespace fs = std::filesystem;

bool is_configs(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_directory(folder / "topologies", ignored);
}

}  // namespace

Result<fs::path> configs_folder() {
  if (const char* given = std::getenv("ISOPOP_CONFIGS"); given != nullptr && *given != '\0') {
    if (is_configs(given)) return absolute_path(given);
    return not_found(fmt::format("ISOPOP_CONFIGS={} holds no folder 'topologies'", given));
  }
  const fs::path programs = program_folder();
  for (fs::path folder = programs; folder.has_relative_path(); folder = folder.parent_path()) {
    if (is_configs(folder / "configs")) return folder / "configs";
  }
  const fs::path shared = programs.parent_path() / "share" / "isopop" / "configs";
  if (is_configs(shared)) return shared;
  return not_found(
      fmt::format("the folder 'configs' is neither above {} nor {}; name it with ISOPOP_CONFIGS",
                  programs.string(), shared.string()));
}

Result<fs::path> find_topology(const std::string& file_or_name) {
  std::error_code ignored;
  if (fs::exists(file_or_name, ignored)) return fs::path(file_or_name);
  const bool is_name = file_or_name.find_first_of("/.") == std::string::npos;
  if (is_name) {
    ISOPOP_TRY_ASSIGN(const fs::path configs, configs_folder());
    fs::path bundled = configs / "topologies" / (file_or_name + ".yaml");
    if (fs::exists(bundled, ignored)) return bundled;
  }
  return not_found(
      fmt::format("{}: no such topology file{}", file_or_name,
                  is_name ? ", nor one of that name that comes with the project" : ""));
}

}  // namespace isopop::sim
