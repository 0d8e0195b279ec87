#include "sim/host/identity.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "common/geo/geo_point.h"
#include "common/text/text.h"
#include "sim/topology/further_sites.h"

namespace isopop::sim {
namespace {

constexpr std::string_view kIdRule =
    "2 to 16 capital letters and digits, a letter first, as in AMS";
// As many as kPopsMax has: what is longer behind a '-' is part of a name that an engine made up.
constexpr std::size_t kOrdinalDigitsMax = 4;

// Empty: not there. Compose sets what it has no value for to nothing.
std::string_view value_of(const Environment& environment, std::string_view name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string_view() : trim(found->second);
}

Result<std::optional<long long>> number_of(const Environment& environment, std::string_view name,
                                           long long low, long long high) {
  const std::string_view text = value_of(environment, name);
  if (text.empty()) return std::optional<long long>();
  const std::optional<long long> number = parse_integer(text);
  if (!number || *number < low || *number > high) {
    return invalid_argument(
        fmt::format("{}={}: must be a whole number from {} to {}", name, text, low, high));
  }
  return number;
}

Result<double> degrees_of(const Environment& environment, std::string_view name) {
  const std::string_view text = value_of(environment, name);
  const std::optional<double> degrees = parse_double(text);
  if (!degrees) {
    return invalid_argument(fmt::format("{}={}: must be degrees, as in 52.3086", name, text));
  }
  return *degrees;
}

Result<void> check_id(std::string_view variable, std::string_view id) {
  if (is_pop_id(id)) return {};
  return invalid_argument(fmt::format("{}: '{}' is no PoP id: {}", variable, id, kIdRule));
}

Result<Identity> read_list(std::string_view list) {
  NamedPops named{.variable = "POPS", .ids = {}};
  std::set<std::string_view> seen;
  for (const std::string_view piece : split(list, ',')) {
    const std::string_view id = trim(piece);
    ISOPOP_TRY(check_id("POPS", id));
    if (!seen.insert(id).second) {
      return invalid_argument(fmt::format("POPS names {} twice; leave one of them out", id));
    }
    named.ids.emplace_back(id);
  }
  if (named.ids.size() > kPopsMax) {
    return invalid_argument(
        fmt::format("POPS names {} PoPs, more than {}", named.ids.size(), kPopsMax));
  }
  return Identity(std::move(named));
}

// What stands beside POP_ID when no topology is to be read.
constexpr std::string_view kDescription[] = {"POP_CITY", "POP_COUNTRY", "POP_LAT", "POP_LON"};

bool is_described(const Environment& environment) {
  return std::any_of(std::begin(kDescription), std::end(kDescription),
                     [&](std::string_view name) { return !value_of(environment, name).empty(); });
}

Result<Identity> read_description(const Environment& environment) {
  for (const std::string_view name : kDescription) {
    if (value_of(environment, name).empty()) {
      return invalid_argument(fmt::format(
          "{} is missing: a PoP is described by POP_CITY, POP_COUNTRY, POP_LAT and POP_LON "
          "together, or by none of them and looked up in POP_TOPOLOGY",
          name));
    }
  }
  PopSite site{.id = std::string(value_of(environment, "POP_ID")),
               .city = std::string(value_of(environment, "POP_CITY")),
               .country = std::string(value_of(environment, "POP_COUNTRY")),
               .region = std::string(value_of(environment, "POP_REGION")),
               .place = {}};
  if (!is_country_code(site.country)) {
    return invalid_argument(fmt::format(
        "POP_COUNTRY={}: must be a country code of two capital letters, as in NL", site.country));
  }
  if (!is_short_line(site.city)) {
    return invalid_argument("POP_CITY must be one line of 1 to 200 bytes");
  }
  if (!site.region.empty() && !is_short_line(site.region)) {
    return invalid_argument("POP_REGION must be one line of 1 to 200 bytes");
  }
  ISOPOP_TRY_ASSIGN(site.place.latitude_deg, degrees_of(environment, "POP_LAT"));
  ISOPOP_TRY_ASSIGN(site.place.longitude_deg, degrees_of(environment, "POP_LON"));
  ISOPOP_TRY(check_geo_point(site.place).with_context("POP_LAT, POP_LON"));
  return Identity(DescribedPop{.site = std::move(site)});
}

// "pop-europe-12" -> 12. Not "3f2a9c": the name that an engine gives a container is no ordinal.
std::optional<long long> ordinal_of(std::string_view host_name) {
  // A host may know itself by its full name.
  const std::string_view name = host_name.substr(0, host_name.find('.'));
  const std::size_t dash = name.rfind('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const std::string_view digits = name.substr(dash + 1);
  if (digits.size() > kOrdinalDigitsMax) return std::nullopt;
  const std::optional<unsigned long long> ordinal = parse_unsigned(digits);
  if (!ordinal) return std::nullopt;
  return static_cast<long long>(*ordinal);
}

Result<Identity> numbered(const Environment& environment, std::string origin, long long index) {
  constexpr auto kMax = static_cast<long long>(kPopsMax);
  ISOPOP_TRY_ASSIGN(const auto base, number_of(environment, "POP_INDEX_BASE", -kMax, kMax));
  ISOPOP_TRY_ASSIGN(const auto per, number_of(environment, "POPS_PER_CONTAINER", 1, kMax));
  const long long container = index + base.value_or(0);
  if (base) origin += fmt::format(" with POP_INDEX_BASE={}", *base);
  if (container < 0) {
    return invalid_argument(
        fmt::format("{} is {}: indices count from 0; raise POP_INDEX_BASE", origin, container));
  }
  return Identity(NumberedPops{.origin = std::move(origin),
                               .container = static_cast<std::size_t>(container),
                               .per_container = static_cast<std::size_t>(per.value_or(1))});
}

// The network that the topology's list is the beginning of, without POP_COUNT as long as can be.
Result<Topology> network_of(const Environment& environment, const Topology& topology) {
  ISOPOP_TRY_ASSIGN(const auto count,
                    number_of(environment, "POP_COUNT", 1, static_cast<long long>(kPopsMax)));
  return with_pops(topology, count ? static_cast<std::size_t>(*count) : kPopsMax);
}

Result<std::vector<PopSite>> sites_named(const NamedPops& named, const Topology& topology) {
  ISOPOP_TRY_ASSIGN(const Topology network, with_pops(topology, kPopsMax));
  std::vector<PopSite> sites;
  for (const std::string& id : named.ids) {
    const auto found = std::find_if(network.pops.begin(), network.pops.end(),
                                    [&id](const PopSite& pop) { return pop.id == id; });
    if (found == network.pops.end()) {
      return not_found(
          fmt::format("{}: topology '{}' has no PoP {}; name another, or another topology with "
                      "POP_TOPOLOGY",
                      named.variable, topology.name, id));
    }
    sites.push_back(*found);
  }
  return sites;
}

Result<std::vector<PopSite>> sites_numbered(const NumberedPops& numbered,
                                            const Environment& environment,
                                            const Topology& topology) {
  ISOPOP_TRY_ASSIGN(const Topology network, network_of(environment, topology));
  // Several a container end where the list does, so that the last may have fewer.
  const bool ends_with_list =
      numbered.per_container > 1 && value_of(environment, "POP_COUNT").empty();
  const std::size_t count = ends_with_list ? topology.pops.size() : network.pops.size();
  const std::size_t first = numbered.container * numbered.per_container;
  if (first >= count) {
    return Error{ErrorCode::kOutOfRange,
                 fmt::format("{} would be PoP number {} of topology '{}', counted from 0, and the "
                             "network has {}; start fewer containers{}",
                             numbered.origin, first, topology.name, count,
                             count < kPopsMax ? ", or raise POP_COUNT" : "")};
  }
  const std::size_t end = std::min(first + numbered.per_container, count);
  return std::vector<PopSite>(network.pops.begin() + static_cast<std::ptrdiff_t>(first),
                              network.pops.begin() + static_cast<std::ptrdiff_t>(end));
}

}  // namespace

Environment environment_of(const char* const* entries) {
  Environment environment;
  for (const char* const* entry = entries; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

Result<Identity> read_identity(const Environment& environment, std::string_view host_name) {
  const std::string_view pops = value_of(environment, "POPS");
  const std::string_view id = value_of(environment, "POP_ID");
  if (!pops.empty() && !id.empty()) {
    return invalid_argument(
        "POPS and POP_ID are both set: leave POP_ID out for several PoPs, POPS for one");
  }
  if (id.empty() && is_described(environment)) {
    return invalid_argument(
        "POP_CITY, POP_COUNTRY, POP_LAT and POP_LON describe the PoP that POP_ID names: set POP_ID "
        "too, or leave them out");
  }
  if (!pops.empty()) return read_list(pops);
  if (!id.empty()) {
    ISOPOP_TRY(check_id("POP_ID", id));
    if (is_described(environment)) return read_description(environment);
    return Identity(NamedPops{.variable = "POP_ID", .ids = {std::string(id)}});
  }
  ISOPOP_TRY_ASSIGN(const auto index,
                    number_of(environment, "POP_INDEX", 0, static_cast<long long>(kPopsMax)));
  if (index) return numbered(environment, fmt::format("POP_INDEX={}", *index), *index);
  if (const std::optional<long long> ordinal = ordinal_of(host_name)) {
    return numbered(environment, fmt::format("host name {}", host_name), *ordinal);
  }
  ISOPOP_TRY_ASSIGN(const auto per, number_of(environment, "POPS_PER_CONTAINER", 1,
                                              static_cast<long long>(kPopsMax)));
  if (per.value_or(1) > 1) {
    return invalid_argument(fmt::format(
        "POPS_PER_CONTAINER={} needs the container's number: set POP_INDEX, or a host name that "
        "ends in one, as in pop-12 (this one is '{}'); a lease is for one PoP",
        *per, host_name));
  }
  return Identity(LeasedPop{});
}

Result<std::vector<PopSite>> find_sites(const Identity& identity, const Environment& environment,
                                        const Topology& topology) {
  if (const auto* described = std::get_if<DescribedPop>(&identity)) {
    return std::vector<PopSite>{described->site};
  }
  if (const auto* named = std::get_if<NamedPops>(&identity)) return sites_named(*named, topology);
  if (const auto* numbered = std::get_if<NumberedPops>(&identity)) {
    return sites_numbered(*numbered, environment, topology);
  }
  ISOPOP_TRY_ASSIGN(Topology network, network_of(environment, topology));
  return std::move(network.pops);
}

}  // namespace isopop::sim
