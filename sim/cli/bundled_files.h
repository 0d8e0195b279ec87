#pragma once

#include <filesystem>
#include <string>

#include "common/result/result.h"

namespace isopop::sim {

// Where the files that come with the project lie: $ISOPOP_CONFIGS, else the folder `configs` found
// upwards from the program's own, else PREFIX/share/isopop/configs. NOT_FOUND says where it was
// looked for.
[[nodiscard]] Result<std::filesystem::path> configs_folder();

// A topology by its file, or by the bare name of one that comes with the project: "tiny" is
// configs/topologies/tiny.yaml. A file of that name in the current folder comes first.
[[nodiscard]] Result<std::filesystem::path> find_topology(const std::string& file_or_name);

}  // namespace isopop::sim
