#include "sim/topology/further_sites.h"

#include <fmt/format.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace isopop::sim {
namespace {

// "AMS", 12 -> "AMS12"; an id that is long already gives up its end.
std::string numbered_id(const std::string& id, std::size_t number) {
  const std::string digits = std::to_string(number);
  return id.substr(0, kPopIdBytesMax - digits.size()) + digits;
}

}  // namespace

Result<Topology> with_pops(Topology topology, std::size_t count) {
  if (count == 0 || count > kPopsMax) {
    return Error{ErrorCode::kOutOfRange,
                 fmt::format("a network has 1 to {} PoPs, not {}", kPopsMax, count)};
  }
  std::vector<PopSite>& pops = topology.pops;
  const std::size_t listed = pops.size();
  if (count <= listed) {
    pops.resize(count);
    return topology;
  }
  std::set<std::string> ids;
  for (const PopSite& pop : pops) ids.insert(pop.id);
  // Of each place of the list, the number that its last PoP has.
  std::vector<std::size_t> numbers(listed, 1);
  pops.reserve(count);
  while (pops.size() < count) {
    const std::size_t place = pops.size() % listed;
    PopSite further = pops[place];
    do {
      further.id = numbered_id(pops[place].id, ++numbers[place]);
    } while (!ids.insert(further.id).second);
    pops.push_back(std::move(further));
  }
  return topology;
}

}  // namespace isopop::sim
