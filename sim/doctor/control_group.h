#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace isopop::sim::doctor {

// How much the control group of a process, and every group above it, still allows: the least of
// them. `groups` is the text of /proc/PID/cgroup; v1, v2 and both at once are understood, with
// their usual mount points below ROOT/sys/fs/cgroup. kUnlimited when no group has a limit; nothing
// when it cannot be told.
[[nodiscard]] std::optional<std::uint64_t> tasks_left_in_group(const std::filesystem::path& root,
                                                               std::string_view groups);
// What can be taken back (the inactive part of the file cache) does not count as used.
[[nodiscard]] std::optional<std::uint64_t> memory_left_in_group(const std::filesystem::path& root,
                                                                std::string_view groups);

}  // namespace isopop::sim::doctor
