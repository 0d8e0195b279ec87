#include "sim/export/topology_file.h"

#include <fmt/format.h>

#include "common/text/text.h"
#include "sim/export/yaml_text.h"
#include "sim/topology/program_options.h"

namespace isopop::sim {
namespace {

// Options of isopop-pop and keys of `defaults` differ by the notation only.
std::string key_of(const ProgramOption& option) {
  std::string key;
  for (const char c : option.name) key += c == '-' ? '_' : c;
  return key;
}

}  // namespace

std::string topology_file(const Topology& topology, const std::string& head) {
  std::string text;
  for (const std::string_view line : split(head, '\n')) {
    text += fmt::format("# {}\n", yaml_comment(line));
  }
  text += fmt::format("\nname: {}\nseed: {}\n", yaml_quoted(topology.name), topology.seed);
  if (!topology.provenance.empty()) {
    text += fmt::format("provenance: {}\n", yaml_quoted(topology.provenance));
  }
  text += "\ndefaults:\n";
  for (const ProgramOption& option : pop_options(topology.pop)) {
    text += fmt::format("  {}: {}\n", key_of(option), option.value);
  }
  text += fmt::format("\nrouter:\n  policy: {}\n  net: {}\n  access_profile: {}\n\npops:\n",
                      topology.router.policy, topology.router.net, topology.router.access_profile);
  for (const PopSite& pop : topology.pops) {
    const std::string region =
        pop.region.empty() ? "" : fmt::format(", region: {}", yaml_quoted(pop.region));
    text += fmt::format("  - {{id: {}, city: {}, country: {}{}, lat: {}, lon: {}}}\n",
                        yaml_quoted(pop.id), yaml_quoted(pop.city), yaml_quoted(pop.country),
                        region, pop.place.latitude_deg, pop.place.longitude_deg);
  }
  return text;
}

}  // namespace isopop::sim
