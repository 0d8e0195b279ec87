#include "sim/topology/topology.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "common/config/config_node.h"

namespace isopop::sim {
namespace {

constexpr std::size_t kTextBytesMax = 200;

bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}

// A required text of a sensible length, without control characters.
Result<std::string> short_text(const ConfigNode& node, std::string_view key) {
  ISOPOP_TRY_ASSIGN(const ConfigNode field, node.at(key));
  ISOPOP_TRY_ASSIGN(std::string text, field.as_string());
  if (!is_short_line(text)) {
    return field.error(fmt::format("must be one line of 1 to {} bytes", kTextBytesMax));
  }
  return text;
}

Result<PopSite> read_pop(const ConfigNode& node) {
  ISOPOP_TRY(node.allow_only({"id", "city", "country", "region", "lat", "lon"}));
  PopSite pop;
  ISOPOP_TRY_ASSIGN(const ConfigNode id, node.at("id"));
  ISOPOP_TRY_ASSIGN(pop.id, id.as_string());
  if (!is_pop_id(pop.id)) {
    return id.error(fmt::format(
        "'{}' is no PoP id: 2 to 16 capital letters and digits, a letter first, as in AMS",
        pop.id));
  }
  ISOPOP_TRY_ASSIGN(pop.city, short_text(node, "city"));
  ISOPOP_TRY_ASSIGN(const ConfigNode country, node.at("country"));
  ISOPOP_TRY_ASSIGN(pop.country, country.as_string());
  if (!is_country_code(pop.country)) {
    return country.error(
        fmt::format("'{}' is no country code of two capital letters, as in NL", pop.country));
  }
  if (node.has("region")) {
    ISOPOP_TRY_ASSIGN(pop.region, short_text(node, "region"));
  }
  ISOPOP_TRY_ASSIGN(pop.place, node.place("lat", "lon"));
  return pop;
}

Result<std::vector<PopSite>> read_pops(const ConfigNode& root) {
  ISOPOP_TRY_ASSIGN(const ConfigNode list, root.at("pops"));
  ISOPOP_TRY_ASSIGN(const std::vector<ConfigNode> nodes, list.as_list());
  if (nodes.empty()) return list.error("a topology needs at least one PoP");
  if (nodes.size() > kPopsMax) {
    return list.error(fmt::format("{} PoPs are more than {}", nodes.size(), kPopsMax));
  }
  std::vector<PopSite> pops;
  std::map<std::string, int> line_of;
  for (const ConfigNode& node : nodes) {
    ISOPOP_TRY_ASSIGN(PopSite pop, read_pop(node));
    const auto [earlier, is_new] = line_of.emplace(pop.id, node.line());
    if (!is_new) {
      ISOPOP_TRY_ASSIGN(const ConfigNode id, node.at("id"));
      return id.error(
          fmt::format("duplicate PoP: {} is already in line {}", pop.id, earlier->second));
    }
    pops.push_back(std::move(pop));
  }
  return pops;
}

Result<RouterSettings> read_router(const ConfigNode& root) {
  RouterSettings router;
  const std::optional<ConfigNode> node = root.find("router");
  if (!node) return router;
  ISOPOP_TRY(node->allow_only({"policy", "net", "access_profile"}));
  ISOPOP_TRY_ASSIGN(router.policy, node->choice("policy", {"nearest"}, router.policy));
  ISOPOP_TRY_ASSIGN(router.net, node->choice("net", {"real", "account"}, router.net));
  ISOPOP_TRY_ASSIGN(router.access_profile,
                    node->choice("access_profile", {"default", "fcc2013"}, router.access_profile));
  return router;
}

Result<std::optional<std::int64_t>> optional_count(const ConfigNode& node, std::string_view key,
                                                   std::int64_t high) {
  if (!node.has(key)) return std::optional<std::int64_t>();
  ISOPOP_TRY_ASSIGN(const std::int64_t count, node.integer(key, {.low = 1, .high = high}));
  return std::optional(count);
}

Result<std::optional<std::chrono::nanoseconds>> optional_duration(const ConfigNode& node,
                                                                  std::string_view key) {
  const std::optional<ConfigNode> field = node.find(key);
  if (!field) return std::optional<std::chrono::nanoseconds>();
  ISOPOP_TRY_ASSIGN(const std::chrono::nanoseconds duration, field->as_duration());
  if (duration <= std::chrono::nanoseconds(0)) return field->error("must be more than nothing");
  return std::optional(duration);
}

Result<PopSettings> read_pop_settings(const ConfigNode& root) {
  constexpr std::int64_t kExecutorsMax = 4096;
  constexpr std::int64_t kQueueMax = 1'000'000;
  PopSettings settings;
  const std::optional<ConfigNode> node = root.find("defaults");
  if (!node) return settings;
  ISOPOP_TRY(node->allow_only({"isolation", "memory_budget", "executors_max",
                               "executors_per_worker_max", "queue_max", "queue_deadline",
                               "executor_idle_timeout", "wall_limit", "body_max"}));
  ISOPOP_TRY_ASSIGN(
      settings.isolation,
      node->choice("isolation", {"pristine", "fresh", "warm", "container"}, settings.isolation));
  ISOPOP_TRY_ASSIGN(settings.executors_max, optional_count(*node, "executors_max", kExecutorsMax));
  ISOPOP_TRY_ASSIGN(settings.executors_per_worker_max,
                    optional_count(*node, "executors_per_worker_max", kExecutorsMax));
  ISOPOP_TRY_ASSIGN(settings.queue_max, optional_count(*node, "queue_max", kQueueMax));
  ISOPOP_TRY_ASSIGN(settings.queue_deadline, optional_duration(*node, "queue_deadline"));
  ISOPOP_TRY_ASSIGN(settings.executor_idle_timeout,
                    optional_duration(*node, "executor_idle_timeout"));
  ISOPOP_TRY_ASSIGN(settings.wall_limit, optional_duration(*node, "wall_limit"));
  if (node->has("memory_budget")) {
    ISOPOP_TRY_ASSIGN(settings.memory_budget_bytes, node->bytes("memory_budget"));
  }
  if (node->has("body_max")) {
    ISOPOP_TRY_ASSIGN(settings.body_bytes_max, node->bytes("body_max"));
  }
  return settings;
}

Result<Topology> read_topology(const ConfigNode& root) {
  ISOPOP_TRY(root.allow_only({"name", "seed", "provenance", "defaults", "router", "pops"}));
  Topology topology;
  ISOPOP_TRY_ASSIGN(topology.name, short_text(root, "name"));
  ISOPOP_TRY_ASSIGN(const std::int64_t seed, root.integer("seed", {.low = 0}, 1));
  topology.seed = static_cast<std::uint64_t>(seed);
  ISOPOP_TRY_ASSIGN(topology.provenance, root.string("provenance", ""));
  ISOPOP_TRY_ASSIGN(topology.pop, read_pop_settings(root));
  ISOPOP_TRY_ASSIGN(topology.router, read_router(root));
  ISOPOP_TRY_ASSIGN(topology.pops, read_pops(root));
  return topology;
}

}  // namespace

