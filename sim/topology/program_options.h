#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/topology/topology.h"

namespace isopop::sim {

// What a topology says to the programs, as their own options. One list for every way to run a
// network: as flags on this machine, as environment in containers.
struct ProgramOption {
  std::string name;  // without dashes: "memory-budget"
  std::string value;

  friend bool operator==(const ProgramOption&, const ProgramOption&) = default;
};

// Of isopop-pop; what the topology leaves to the PoP's own defaults is not there.
[[nodiscard]] std::vector<ProgramOption> pop_options(const PopSettings& pop);

// Of isopop-router.
[[nodiscard]] std::vector<ProgramOption> router_options(const Topology& topology);

// "--memory-budget", "1073741824 B", …
[[nodiscard]] std::vector<std::string> as_flags(const std::vector<ProgramOption>& options);

// isopop-pop's flags for who the PoP is and where.
[[nodiscard]] std::vector<std::string> identity_flags(const PopSite& pop);

// ISOPOP_POP_MEMORY_BUDGET for memory-budget of isopop-pop: the name that common/app gives it.
[[nodiscard]] std::string environment_name(std::string_view program, std::string_view option);

}  // namespace isopop::sim
