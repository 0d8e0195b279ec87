#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "sim/launch/state_folder.h"
#include "sim/rpc/control_client.h"

namespace isopop::sim {

// How a network is: what the kernel says of its processes, joined with what its control plane says.
struct NetworkStatus {
  enum class State {
    kStopped,   // no process of it runs
    kStarting,  // a launcher has not finished yet, or was killed
    kDegraded,  // something is missing or not ready
    kReady,     // all programs run, every PoP is ready, the router is connected
  };

  struct Process {
    pid_t pid = 0;  // 0: in a container
    std::string container;
    std::uint64_t memory_bytes = 0;  // proportional set size; of a container what its cgroup counts
  };

  State state = State::kStopped;
  std::string topology;
  std::string isolation;  // of workers that do not say
  std::string state_folder;
  LaunchRecord::Engine engine = LaunchRecord::Engine::kProcesses;
  std::string project;      // of Compose
  std::string control_rpc;  // "127.20.0.1:7070"
  std::string router_address;
  std::optional<Process> control;
  bool control_answers = false;
  std::string control_refuses;        // why, when TLS keeps us from asking it
  std::chrono::nanoseconds uptime{};  // of the control plane
  std::uint64_t workers = 0;
  std::optional<Process> router;
  bool router_connected = false;
  std::size_t pops_wanted = 0;
  std::size_t pops_running = 0;      // processes, or containers of PoPs
  std::size_t pop_units_wanted = 0;  // of these, how many there should be
  std::size_t pops_ready = 0;        // as the control plane says
  std::size_t pops_starting = 0;
  std::size_t pops_down = 0;
  std::vector<PopReport> pops;              // that the control plane knows of and that are not down
  std::vector<std::string> pops_not_ready;  // ids that it knows of
  std::size_t executors = 0;
  std::uint64_t pops_memory_bytes = 0;  // PoPs with their executors
  std::uint64_t executors_memory_bytes = 0;

  [[nodiscard]] std::uint64_t total_memory_bytes() const;
  [[nodiscard]] std::uint64_t memory_bytes_per_pop() const;  // with its executors; 0 without PoPs
};

[[nodiscard]] std::string_view to_string(NetworkStatus::State state);

// Takes a few milliseconds a process: the kernel walks each one's memory.
[[nodiscard]] Result<NetworkStatus> inspect_network(const StateFolder& state, const Clock& clock,
                                                    const ControlAccess& access = {});

// What does not depend on the engine: what the record says before the processes are looked at, what
// the control plane says after it, and what to call all of it.
void begin_status(NetworkStatus& status, const LaunchRecord& record);
void complete_status(NetworkStatus& status, bool is_complete, const Clock& clock,
                     const ControlAccess& access = {});

// For people, several lines.
[[nodiscard]] std::string format_table(const NetworkStatus& status);
// For programs: one JSON object. Its keys are stable.
[[nodiscard]] std::string format_json(const NetworkStatus& status);

}  // namespace isopop::sim
