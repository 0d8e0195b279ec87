#include "sim/compose/compose_status.h"

#include <utility>

#include "common/files/files.h"
#include "common/text/text.h"
#include "sim/compose/container_engine.h"

namespace isopop::sim {
namespace {

constexpr const char* kCgroups = "/sys/fs/cgroup";

std::uint64_t memory_of(const Container& container) {
  for (const std::filesystem::path& file : memory_files(kCgroups, container.id)) {
    const Result<std::string> text = read_file(file);
    if (!text.ok()) continue;
    if (const auto bytes = parse_unsigned(trim(text.value()))) return *bytes;
  }
  return 0;
}

}  // namespace

std::vector<std::filesystem::path> memory_files(const std::filesystem::path& cgroups,
                                                const std::string& container_id) {
  const std::string scope = "docker-" + container_id + ".scope";
  return {cgroups / "memory" / "docker" / container_id / "memory.usage_in_bytes",
          cgroups / "memory" / "system.slice" / scope / "memory.usage_in_bytes",
          cgroups / "docker" / container_id / "memory.current",
          cgroups / "system.slice" / scope / "memory.current"};
}

Result<NetworkStatus> inspect_compose(const StateFolder& state, const LaunchRecord& record,
                                      const Clock& clock, const ControlAccess& access) {
  NetworkStatus status;
  status.state_folder = state.path().string();
  begin_status(status, record);
  ISOPOP_TRY_ASSIGN(const ContainerEngine engine, ContainerEngine::find());
  ISOPOP_TRY_ASSIGN(const std::vector<Container> containers, engine.containers(record.project));
  status.pop_units_wanted = 0;
  for (const Container& container : containers) {
    const bool is_pop = container.service.starts_with("pop");
    if (is_pop) ++status.pop_units_wanted;
    if (!container.is_running()) continue;
    const std::uint64_t memory_bytes = memory_of(container);
    const NetworkStatus::Process process{
        .pid = 0, .container = container.name, .memory_bytes = memory_bytes};
    if (container.service == "control") status.control = process;
    if (container.service == "router") status.router = process;
    if (is_pop) {
      ++status.pops_running;
      status.pops_memory_bytes += memory_bytes;
    }
  }
  complete_status(status, record.is_complete, clock, access);
  for (const PopReport& pop : status.pops) status.executors += pop.executors;
  return status;
}

}  // namespace isopop::sim
