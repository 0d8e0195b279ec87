#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace isopop::tidy {

// A text file of the tree, as the rules see it. A plain value.
struct SourceFile {
  std::string path;  // from the root, '/' between parts: "router/geo/geo_index.cc"
  std::string text;
  std::vector<std::string> lines;  // of `text`, without their ends
  // C++ only: the lines with comments and the insides of string literals blanked out.
  std::vector<std::string> code;

  [[nodiscard]] bool is_header() const { return path.ends_with(".h"); }
  [[nodiscard]] bool is_source() const { return path.ends_with(".cc"); }
  [[nodiscard]] bool is_cpp() const { return is_header() || is_source(); }
  [[nodiscard]] bool is_test() const { return path.starts_with("tests/"); }
  // Measured or recorded by others, kept as it came.
  [[nodiscard]] bool is_data() const;
};

// Something that breaks a rule. Reads "path:line: message"; the message says what to do instead.
struct Finding {
  std::string rule;  // names it in the list of exceptions
  std::string path;
  std::size_t line = 0;  // from 1; 0 for the file as a whole
  std::string message;
};
[[nodiscard]] std::string to_string(const Finding& finding);

// Takes a file apart. Pure.
[[nodiscard]] SourceFile make_source_file(std::string path, std::string text);

// Every text file that git has or would take, by path. The tree need not be a git checkout: build
// trees, hidden folders and installed packages are left out by name.
[[nodiscard]] Result<std::vector<SourceFile>> read_tree(const std::filesystem::path& root);

}  // namespace isopop::tidy
