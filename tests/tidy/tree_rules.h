#pragma once

#include <string>
#include <vector>

#include "tests/tidy/source_file.h"

namespace isopop::tidy {

// Rules on the tree as a whole. Pure functions of its files.

// Rule "cmake-list": every .cc file is named in the CMakeLists.txt of its folder, or of the nearest
// folder above that has one; otherwise it is never compiled.
[[nodiscard]] std::vector<Finding> check_cmake_lists(const std::vector<SourceFile>& files);

// Rule "readme": every top-level folder has a README.md that says what it is for.
[[nodiscard]] std::vector<Finding> check_readmes(const std::vector<SourceFile>& files);

// Rule "loose-file": in the components every file is in a second-level folder, but for README.md
// and CMakeLists.txt.
[[nodiscard]] std::vector<Finding> check_loose_files(const std::vector<SourceFile>& files);

}  // namespace isopop::tidy
