#include "sim/export/region_groups.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "common/text/text.h"

namespace isopop::sim {

RegionalTopology by_region(Topology topology) {
  // Two regions whose names differ only in what a label cannot show share a group.
  std::map<std::string, std::vector<PopSite>> regions;
  for (PopSite& pop : topology.pops) {
    regions[region_label(pop.region)].push_back(std::move(pop));
  }
  topology.pops.clear();
  RegionalTopology result{.topology = std::move(topology), .groups = {}};
  std::vector<PopSite>& pops = result.topology.pops;
  for (auto& [label, sites] : regions) {
    result.groups.push_back({.label = label, .first = pops.size(), .count = sites.size()});
    pops.insert(pops.end(), std::make_move_iterator(sites.begin()),
                std::make_move_iterator(sites.end()));
  }
  return result;
}

std::string region_label(std::string_view region) {
  constexpr std::size_t kBytesMax = 40;
  std::string label;
  for (const char c : to_lower(region)) {
    const bool is_kept = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (is_kept) {
      label += c;
    } else if (!label.empty() && label.back() != '-') {
      label += '-';
    }
  }
  label.resize(std::min(label.size(), kBytesMax));
  while (!label.empty() && label.back() == '-') label.pop_back();
  return label.empty() ? "elsewhere" : label;
}

}  // namespace isopop::sim
