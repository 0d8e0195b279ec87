#include "tests/tidy/source_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "common/files/files.h"
#include "common/text/text.h"

namespace isopop::tidy {
namespace {

constexpr std::array<std::string_view, 4> kSkippedFolders = {"build", "node_modules", "__pycache__",
                                                             "out"};
constexpr std::array<std::string_view, 5> kKeptHidden = {".ci", ".clang-format", ".clang-tidy",
                                                         ".gitignore", ".dockerignore"};

bool is_skipped(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  const auto contains = [&name](const auto& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  if (name.starts_with('.')) return !contains(kKeptHidden);
  return contains(kSkippedFolders) || name.ends_with(".swp");
}

// Blanks out comments and the insides of literals, line by line.
class CodeScanner {
 public:
  std::string scan(std::string_view line) {
    std::string code(line.size(), ' ');
    std::size_t i = 0;
    while (i < line.size()) {
      if (!until_.empty()) {
        i = skip_to_end(line, i);
      } else if (line.substr(i).starts_with("//")) {
        break;
      } else if (line.substr(i).starts_with("/*")) {
        until_ = "*/";
        i += 2;
      } else if (const std::optional<std::size_t> raw = raw_string_start(line, i)) {
        i = *raw;
      } else if (is_quote(line, i)) {
        code[i] = line[i];
        i = skip_quoted(line, i);
        if (i <= line.size()) code[i - 1] = line[i - 1];
      } else {
        code[i] = line[i];
        ++i;
      }
    }
    return code;
  }

 private:
  // Within a block comment or a raw string: to behind its end, or to the end of the line.
  std::size_t skip_to_end(std::string_view line, std::size_t i) {
    const std::size_t end = line.find(until_, i);
    if (end == std::string_view::npos) return line.size();
    i = end + until_.size();
    until_.clear();
    return i;
  }

  std::optional<std::size_t> raw_string_start(std::string_view line, std::size_t i) {
    if (!line.substr(i).starts_with("R\"")) return std::nullopt;
    const std::size_t open = line.find('(', i);
    if (open == std::string_view::npos) return std::nullopt;
    until_ = ")" + std::string(line.substr(i + 2, open - i - 2)) + "\"";
    return open + 1;
  }

  // A single quote between digits only separates them.
  static bool is_quote(std::string_view line, std::size_t i) {
    if (line[i] == '"') return true;
    const auto is_digit = [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); };
    return line[i] == '\'' && !(i > 0 && is_digit(line[i - 1]));
  }

  static std::size_t skip_quoted(std::string_view line, std::size_t i) {
    const char quote = line[i++];
    while (i < line.size() && line[i] != quote) i += line[i] == '\\' ? 2 : 1;
    return std::min(i + 1, line.size());
  }

  std::string until_;  // what ends the comment or raw string we are in
};

}  // namespace

bool SourceFile::is_data() const {
  return path.ends_with(".csv") || path.ends_with(".log") || path.ends_with("package-lock.json");
}

std::string to_string(const Finding& finding) {
  if (finding.line == 0) return fmt::format("{}: {}", finding.path, finding.message);
  return fmt::format("{}:{}: {}", finding.path, finding.line, finding.message);
}

SourceFile make_source_file(std::string path, std::string text) {
  SourceFile file{.path = std::move(path), .text = std::move(text), .lines = {}, .code = {}};
  for (const std::string_view line : split(file.text, '\n')) file.lines.emplace_back(line);
  if (file.lines.back().empty()) file.lines.pop_back();  // behind the last line's end
  if (file.is_cpp()) {
    CodeScanner scanner;
    for (const std::string& line : file.lines) file.code.push_back(scanner.scan(line));
  }
  return file;
}

Result<std::vector<SourceFile>> read_tree(const std::filesystem::path& root) {
  std::vector<SourceFile> files;
  std::error_code error;
  std::filesystem::recursive_directory_iterator entry(root, error);
  for (const std::filesystem::recursive_directory_iterator end; !error && entry != end;
       entry.increment(error)) {
    if (is_skipped(entry->path())) {
      entry.disable_recursion_pending();
      continue;
    }
    if (entry->is_symlink(error) || !entry->is_regular_file(error)) continue;
    ISOPOP_TRY_ASSIGN(std::string text, read_file(entry->path()));
    if (text.find('\0') != std::string::npos) continue;  // not text
    files.push_back(
        make_source_file(entry->path().lexically_relative(root).generic_string(), std::move(text)));
  }
  if (error) return internal_error(fmt::format("{}: {}", root.string(), error.message()));
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

}  // namespace isopop::tidy
