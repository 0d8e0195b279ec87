#include "sim/launch/launch_plan.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/hash/hash.h"
#include "router/network/network_model.h"
#include "sim/topology/program_options.h"

namespace isopop::sim {
namespace {

void add_common_arguments(ProcessSpec& process, const StateFolder& state,
                          const LaunchSettings& settings) {
  process.arguments.insert(process.arguments.end(),
                           {"--state", state.path().string(), "--log-level", settings.log_level,
                            "--log-format", settings.log_format, "--log-bytes-max", "4 MiB"});
}

ProcessSpec control_spec(const AddressBlock& block, const StateFolder& state,
                         const LaunchSettings& settings) {
  ProcessSpec process{
      .name = "control",
      .program = settings.programs / "isopop-control",
      .arguments = {"--listen", block.control_rpc(), "--http-listen", block.control_http()}};
  if (settings.insecure) {
    process.arguments.emplace_back("--insecure");
  } else {
    process.arguments.insert(process.arguments.end(),
                             {"--pki", state.pki().string(), "--join", state.join().string()});
  }
  return process;
}

// So that it gets a certificate.
void add_joining(ProcessSpec& process, const StateFolder& state, const LaunchSettings& settings) {
  if (settings.insecure) return;
  process.arguments.insert(process.arguments.end(), {"--join", state.join().string()});
}

ProcessSpec router_spec(const Topology& topology, const AddressBlock& block,
                        const LaunchSettings& settings) {
  ProcessSpec process{.name = "router",
                      .program = settings.programs / "isopop-router",
                      .arguments = {"--control", block.control_rpc(), "--listen", block.router(),
                                    "--cities", settings.cities.string()}};
  for (std::string& flag : as_flags(router_options(topology))) {
    process.arguments.push_back(std::move(flag));
  }
  if (!settings.mmdb.empty()) {
    process.arguments.insert(process.arguments.end(), {"--mmdb", settings.mmdb.string()});
  }
  return process;
}

ProcessSpec pop_spec(const PopSite& pop, const std::string& address, const AddressBlock& block,
                     const LaunchSettings& settings) {
  ProcessSpec process{.name = pop.id,
                      .program = settings.programs / "isopop-pop",
                      .arguments = identity_flags(pop)};
  process.arguments.insert(process.arguments.end(),
                           {"--listen", address, "--control", block.control_rpc()});
  return process;
}

// The way to the control plane and back by the router's network model.
void add_control_rtt(ProcessSpec& process, const PopSite& pop, const PopSite& control,
                     std::uint64_t seed) {
  // The last mile is no part of it, so any profile does.
  const router::NetworkModel model(seed, router::find_access_profile("default").value());
  const auto rtt = model.backbone_rtt({pop.id, pop.place}, {control.id, control.place});
  const double rtt_ms = std::chrono::duration<double, std::milli>(rtt).count();
  process.arguments.insert(process.arguments.end(),
                           {"--control-rtt", fmt::format("{:.3f} ms", rtt_ms)});
}

}  // namespace

LaunchPlan make_launch_plan(const Topology& topology, const AddressBlock& block,
                            const StateFolder& state, const LaunchSettings& settings) {
  LaunchPlan plan{.control = control_spec(block, state, settings),
                  .router = router_spec(topology, block, settings),
                  .pops = {}};
  add_common_arguments(plan.control, state, settings);
  add_common_arguments(plan.router, state, settings);
  add_joining(plan.router, state, settings);
  const std::vector<std::string> pop_settings = as_flags(pop_options(topology.pop));
  plan.pops.reserve(topology.pops.size());
  for (std::size_t i = 0; i < topology.pops.size(); ++i) {
    plan.pops.push_back(pop_spec(topology.pops[i], block.pop(i), block, settings));
    std::vector<std::string>& arguments = plan.pops.back().arguments;
    arguments.insert(arguments.end(), pop_settings.begin(), pop_settings.end());
    add_common_arguments(plan.pops.back(), state, settings);
    add_joining(plan.pops.back(), state, settings);
    if (settings.control_place) {
      add_control_rtt(plan.pops.back(), topology.pops[i], *settings.control_place, topology.seed);
    }
  }
  return plan;
}

std::string launch_digest(const Topology& topology, const LaunchSettings& settings) {
  nlohmann::ordered_json pops = nlohmann::ordered_json::array();
  for (const PopSite& pop : topology.pops) {
    pops.push_back({pop.id, pop.city, pop.country, pop.region, pop.place.latitude_deg,
                    pop.place.longitude_deg});
  }
  const nlohmann::ordered_json all = {
      {"seed", topology.seed},
      {"pop_settings", as_flags(pop_options(topology.pop))},
      {"router", {topology.router.policy, topology.router.net, topology.router.access_profile}},
      {"cities", settings.cities.string()},
      {"mmdb", settings.mmdb.string()},
      {"log", {settings.log_level, settings.log_format}},
      {"insecure", settings.insecure},
      {"control_place", settings.control_place ? settings.control_place->id : ""},
      {"pops", pops},
  };
  return sha256_hex(all.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

Result<void> check_files_exist(const LaunchSettings& settings) {
  for (const char* name : {"isopop-control", "isopop-router", "isopop-pop", "isopop-executor"}) {
    const std::filesystem::path program = settings.programs / name;
    if (access(program.c_str(), X_OK) != 0) {
      return not_found(
          fmt::format("the program {} is missing: `./run build` makes it", program.string()));
    }
  }
  for (const std::filesystem::path& file : {settings.cities, settings.mmdb}) {
    if (!file.empty() && access(file.c_str(), R_OK) != 0) {
      return not_found(fmt::format("the file {} is missing or cannot be read", file.string()));
    }
  }
  return {};
}

}  // namespace isopop::sim