bool is_pop_id(std::string_view text) {
  return text.size() >= 2 && text.size() <= kPopIdBytesMax && is_upper(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return is_upper(c) || (c >= '0' && c <= '9'); });
}

bool is_country_code(std::string_view text) {
  return text.size() == 2 && std::all_of(text.begin(), text.end(), is_upper);
}

bool is_short_line(std::string_view text) {
  const bool has_control =
      std::any_of(text.begin(), text.end(), [](char c) { return c >= 0 && c < ' '; });
  return !text.empty() && text.size() <= kTextBytesMax && !has_control;
}

Result<Topology> load_topology(const std::string& path) {
  ISOPOP_TRY_ASSIGN(const ConfigNode root, ConfigNode::load(path));
  return read_topology(root);
}

Result<Topology> parse_topology(std::string_view text, std::string_view name) {
  ISOPOP_TRY_ASSIGN(const ConfigNode root, ConfigNode::parse(text, name));
  return read_topology(root);
}

Result<Topology> first_pops(Topology topology, std::size_t count) {
  if (count == 0 || count > topology.pops.size()) {
    return Error{ErrorCode::kOutOfRange,
                 fmt::format("topology '{}' has {} PoPs; 1 to {} can be asked for, not {}",
                             topology.name, topology.pops.size(), topology.pops.size(), count)};
  }
  topology.pops.resize(count);
  return topology;
}

}  // namespace isopop::sim
