#pragma once

#include <string_view>
#include <vector>

#include "tests/tidy/source_file.h"

namespace isopop::tidy {

// Rules on the text of one file. Pure functions of the file; each returns what it found.

// Rule "size": headers to 250 lines, sources to 500, tests to 700, functions to 70.
[[nodiscard]] std::vector<Finding> check_sizes(const SourceFile& file);

// Rule "columns": C++ lines to 100 characters (not bytes).
[[nodiscard]] std::vector<Finding> check_columns(const SourceFile& file);

// Rule "whitespace": no space at the end of a line, no tab in C++, no CR, one line end at the end.
[[nodiscard]] std::vector<Finding> check_whitespace(const SourceFile& file);

// Rule "banned-word": what has a better word in this project. The message says which.
[[nodiscard]] std::vector<Finding> check_banned_words(const SourceFile& file);

// Rule "todo": a note for later names its issue.
[[nodiscard]] std::vector<Finding> check_todos(const SourceFile& file);

// Rule "header": a header begins with #pragma once and has its idea written down.
[[nodiscard]] std::vector<Finding> check_header(const SourceFile& file);

// Rule "machine": nothing names a folder of somebody's machine. `checkout` is where the tree lies
// now.
[[nodiscard]] std::vector<Finding> check_machine_paths(const SourceFile& file,
                                                       std::string_view checkout);

// Rule "url": every host that a file links to is in a list (text_rules.cc), so that no address of a
// package registry or of a private machine slips in. Loopback, addresses and reserved names are
// free.
[[nodiscard]] std::vector<Finding> check_urls(const SourceFile& file);

}  // namespace isopop::tidy
