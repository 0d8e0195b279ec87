#include "sim/export/container_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "sim/topology/program_options.h"

namespace isopop::sim {
namespace {

constexpr std::string_view kStateFolder = "/var/lib/isopop";
// Shared by all: what the control plane writes there lets them enroll.
constexpr std::string_view kJoinFolder = "/var/lib/isopop-join";
constexpr std::string_view kCities = "/usr/share/isopop/configs/data/cities.csv";

std::string flag(std::string_view name, std::string_view value) {
  return fmt::format("--{}={}", name, value);
}

void add_common_flags(std::vector<std::string>& command, const ProgramLog& log) {
  command.push_back(flag("state", kStateFolder));
  command.push_back(flag("log-level", log.level));
  command.push_back(flag("log-format", log.format));
}

PopSettings with_budget(PopSettings pop, const ContainerMemory& memory) {
  if (!pop.memory_budget_bytes) pop.memory_budget_bytes = memory.pop_budget_bytes;
  return pop;
}

}  // namespace

Environment pop_environment(const PopSettings& pop, const ContainerMemory& memory,
                            const ProgramLog& log) {
  std::vector<ProgramOption> options = {{"control", "control:7070"},
                                        {"listen", "0.0.0.0:8080"},
                                        {"state", std::string(kStateFolder)},
                                        {"join", std::string(kJoinFolder)},
                                        {"log-level", log.level},
                                        {"log-format", log.format}};
  const std::vector<ProgramOption> settings = pop_options(with_budget(pop, memory));
  options.insert(options.end(), settings.begin(), settings.end());
  Environment environment;
  for (const ProgramOption& option : options) {
    environment.emplace_back(environment_name("isopop-pop", option.name), option.value);
  }
  return environment;
}

Environment pop_identity(const PopSite& pop) {
  return {{"POP_ID", pop.id},
          {"POP_CITY", pop.city},
          {"POP_COUNTRY", pop.country},
          {"POP_REGION", pop.region},
          {"POP_LAT", fmt::format("{}", pop.place.latitude_deg)},
          {"POP_LON", fmt::format("{}", pop.place.longitude_deg)}};
}

std::vector<std::string> control_command(const ProgramLog& log, std::string_view pki_folder,
                                         JoinFolder writes_join_folder) {
  std::vector<std::string> command = {"isopop-control", flag("listen", "0.0.0.0:7070"),
                                      flag("http-listen", "0.0.0.0:7071"), flag("pki", pki_folder),
                                      flag("server-name", "control")};
  if (writes_join_folder == JoinFolder::kWritten) command.push_back(flag("join", kJoinFolder));
  add_common_flags(command, log);
  return command;
}

std::vector<std::string> router_command(const Topology& topology, const ProgramLog& log) {
  std::vector<std::string> command = {"isopop-router", flag("control", "control:7070"),
                                      flag("listen", "0.0.0.0:8080"), flag("join", kJoinFolder),
                                      flag("cities", kCities)};
  for (const ProgramOption& option : router_options(topology)) {
    command.push_back(flag(option.name, option.value));
  }
  add_common_flags(command, log);
  return command;
}

PopContainer pop_container(const PopSettings& pop, const ContainerMemory& memory,
                           std::size_t pops) {
  // What the PoP expects of an executor of which it knows nothing (pop_node/pool/pool_limits.h), so
  // more never fit into its budget; and the PoP's own threads, its zygote and executors that end.
  constexpr std::uint64_t kExecutorBytes = 1280ULL * 1024;
  constexpr std::uint64_t kOwnProcesses = 128;
  constexpr std::int64_t kExecutorsMax = 2048;
  const std::uint64_t budget = *with_budget(pop, memory).memory_budget_bytes;
  const std::uint64_t executors =
      std::min(static_cast<std::uint64_t>(pop.executors_max.value_or(kExecutorsMax)),
               budget / kExecutorBytes);
  return {.memory_bytes = pops * (budget + memory.pop_own_bytes),
          .processes = pops * (executors + kOwnProcesses)};
}

}  // namespace isopop::sim
