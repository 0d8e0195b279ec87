#include "control_plane/cli/worker_config.h"

#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <utility>

#include "common/config/config_node.h"
#include "control_plane/cli/rollout_options.h"
#include "control_plane/cli/wrangler_config.h"
#include "control_plane/kv/kv_limits.h"
#include "control_plane/registry/bundle.h"
#include "control_plane/registry/names.h"
#include "control_plane/registry/worker_limits.h"
#include "control_plane/rollout/plan.h"

namespace isopop::control::cli {
namespace {

namespace fs = std::filesystem;

// The node's place in front of what a check said of its value.
template <typename T>
Result<T> at_node(const ConfigNode& node, Result<T> checked) {
  if (!checked.ok()) return node.error(checked.error().message);
  return checked;
}

Result<std::vector<std::string>> read_routes(const ConfigNode& root) {
  std::vector<std::string> routes;
  const std::optional<ConfigNode> list = root.find("routes");
  if (!list) return routes;
  ISOPOP_TRY_ASSIGN(const std::vector<ConfigNode> nodes, list->as_list());
  for (const ConfigNode& node : nodes) {
    ISOPOP_TRY_ASSIGN(std::string route, node.as_string());
    ISOPOP_TRY(at_node(node, canonical_routes({route})));
    routes.push_back(std::move(route));
  }
  return routes;
}

Result<v1::Variable> read_variable(const std::string& name, const ConfigNode& node) {
  v1::Variable variable;
  variable.set_name(name);
  if (node.is_scalar()) {
    ISOPOP_TRY_ASSIGN(*variable.mutable_text(), node.as_string());
  } else {
    ISOPOP_TRY(node.allow_only({"json"}));
    ISOPOP_TRY_ASSIGN(*variable.mutable_json(), node.string("json"));
  }
  v1::WorkerSettings alone;
  *alone.add_variables() = variable;
  ISOPOP_TRY(at_node(node, check_settings(alone)));
  return variable;
}

Result<v1::WorkerLimits> read_limits(const ConfigNode& node) {
  v1::WorkerLimits limits;
  ISOPOP_TRY(node.allow_only(limit_names()));
  ISOPOP_TRY_ASSIGN(const auto entries, node.as_map());
  for (const auto& [name, value] : entries) {
    ISOPOP_TRY_ASSIGN(const std::string text, value.as_string());
    ISOPOP_TRY_ASSIGN(limits, at_node(value, with_limit(std::move(limits), name, text)));
  }
  ISOPOP_TRY(at_node(node, check_limits(limits)));
  return limits;
}

Result<void> read_kv(const ConfigNode& node, v1::WorkerSettings& settings) {
  ISOPOP_TRY_ASSIGN(const auto entries, node.as_map());
  for (const auto& [name, space] : entries) {
    v1::KvBinding& binding = *settings.add_kv();
    binding.set_name(name);
    ISOPOP_TRY_ASSIGN(*binding.mutable_namespace_(), space.as_string());
    ISOPOP_TRY(at_node(space, check_kv_namespace_name(binding.namespace_())));
  }
  return at_node(node, check_settings(settings));
}

Result<v1::RolloutPlan> read_rollout(const ConfigNode& node) {
  ISOPOP_TRY(node.allow_only({"waves", "abort-on", "bake"}));
  v1::RolloutPlan plan;
  if (const std::optional<ConfigNode> waves = node.find("waves")) {
    ISOPOP_TRY_ASSIGN(const auto entries, waves->as_map());
    for (const auto& [name, selector] : entries) {
      v1::RolloutPlan::Wave& wave = *plan.add_waves();
      wave.set_name(name);
      ISOPOP_TRY_ASSIGN(*wave.mutable_selector(), selector.as_string());
    }
  }
  if (const std::optional<ConfigNode> conditions = node.find("abort-on")) {
    ISOPOP_TRY_ASSIGN(const std::vector<ConfigNode> list, conditions->as_list());
    for (const ConfigNode& condition : list) {
      ISOPOP_TRY_ASSIGN(*plan.add_abort_on(), condition.as_string());
    }
  } else if (!plan.waves().empty()) {
    add_default_guards(plan);
  }
  if (const std::optional<ConfigNode> bake = node.find("bake")) {
    ISOPOP_TRY_ASSIGN(const std::chrono::nanoseconds time, bake->as_duration());
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time);
    if (ms < std::chrono::milliseconds(1) || ms > Plan::kBakeMax) {
      return bake->error("must be between 1 ms and 24 h");
    }
    plan.set_bake_ms(static_cast<std::uint32_t>(ms.count()));
  }
  ISOPOP_TRY(at_node(node, Plan::parse(plan)));
  return plan;
}

Result<WorkerConfig> read_root(const ConfigNode& root) {
  ISOPOP_TRY(
      root.allow_only({"name", "main", "isolation", "routes", "vars", "limits", "kv", "rollout"}));
  WorkerConfig config{.file = kWorkerConfigName};
  if (const std::optional<ConfigNode> name = root.find("name")) {
    ISOPOP_TRY_ASSIGN(config.name, name->as_string());
    ISOPOP_TRY(at_node(*name, check_worker_name(config.name)));
  }
  ISOPOP_TRY_ASSIGN(config.main_module, root.string("main", ""));
  if (const std::optional<ConfigNode> mode = root.find("isolation")) {
    ISOPOP_TRY_ASSIGN(const std::string word, mode->as_string());
    ISOPOP_TRY_ASSIGN(const v1::Isolation isolation, at_node(*mode, parse_isolation(word)));
    config.settings.set_isolation(isolation);
  }
  ISOPOP_TRY_ASSIGN(config.routes, read_routes(root));
  if (const std::optional<ConfigNode> variables = root.find("vars")) {
    ISOPOP_TRY_ASSIGN(const auto entries, variables->as_map());
    for (const auto& [name, value] : entries) {
      ISOPOP_TRY_ASSIGN(*config.settings.add_variables(), read_variable(name, value));
    }
  }
  if (const std::optional<ConfigNode> limits = root.find("limits")) {
    ISOPOP_TRY_ASSIGN(*config.settings.mutable_limits(), read_limits(*limits));
  }
  if (const std::optional<ConfigNode> kv = root.find("kv")) {
    ISOPOP_TRY(read_kv(*kv, config.settings));
  }
  if (const std::optional<ConfigNode> rollout = root.find("rollout")) {
    ISOPOP_TRY_ASSIGN(config.rollout, read_rollout(*rollout));
  }
  return config;
}

}  // namespace

Result<WorkerConfig> read_worker_config(const fs::path& path) {
  std::error_code error;
  const fs::path file = path / kWorkerConfigName;
  if (!fs::is_directory(path, error)) return WorkerConfig{};
  if (!fs::exists(file, error)) {
    const fs::path wrangler = find_wrangler_file(path);
    return wrangler.empty() ? WorkerConfig{} : read_wrangler_file(wrangler);
  }
  ISOPOP_TRY_ASSIGN(const ConfigNode root, ConfigNode::load(file.string()));
  return read_root(root);
}

Result<v1::Isolation> parse_isolation(const std::string& name) {
  if (name.empty() || name == "default") return v1::ISOLATION_UNSPECIFIED;
  if (name == "pristine") return v1::ISOLATION_PRISTINE;
  if (name == "fresh") return v1::ISOLATION_FRESH;
  if (name == "warm") return v1::ISOLATION_WARM;
  if (name == "container") return v1::ISOLATION_CONTAINER;
  return invalid_argument(
      fmt::format("'{}': must be pristine, fresh, warm, container or default", name));
}

}  // namespace isopop::control::cli
