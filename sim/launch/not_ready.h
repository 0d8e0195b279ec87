#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "sim/rpc/control_client.h"

namespace isopop::sim {

// Why a network is not ready after all the time it was given.
struct NotReady {
  std::string message;  // "after 60 s 2 of 6 PoPs are not ready: AMS, GRU"
  std::string culprit;  // whose log may tell more: "control", "router" or a PoP's id
};

// Asks the control plane, where there is one yet (else null), about these PoPs.
[[nodiscard]] NotReady find_not_ready(const ControlClient* control,
                                      const std::vector<std::string>& pops,
                                      std::chrono::nanoseconds waited);

}  // namespace isopop::sim
