#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "sim/host/identity.h"
#include "sim/topology/topology.h"

namespace isopop::sim {

// One isopop-pop of a container: what it is started with.
struct HostedPop {
  std::string id;
  std::vector<std::string> arguments;  // without argv[0]
};

// The PoPs of a container with what each is told: who it is, what the topology says (`settings`;
// nothing without one), and where it listens. What the environment says (ISOPOP_POP_…) is not said
// again, since flags would overrule it. Of several the first listens on ISOPOP_POP_LISTEN, by
// default 0.0.0.0:8080, each other one port further; with ISOPOP_POP_ADVERTISE it is the same.
// Pure. INVALID_ARGUMENT: an address that cannot be counted on from.
[[nodiscard]] Result<std::vector<HostedPop>> hosted_pops(const std::vector<PopSite>& sites,
                                                         const std::optional<PopSettings>& settings,
                                                         const Environment& environment);

}  // namespace isopop::sim
