#include "sim/doctor/plan.h"

#include <algorithm>

namespace isopop::sim::doctor {
namespace {

// A PoP with one worker's executor and a spare one (docs/performance.md), and the figure that a
// container of one PoP is held to, with shim and the daemon's share of it.
constexpr std::uint64_t kPopBytes = 13'300'000;
constexpr std::uint64_t kContainerBytes = 40'000'000;
// Control plane and router as processes: 2 x 30 MB resident.
constexpr std::uint64_t kServersBytes = 64'000'000;

// Measured 2026-11-23 on `tiny`: a PoP has 8 to 10 threads, its zygote and each executor one; the
// control plane 15, the router 9.
constexpr std::uint64_t kPopTasks = 16;
constexpr std::uint64_t kServersTasks = 64;
// The shim of a container (Docker 20.10, containerd 1.6): 11 threads, measured with 8 containers.
constexpr std::uint64_t kShimTasks = 12;

// Descriptors: a PoP 16, its zygote 11, two executors 22; of a container the shim 26, dockerd 8,
// containerd 4 (same measurements; the whole system 42 a container).
constexpr std::uint64_t kPopFiles = 64;
constexpr std::uint64_t kContainerFiles = 48;
constexpr std::uint64_t kServersFiles = 1'024;
// The router keeps connections to every PoP and one for each client of a replay.
constexpr std::uint64_t kRouterFilesPerPop = 8;
constexpr std::uint64_t kRouterFilesBase = 1'024;

// A PoP that speaks to control plane and router costs two entries in its own network namespace and
// one in each of theirs (measured: 6 containers, 24 entries of /proc/net/stat/arp_cache).
constexpr std::uint64_t kNeighboursPerContainer = 4;
constexpr std::uint64_t kNeighboursBase = 16;

// With cgroup v2 each container's shim watches memory.events and cgroup.events to tell of an
// out-of-memory kill (containerd/cgroups, cgroup2/manager.go); what else root watches is allowed
// for.
constexpr std::uint64_t kInotifyBase = 32;

// Logs and stores: 38 kB a PoP after a start, measured; the rest is room for logs.
constexpr std::uint64_t kStateBytesPerPop = 1'000'000;
constexpr std::uint64_t kEngineBytesPerContainer = 1'000'000;
constexpr std::uint64_t kStateBytesBase = 50'000'000;

}  // namespace

std::size_t Plan::pop_containers() const {
  if (engine == Engine::kProcesses) return 0;
  const std::size_t dense = std::max<std::size_t>(pops_per_container, 1);
  return pops / dense + (pops % dense == 0 ? 0 : 1);
}

std::size_t Plan::containers() const {
  return engine == Engine::kProcesses ? 0 : pop_containers() + 2;
}

Needs needs_of(const Plan& plan) {
  const std::uint64_t pops = plan.pops;
  const std::uint64_t containers = plan.containers();
  Needs needs{
      .tasks = pops * kPopTasks + containers * kShimTasks + kServersTasks,
      // In containers too: all run as the image's one user, and the kernel counts by user.
      .tasks_of_one_user = pops * kPopTasks + kServersTasks,
      .files_of_one_process = pops * kRouterFilesPerPop + kRouterFilesBase,
      .files_of_all = pops * kPopFiles + containers * kContainerFiles + kServersFiles,
  };
  if (plan.engine == Engine::kProcesses) {
    needs.memory_bytes = pops * kPopBytes + kServersBytes;
    needs.state_bytes = pops * kStateBytesPerPop + kStateBytesBase;
    return needs;
  }
  needs.memory_bytes = containers * kContainerBytes + (pops - plan.pop_containers()) * kPopBytes;
  needs.neighbours = plan.pop_containers() * kNeighboursPerContainer + kNeighboursBase;
  needs.inotify_instances = containers + kInotifyBase;
  needs.inotify_watches = 2 * containers + kInotifyBase;
  needs.state_bytes = kStateBytesBase;
  needs.engine_bytes = containers * kEngineBytesPerContainer + kStateBytesBase;
  return needs;
}

}  // namespace isopop::sim::doctor
