#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/compose/subnet.h"

namespace isopop::sim::doctor {

// A limit that is not set: "max", "unlimited".
inline constexpr std::uint64_t kUnlimited = std::numeric_limits<std::uint64_t>::max();

// Something that was really tried. `reason` says why it did not work.
struct Attempt {
  bool works = false;
  std::string reason;
};

// What the kernel grants a process and those of its control group; of this program with plain
// processes, of the Docker daemon with containers.
struct ProcessLimits {
  std::optional<std::uint64_t> open_files_hard;
  std::optional<std::uint64_t> tasks_of_user;      // RLIMIT_NPROC
  std::optional<std::uint64_t> cgroup_tasks_left;  // of the group and all above it
  std::optional<std::uint64_t> cgroup_memory_left_bytes;
};

// What the engine said about itself; see engine_answers.h.
struct EngineFacts {
  enum class State { kAnswers, kNotInstalled, kNotRunning, kPermissionDenied, kSilent, kFailed };
  State state = State::kNotInstalled;
  std::string message;  // of the client, when it does not answer
  std::string client_version;
  std::string server_version;

  std::optional<std::string> compose_version;  // of the one that will be used; empty: none there
  bool compose_is_plugin = false;              // `docker compose`, not `docker-compose`

  std::string kernel;  // of the machine that it runs on
  std::optional<std::uint64_t> memory_total_bytes;
  std::string data_folder;
  std::string cgroup_version;                        // "1" or "2"; empty when not told
  std::optional<bool> limits_memory;                 // whether mem_limit is enforced
  std::optional<bool> limits_tasks;                  // whether pids_limit is
  std::optional<std::vector<std::string>> security;  // "name=seccomp,profile=default"
  std::optional<bool> has_image;
  bool has_host_variable = false;  // DOCKER_HOST is set
  // Networks that Docker's own and this machine's routes cover.
  std::optional<std::vector<Subnet>> subnets_taken;
  // It runs on another machine or in a virtual one: what is read here of the kernel is not its.
  bool is_elsewhere = false;
};

// What is known of a machine. What could not be read is absent, never guessed. A plain value.
struct HostFacts {
  bool is_root = false;
  bool has_systemd = false;
  std::string kernel;  // "6.1.0-18-amd64"

  std::optional<std::uint64_t> memory_total_bytes;
  std::optional<std::uint64_t> memory_available_bytes;
  std::optional<std::uint64_t> pid_max;
  std::optional<std::uint64_t> threads_max;
  std::optional<std::uint64_t> tasks_now;          // of all users
  std::optional<std::uint64_t> tasks_of_user_now;  // of the user whom ProcessLimits counts
  std::optional<std::uint64_t> file_max;
  std::optional<std::uint64_t> files_now;
  std::optional<std::uint64_t> nr_open;         // what a process's limit may be raised to
  std::optional<std::uint64_t> neighbours_max;  // net.ipv4.neigh.default.gc_thresh3
  std::optional<std::uint64_t> neighbours_now;
  std::optional<std::uint64_t> inotify_instances;
  std::optional<std::uint64_t> inotify_watches;
  std::optional<std::uint64_t> somaxconn;
  std::optional<std::uint64_t> ephemeral_ports;  // how many
  std::optional<std::uint64_t> overcommit_mode;
  std::optional<std::string> huge_pages;  // "always", "madvise", "never"
  std::string cgroup_version;             // "1", or "2" when it is alone; empty when not mounted
  // TCP ports that someone listens on, at any address: one is enough to make a wildcard bind fail.
  std::optional<std::set<std::uint16_t>> ports_taken;
  // The published port of the network that runs in the state folder, if one does.
  std::optional<std::uint16_t> own_port;
  std::optional<std::uint64_t> state_bytes_free;
  std::optional<std::uint64_t> engine_bytes_free;
  // Why the kernel would refuse user namespaces, by its settings.
  std::optional<std::uint64_t> user_namespaces_max;          // user.max_user_namespaces
  std::optional<std::uint64_t> user_namespaces_for_all;      // kernel.unprivileged_userns_clone
  std::optional<std::uint64_t> user_namespaces_by_apparmor;  // 1: only with a profile that allows
  ProcessLimits limits;

  // Tried, not read.
  std::optional<Attempt> pagemap_scan;
  std::optional<Attempt> pagemap_read;
  std::optional<Attempt> user_namespace;
  std::optional<Attempt> network_namespace;
  std::optional<Attempt> landlock;
  int landlock_version = 0;
  std::optional<Attempt> seccomp;
  std::optional<Attempt> loopback;  // binding an address of 127.0.0.0/8 that nobody set up

  std::optional<EngineFacts> engine;  // absent when nobody asked for containers
};

}  // namespace isopop::sim::doctor
