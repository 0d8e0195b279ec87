#pragma once

#include <vector>

#include "tests/tidy/source_file.h"

namespace isopop::tidy {

// Who may know whom (docs/architecture.md) and which libraries' headers may be seen where. Both are
// tables at the top of include_rules.cc.

// Rule "include-table": what a file includes from the project itself.
[[nodiscard]] std::vector<Finding> check_include_table(const SourceFile& file);

// Rule "library-headers": V8, gRPC, Asio, yaml-cpp and others stay in the folders made for them, so
// that cores stay pure and quick to compile.
[[nodiscard]] std::vector<Finding> check_library_headers(const SourceFile& file);

}  // namespace isopop::tidy
