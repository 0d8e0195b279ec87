#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>

#include "common/result/result.h"
#include "sim/compose/container_engine.h"

namespace isopop::sim {

struct ComposeStopOptions {
  bool removes_volumes = false;
  // How long a container may finish what it is doing after SIGTERM; then SIGKILL.
  std::chrono::seconds grace{10};
  std::function<void(std::size_t done, std::size_t total)> on_progress = [](auto, auto) {};
};

// Stops and removes every container of the project and its network; returns how many containers
// there were. Safe when there are none.
[[nodiscard]] Result<std::size_t> stop_compose(const ContainerEngine& engine,
                                               const std::string& project,
                                               const ComposeStopOptions& options);

}  // namespace isopop::sim
