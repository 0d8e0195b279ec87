#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sim/topology/topology.h"

namespace isopop::sim {

// What every engine says to the same containers: commands, environment and limits, of which the
// exporters differ in the notation only. All names of files and folders are the image's
// (docker/Dockerfile).

// What a container may use. Limits, not reservations: what is not used costs nothing.
struct ContainerMemory {
  // Of a PoP's executors together, where the topology does not say (defaults: memory_budget). One
  // executor of a small worker is about 1.3 MB; it may grow to its worker's limit, 256 MiB where
  // that does not say.
  std::uint64_t pop_budget_bytes = 256ULL << 20U;
  // Beside them: the PoP's process and its zygote, about 12 MB, and its store, which is memory.
  std::uint64_t pop_own_bytes = 128ULL << 20U;
  std::uint64_t control_bytes = 512ULL << 20U;
  std::uint64_t router_bytes = 512ULL << 20U;
};

// Of all programs.
struct ProgramLog {
  std::string level = "info";
  std::string format = "text";
};

using Environment = std::vector<std::pair<std::string, std::string>>;  // in the order of the file

// What is said to every PoP: addresses, state, log, and the topology's settings with a memory
// budget that its container has room for.
[[nodiscard]] Environment pop_environment(const PopSettings& pop, const ContainerMemory& memory,
                                          const ProgramLog& log);

// Who one PoP is: POP_ID and the others.
[[nodiscard]] Environment pop_identity(const PopSite& pop);

// Where programs enroll from: a folder that the control plane writes, or one that people made.
enum class JoinFolder { kWritten, kGiven };
// `pki_folder`: in its container.
[[nodiscard]] std::vector<std::string> control_command(const ProgramLog& log,
                                                       std::string_view pki_folder,
                                                       JoinFolder writes_join_folder);
[[nodiscard]] std::vector<std::string> router_command(const Topology& topology,
                                                      const ProgramLog& log);

// The limits of a container that runs so many PoPs.
struct PopContainer {
  std::uint64_t memory_bytes = 0;
  std::uint64_t processes = 0;  // threads count too
};
[[nodiscard]] PopContainer pop_container(const PopSettings& pop, const ContainerMemory& memory,
                                         std::size_t pops);

}  // namespace isopop::sim
