#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/files/files.h"
#include "common/result/result.h"

namespace isopop::sim {

// Which processes of a network run is asked of the kernel each time, not of a file: a process is
// the network's when its binary is one of ours and its arguments have `--state DIR` with exactly
// the network's folder (of a sealed executor the kernel tells the binary to root alone; there its
// first argument counts). So nothing is ever missed after a launcher was killed, and nothing
// foreign is hit.

enum class Program { kControl, kRouter, kPop, kExecutor };

// A process that was seen. Its pidfd stands for this process for ever, however the pid is used
// later.
struct RunningProcess {
  pid_t pid = 0;
  pid_t parent = 0;
  Program program = Program::kPop;
  std::string name;  // "control", "router", a PoP's id, "zygote", "executor"
  UniqueFd pid_fd;

  [[nodiscard]] bool is_running() const;
  // Does nothing when it has ended. PERMISSION_DENIED when it is another user's.
  [[nodiscard]] Result<void> send_signal(int signal) const;
};

// All processes of the network in that folder (absolute path), by program and name. Zombies do not
// count.
[[nodiscard]] Result<std::vector<RunningProcess>> find_processes(
    const std::filesystem::path& state);

// Reads a process's arguments as /proc shows them: the pure part of find_processes().
[[nodiscard]] std::optional<Program> program_of(std::string_view binary_path);
[[nodiscard]] bool belongs_to(const std::vector<std::string>& arguments, std::string_view state);
[[nodiscard]] std::string option_value(const std::vector<std::string>& arguments,
                                       std::string_view option);

// Memory the process is to blame for: its own pages, and of shared ones its share. Of a sealed
// executor only root is told that: anyone else gets its anonymous pages. 0 when it has ended.
[[nodiscard]] std::uint64_t proportional_set_bytes(pid_t pid);

// Lets this process hold a descriptor for each of some thousand processes.
void raise_descriptor_limit();

}  // namespace isopop::sim
