#pragma once

#include "common/result/result.h"
#include "common/time/clock.h"
#include "sim/launch/network_status.h"
#include "sim/launch/state_folder.h"

namespace isopop::sim {

// How a network in containers is: what the engine says of them, joined with what the control plane
// says. Memory is what the kernel counts for each container; 0 where this machine cannot see that,
// as with an engine in a virtual machine.
[[nodiscard]] Result<NetworkStatus> inspect_compose(const StateFolder& state,
                                                    const LaunchRecord& record, const Clock& clock,
                                                    const ControlAccess& access = {});

// The files in which the kernel may tell a container's memory, by its full id: under the two
// versions of cgroups and the two drivers of Docker.
[[nodiscard]] std::vector<std::filesystem::path> memory_files(const std::filesystem::path& cgroups,
                                                              const std::string& container_id);

}  // namespace isopop::sim
