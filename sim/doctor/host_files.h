#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "sim/doctor/host_facts.h"

namespace isopop::sim::doctor {

// The kernel's files below a root: "/", or a tree that a test made. A file that is not there, or
// does not say what it should, leaves its fact absent.

// All of HostFacts that files tell, without `limits`, disks, what is tried and the engine.
[[nodiscard]] HostFacts read_host_files(const std::filesystem::path& root);

// `process` is "self" or a pid.
[[nodiscard]] ProcessLimits read_process_limits(const std::filesystem::path& root,
                                                std::string_view process);

// Tasks of all processes that belong to this user.
[[nodiscard]] std::optional<std::uint64_t> count_tasks_of_user(const std::filesystem::path& root,
                                                               uid_t user);

// The pid of the first process of that name; nothing when there is none.
[[nodiscard]] std::optional<std::string> find_process(const std::filesystem::path& root,
                                                      std::string_view name);

// The port in the note that a running network leaves in its state folder, when it is one that is
// published on this machine ("127.0.0.1:8080"), and not one of a network of processes.
[[nodiscard]] std::optional<std::uint16_t> read_own_port(const std::filesystem::path& state);

// One file with one number; "max" and "unlimited" are kUnlimited.
[[nodiscard]] std::optional<std::uint64_t> read_number(const std::filesystem::path& file);

// "MemAvailable:   123 kB" in bytes, from the text of /proc/meminfo.
[[nodiscard]] std::optional<std::uint64_t> parse_meminfo(std::string_view text,
                                                         std::string_view key);
// The hard limit in the line that begins with `name`, from the text of /proc/PID/limits.
[[nodiscard]] std::optional<std::uint64_t> parse_hard_limit(std::string_view text,
                                                            std::string_view name);
// Every port that someone listens on, from the text of /proc/net/tcp or tcp6.
[[nodiscard]] std::set<std::uint16_t> parse_listening_ports(std::string_view text);
// "always [madvise] never" -> "madvise".
[[nodiscard]] std::optional<std::string> parse_choice(std::string_view text);

}  // namespace isopop::sim::doctor
