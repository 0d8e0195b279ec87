#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace isopop::sim::doctor {

// How the programs of a network are run.
enum class Engine { kProcesses, kCompose };

// The network that is to be started, as far as its needs depend on it.
struct Plan {
  Engine engine = Engine::kProcesses;
  std::size_t pops = 330;
  std::size_t pops_per_container = 1;  // kCompose only
  std::string image = "isopop:latest";
  std::uint16_t port = 8080;  // the router's, published by kCompose

  // The PoPs' containers, without those of control plane and router; 0 with kProcesses.
  [[nodiscard]] std::size_t pop_containers() const;
  [[nodiscard]] std::size_t containers() const;
};

// What that takes of a machine. Every figure is a measurement on two cores, rounded up; plan.cc
// says which.
struct Needs {
  std::uint64_t memory_bytes = 0;
  std::uint64_t tasks = 0;                 // processes and threads, of all users together
  std::uint64_t tasks_of_one_user = 0;     // of them those that one user has
  std::uint64_t files_of_one_process = 0;  // descriptors of the process with the most
  std::uint64_t files_of_all = 0;
  std::uint64_t neighbours = 0;  // entries of the table that all network namespaces share
  std::uint64_t inotify_instances = 0;
  std::uint64_t inotify_watches = 0;
  std::uint64_t state_bytes = 0;   // where the state folder is
  std::uint64_t engine_bytes = 0;  // where Docker keeps its data
};
[[nodiscard]] Needs needs_of(const Plan& plan);

}  // namespace isopop::sim::doctor
