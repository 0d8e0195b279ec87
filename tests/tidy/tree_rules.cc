#include "tests/tidy/tree_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string_view>

#include "common/text/text.h"

namespace isopop::tidy {
namespace {

constexpr std::string_view kListName = "CMakeLists.txt";

// "router/geo" of "router/geo/x.cc"; "" at the root.
std::string folder_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string() : std::string(path.substr(0, slash));
}

// Whether the list names the file as a word of its own.
bool names_file(std::string_view list, std::string_view file) {
  constexpr std::string_view kAround = " \t\n()\"/";
  for (std::size_t at = list.find(file); at != std::string_view::npos;
       at = list.find(file, at + 1)) {
    const std::size_t end = at + file.size();
    const bool begins = at == 0 || kAround.find(list[at - 1]) != std::string_view::npos;
    const bool ends = end == list.size() || kAround.find(list[end]) != std::string_view::npos;
    if (begins && ends) return true;
  }
  return false;
}

}  // namespace

std::vector<Finding> check_cmake_lists(const std::vector<SourceFile>& files) {
  std::map<std::string, const SourceFile*> lists;  // by folder
  for (const SourceFile& file : files) {
    if (file.path.ends_with(kListName)) lists[folder_of(file.path)] = &file;
  }
  std::vector<Finding> findings;
  for (const SourceFile& file : files) {
    if (!file.is_source()) continue;
    std::string folder = folder_of(file.path);
    while (!folder.empty() && !lists.contains(folder)) folder = folder_of(folder);
    const auto list = lists.find(folder);
    const std::string name = file.path.substr(folder.empty() ? 0 : folder.size() + 1);
    if (list != lists.end() && names_file(list->second->text, name)) continue;
    findings.push_back({"cmake-list", file.path, 0,
                        fmt::format("is compiled by nobody: name it in {}{}{}", folder,
                                    folder.empty() ? "" : "/", kListName)});
  }
  return findings;
}

std::vector<Finding> check_readmes(const std::vector<SourceFile>& files) {
  std::set<std::string> folders;
  std::set<std::string> with_readme;
  for (const SourceFile& file : files) {
    const std::size_t slash = file.path.find('/');
    if (slash == std::string::npos || file.path.starts_with('.')) continue;
    const std::string folder = file.path.substr(0, slash);
    folders.insert(folder);
    if (file.path == folder + "/README.md") with_readme.insert(folder);
  }
  std::vector<Finding> findings;
  for (const std::string& folder : folders) {
    if (with_readme.contains(folder)) continue;
    findings.push_back({"readme", folder + "/README.md", 0,
                        "is missing: say what the folder is for and what it must never do"});
  }
  return findings;
}

std::vector<Finding> check_loose_files(const std::vector<SourceFile>& files) {
  constexpr std::array<std::string_view, 5> kComponents = {"common", "control_plane", "pop_node",
                                                           "router", "sim"};
  std::vector<Finding> findings;
  for (const SourceFile& file : files) {
    const std::vector<std::string_view> parts = split(file.path, '/');
    if (parts.size() != 2) continue;
    if (std::find(kComponents.begin(), kComponents.end(), parts[0]) == kComponents.end()) continue;
    if (parts[1] == kListName || parts[1] == "README.md" || parts[1] == "main.cc") continue;
    findings.push_back({"loose-file", file.path, 0,
                        fmt::format("stands loose in {}: give it a folder with a noun", parts[0])});
  }
  return findings;
}

}  // namespace isopop::tidy
