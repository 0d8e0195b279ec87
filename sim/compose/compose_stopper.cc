#include "sim/compose/compose_stopper.h"

#include <string_view>
#include <utility>
#include <vector>

#include "common/text/text.h"

namespace isopop::sim {
namespace {

constexpr std::chrono::minutes kListTimeout{1};
constexpr std::chrono::minutes kDownTimeout{10};

// Ids of what the engine has of that kind ("network", "volume") for a project.
Result<std::vector<std::string>> ids_of(const ContainerEngine& engine, const std::string& kind,
                                        const std::string& project) {
  ISOPOP_TRY_ASSIGN(
      const std::string printed,
      engine.docker({kind, "ls", "--quiet", "--filter", kProjectLabel + project}, kListTimeout));
  std::vector<std::string> ids;
  for (const std::string_view id : split(trim(printed), '\n')) {
    if (!id.empty()) ids.emplace_back(id);
  }
  return ids;
}

// One command for all; none when there are none.
Result<void> docker_all(const ContainerEngine& engine, std::vector<std::string> arguments,
                        const std::vector<std::string>& ids) {
  if (ids.empty()) return {};
  arguments.insert(arguments.end(), ids.begin(), ids.end());
  ISOPOP_TRY(engine.docker(std::move(arguments), kDownTimeout));
  return {};
}

}  // namespace

Result<std::size_t> stop_compose(const ContainerEngine& engine, const std::string& project,
                                 const ComposeStopOptions& options) {
  ISOPOP_TRY_ASSIGN(const std::vector<Container> containers, engine.containers(project));
  ISOPOP_TRY_ASSIGN(const std::vector<std::string> networks, ids_of(engine, "network", project));
  const std::size_t total = containers.size();
  options.on_progress(0, total);
  const std::vector<std::string> stop = {"stop", "--time", std::to_string(options.grace.count())};
  std::vector<std::string> all;
  std::vector<std::string> routers;
  for (const Container& container : containers) {
    all.push_back(container.id);
    if (container.service == "router") routers.push_back(container.id);
  }
  // The router first, so that no new requests come and those under way are answered.
  ISOPOP_TRY(docker_all(engine, stop, routers));
  // Docker 20.10 loses count when hundreds of containers leave a network at once: it keeps "active
  // endpoints" that only a restart of the daemon frees. So they leave it one after the other.
  std::size_t left = 0;
  for (const Container& container : containers) {
    options.on_progress(left++, total);
    if (!container.is_running() || container.service == "router") continue;
    for (const std::string& network : networks) {
      // One that has ended meanwhile has left it already.
      static_cast<void>(
          engine.docker({"network", "disconnect", "--force", network, container.id}, kListTimeout));
    }
  }
  ISOPOP_TRY(docker_all(engine, stop, all));
  std::vector<std::string> remove = {"rm", "--force"};
  if (options.removes_volumes) remove.emplace_back("--volumes");
  ISOPOP_TRY(docker_all(engine, remove, all));
  ISOPOP_TRY(docker_all(engine, {"network", "rm"}, networks));
  if (options.removes_volumes) {
    ISOPOP_TRY_ASSIGN(const std::vector<std::string> volumes, ids_of(engine, "volume", project));
    ISOPOP_TRY(docker_all(engine, {"volume", "rm"}, volumes));
  }
  options.on_progress(total, total);
  return total;
}

}  // namespace isopop::sim
