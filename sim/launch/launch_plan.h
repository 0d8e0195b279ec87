#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "sim/launch/address_block.h"
#include "sim/launch/state_folder.h"
#include "sim/topology/topology.h"

namespace isopop::sim {

// Where the programs and the data that every network needs lie, and what is said to all programs.
struct LaunchSettings {
  std::filesystem::path programs;  // folder with isopop-control, isopop-router and the others
  std::filesystem::path cities;    // CSV for the router
  std::filesystem::path mmdb;      // IP to place for the router; empty: none
  std::string log_level = "info";
  std::string log_format = "text";
  bool insecure = false;  // no TLS and no tokens
  // Where the control plane would be: PoPs wait the modelled way to it and back. None: they do not.
  std::optional<PopSite> control_place;
};

struct ProcessSpec {
  std::string name;  // "control", "router" or the PoP's id; also the log's name
  std::filesystem::path program;
  std::vector<std::string> arguments;
};

// What is to run for a topology. Pure: a function of its arguments.
struct LaunchPlan {
  ProcessSpec control;
  ProcessSpec router;
  std::vector<ProcessSpec> pops;  // in the topology's order
};
[[nodiscard]] LaunchPlan make_launch_plan(const Topology& topology, const AddressBlock& block,
                                          const StateFolder& state, const LaunchSettings& settings);

// The same for two launches that would run the same network, whatever its addresses and state
// folder.
[[nodiscard]] std::string launch_digest(const Topology& topology, const LaunchSettings& settings);

// Says which program or file is missing, and what to do.
[[nodiscard]] Result<void> check_files_exist(const LaunchSettings& settings);

}  // namespace isopop::sim
