#include "tests/bench/compose/empty_containers.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "common/files/files.h"
#include "common/text/text.h"
#include "common/time/clock.h"
#include "sim/compose/compose_stopper.h"
#include "sim/compose/container_engine.h"
#include "tests/bench/compose/machine_load.h"

namespace isopop::test {
namespace {

using namespace std::chrono_literals;

// As many at a time as `isopop up` starts.
constexpr std::size_t kWave = 32;

std::string service_name(std::size_t i) {
  return fmt::format("empty-{:04}", i);
}

std::string file_of(std::size_t containers, const std::string& image) {
  std::string text = fmt::format(
      "x-empty: &empty\n"
      "  image: {}\n"
      "  command: [sleep, infinity]\n"
      "  read_only: true\n"
      "  tmpfs: [/tmp]\n"
      "  cap_drop: [ALL]\n"
      "  security_opt: [\"no-new-privileges:true\"]\n"
      "  stop_signal: SIGKILL\n"
      "  networks: [edge]\n"
      "networks:\n"
      "  edge:\n"
      "    ipam: {{config: [{{subnet: 10.252.0.0/20}}]}}\n"
      "services:\n",
      image);
  for (std::size_t i = 0; i < containers; ++i) {
    text += fmt::format("  {}:\n    <<: *empty\n", service_name(i));
  }
  return text;
}

Result<void> bring_up(const sim::ContainerEngine& engine,
                      const sim::ContainerEngine::Project& project, std::size_t containers) {
  for (std::size_t first = 0; first < containers; first += kWave) {
    std::vector<std::string> arguments = {"up", "-d", "--no-deps"};
    for (std::size_t i = first; i < std::min(first + kWave, containers); ++i) {
      arguments.push_back(service_name(i));
    }
    ISOPOP_TRY(engine.compose(project, arguments, 10min));
  }
  return {};
}

double seconds_since(Instant start) {
  return std::chrono::duration<double>(SystemClock().now() - start).count();
}

}  // namespace

Result<nlohmann::ordered_json> measure_empty_containers(std::size_t containers,
                                                        const std::string& image) {
  ISOPOP_TRY_ASSIGN(const sim::ContainerEngine engine, sim::ContainerEngine::find());
  ISOPOP_TRY_ASSIGN(const TempFolder folder, TempFolder::create("isopop-empty-"));
  // Compose takes no capital letters.
  const sim::ContainerEngine::Project project{.name = to_lower(folder.path().filename().string()),
                                              .file = (folder.path() / "compose.yaml").string(),
                                              .environment = {}};
  ISOPOP_TRY(write_file_atomically(project.file, file_of(containers, image)));
  ISOPOP_TRY_ASSIGN(const std::uint64_t memory_before, memory_in_use_bytes());
  nlohmann::ordered_json figures;
  const Instant start = SystemClock().now();
  const Result<void> up = bring_up(engine, project, containers);
  figures["up_s"] = seconds_since(start);
  const Result<std::uint64_t> memory = memory_in_use_bytes();
  const Instant stop = SystemClock().now();
  ISOPOP_TRY(sim::stop_compose(engine, project.name, {.removes_volumes = true}));
  figures["down_s"] = seconds_since(stop);
  ISOPOP_TRY(up);
  if (!memory.ok()) return memory.error();
  const std::uint64_t added = memory.value() > memory_before ? memory.value() - memory_before : 0;
  figures["memory_bytes_each"] = added / containers;
  return figures;
}

}  // namespace isopop::test
