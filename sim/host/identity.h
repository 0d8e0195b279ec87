#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/result/result.h"
#include "sim/topology/topology.h"

namespace isopop::sim {

// Which PoPs a container runs, from what its engine gave it: names in the environment, a number in
// its host name. Pure. In two steps, because a PoP that is told everything needs no topology.

using Environment = std::map<std::string, std::string, std::less<>>;

// "A=1" … as a process is given them.
[[nodiscard]] Environment environment_of(const char* const* entries);

// One PoP, described in full: POP_ID, POP_CITY, POP_COUNTRY, POP_REGION, POP_LAT, POP_LON.
struct DescribedPop {
  PopSite site;
};
// By ids of the topology: POPS or POP_ID.
struct NamedPops {
  std::string variable;  // that named them, for errors
  std::vector<std::string> ids;
};
// Number so and so of the containers with `per_container` PoPs each: POP_INDEX or the host name.
struct NumberedPops {
  std::string origin;  // "POP_INDEX 7", for errors
  std::size_t container = 0;
  std::size_t per_container = 1;
};
// The control plane is to say which.
struct LeasedPop {};

using Identity = std::variant<DescribedPop, NamedPops, NumberedPops, LeasedPop>;

// The first of these that is there: POPS, POP_ID, POP_INDEX, the number behind the last '-' of the
// host name; else a lease. A variable that is empty is not there. INVALID_ARGUMENT names the
// variable that is wrong and says what to do.
[[nodiscard]] Result<Identity> read_identity(const Environment& environment,
                                             std::string_view host_name);

// The PoPs that the identity means; for a lease those that it may be for, the best first. POP_COUNT
// is the size of the network. Without it several PoPs a container end with the topology's list, so
// that the last container may have fewer, and one a container may be any further PoP of the list's
// cities (sim/topology/further_sites). NOT_FOUND, OUT_OF_RANGE: the topology has no such PoP.
[[nodiscard]] Result<std::vector<PopSite>> find_sites(const Identity& identity,
                                                      const Environment& environment,
                                                      const Topology& topology);

}  // namespace isopop::sim
