#include "sim/host/hosted_pops.h"

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "common/text/text.h"
#include "sim/topology/program_options.h"

namespace isopop::sim {
namespace {

constexpr std::string_view kListen = "0.0.0.0:8080";
constexpr unsigned long long kPortMax = 65'535;

std::string_view told(const Environment& environment, const std::string& name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string_view() : found->second;
}

// "0.0.0.0:8080", 2 -> "0.0.0.0:8082". Port 0, which the kernel replaces, stays.
Result<std::string> further_address(std::string_view variable, std::string_view address,
                                    std::size_t step) {
  const std::size_t colon = address.rfind(':');
  const std::optional<unsigned long long> port =
      colon == std::string_view::npos ? std::nullopt : parse_unsigned(address.substr(colon + 1));
  if (!port || *port > kPortMax) {
    return invalid_argument(
        fmt::format("{}={}: must be an address with a port, as in {}", variable, address, kListen));
  }
  if (*port == 0) return std::string(address);
  if (*port + step > kPortMax) {
    return invalid_argument(
        fmt::format("{}={}: there is no port for PoP number {} of this container; name a lower one",
                    variable, address, step + 1));
  }
  return fmt::format("{}:{}", address.substr(0, colon), *port + step);
}

// "10.0.0.7" and "[::1]" have no port, "10.0.0.7:80" has.
bool has_port(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  return colon != std::string_view::npos && address.find(']', colon) == std::string_view::npos;
}

Result<void> add_addresses(HostedPop& pop, const Environment& environment, std::size_t step) {
  const std::string_view listen = told(environment, "ISOPOP_POP_LISTEN");
  ISOPOP_TRY_ASSIGN(std::string address,
                    further_address("ISOPOP_POP_LISTEN", listen.empty() ? kListen : listen, step));
  pop.arguments.insert(pop.arguments.end(), {"--listen", std::move(address)});
  const std::string_view advertise = told(environment, "ISOPOP_POP_ADVERTISE");
  if (!has_port(advertise)) return {};
  ISOPOP_TRY_ASSIGN(std::string advertised,
                    further_address("ISOPOP_POP_ADVERTISE", advertise, step));
  pop.arguments.insert(pop.arguments.end(), {"--advertise", std::move(advertised)});
  return {};
}

}  // namespace

Result<std::vector<HostedPop>> hosted_pops(const std::vector<PopSite>& sites,
                                           const std::optional<PopSettings>& settings,
                                           const Environment& environment) {
  std::vector<ProgramOption> options;
  if (settings) {
    for (ProgramOption& option : pop_options(*settings)) {
      const std::string name = environment_name("isopop-pop", option.name);
      if (told(environment, name).empty()) options.push_back(std::move(option));
    }
  }
  const std::vector<std::string> flags = as_flags(options);
  std::vector<HostedPop> pops;
  pops.reserve(sites.size());
  for (const PopSite& site : sites) {
    HostedPop pop{.id = site.id, .arguments = identity_flags(site)};
    pop.arguments.insert(pop.arguments.end(), flags.begin(), flags.end());
    ISOPOP_TRY(add_addresses(pop, environment, pops.size()));
    pops.push_back(std::move(pop));
  }
  return pops;
}

}  // namespace isopop::sim
