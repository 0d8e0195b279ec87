#include "sim/doctor/control_group.h"

#include <algorithm>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/text/text.h"
#include "sim/doctor/host_facts.h"
#include "sim/doctor/host_files.h"

namespace isopop::sim::doctor {
namespace {

namespace fs = std::filesystem;
using std::uint64_t;

// The folder of a process's group for one controller, and of the hierarchy that it is in.
struct Group {
  fs::path folder;
  fs::path top;
};

// Groups may be nested deep, but not without end.
constexpr int kDepthMax = 64;

// Names of a controller's files in v1 or v2.
struct Controller {
  std::string_view name;  // in /proc/PID/cgroup
  std::string_view limit;
  std::string_view used;
  std::string_view cache;  // the line of memory.stat that can be taken back; empty: none
};
constexpr Controller kTasksV1{"pids", "pids.max", "pids.current", ""};
constexpr Controller kTasksV2{"", "pids.max", "pids.current", ""};
constexpr Controller kMemoryV1{"memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                               "total_inactive_file"};
constexpr Controller kMemoryV2{"", "memory.max", "memory.current", "inactive_file"};

// "8:pids:/a/b" for v1, "0::/a/b" for v2.
std::optional<Group> find_group(const fs::path& root, std::string_view groups,
                                std::string_view controller) {
  for (const std::string_view line : split(groups, '\n')) {
    const std::size_t first = line.find(':');
    if (first == std::string_view::npos) continue;
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string_view names = line.substr(first + 1, second - first - 1);
    const std::vector<std::string_view> list = split(names, ',');
    if (std::find(list.begin(), list.end(), controller) == list.end()) continue;
    fs::path top = (root / "sys/fs/cgroup").lexically_normal();
    if (!names.empty()) top /= names;  // v2 is the mount point itself
    const fs::path below = fs::path(line.substr(second + 1)).relative_path();
    std::error_code ignored;
    // In a container the path is the host's: what is mounted is then the container's own group.
    const bool leads_out = std::find(below.begin(), below.end(), "..") != below.end();
    if (leads_out || !fs::is_directory(top / below, ignored)) return Group{top, top};
    return Group{below.empty() ? top : (top / below).lexically_normal(), top};
  }
  return std::nullopt;
}

uint64_t cache_of(const fs::path& folder, std::string_view key) {
  if (key.empty()) return 0;
  const Result<std::string> text = read_file(folder / "memory.stat", 1ULL << 20U);
  if (!text.ok()) return 0;
  for (const std::string_view line : split(text.value(), '\n')) {
    const std::vector<std::string_view> words = split(line, ' ');
    if (words.size() == 2 && words[0] == key) return parse_unsigned(words[1]).value_or(0);
  }
  return 0;
}

// v1 writes "no limit" as the largest multiple of a page.
bool is_no_limit(uint64_t limit) {
  return limit >= 1ULL << 62U;
}

std::optional<uint64_t> left_in(const fs::path& root, std::string_view groups,
                                const Controller& controller) {
  const std::optional<Group> group = find_group(root, groups, controller.name);
  if (!group) return std::nullopt;
  std::error_code ignored;
  // The root of a hierarchy has no files of a limit, but this one, if it is mounted there.
  if (!fs::exists(group->top / "cgroup.procs", ignored)) return std::nullopt;
  uint64_t least = kUnlimited;
  fs::path folder = group->folder;
  for (int depth = 0; depth < kDepthMax; ++depth, folder = folder.parent_path()) {
    const std::optional<uint64_t> limit = read_number(folder / controller.limit);
    if (limit && !is_no_limit(*limit)) {
      const std::optional<uint64_t> used = read_number(folder / controller.used);
      if (!used) return std::nullopt;
      const uint64_t held = *used - std::min(*used, cache_of(folder, controller.cache));
      least = std::min(least, *limit - std::min(*limit, held));
    }
    if (folder == group->top || !folder.has_relative_path()) break;
  }
  return least;
}

std::optional<uint64_t> left_in_either(const fs::path& root, std::string_view groups,
                                       const Controller& v1, const Controller& v2) {
  // Where both are mounted, a controller is in one of them; v1's line is there when it is in v1.
  if (find_group(root, groups, v1.name)) return left_in(root, groups, v1);
  return left_in(root, groups, v2);
}

}  // namespace

std::optional<uint64_t> tasks_left_in_group(const fs::path& root, std::string_view groups) {
  return left_in_either(root, groups, kTasksV1, kTasksV2);
}

std::optional<uint64_t> memory_left_in_group(const fs::path& root, std::string_view groups) {
  return left_in_either(root, groups, kMemoryV1, kMemoryV2);
}

}  // namespace isopop::sim::doctor
