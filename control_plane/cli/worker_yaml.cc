#include "control_plane/cli/worker_yaml.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "control_plane/cli/json.h"
#include "control_plane/cli/yaml.h"
#include "control_plane/registry/worker_limits.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Unit {
  std::string_view ending;  // of the field's name
  std::string_view text;
};
constexpr std::array kUnits = {Unit{"_ms", " ms"}, Unit{"_mib", " MiB"}, Unit{"_kib", " KiB"},
                               Unit{"_bytes", " B"}};

// "top_level_cpu_ms", 400 → "top-level-cpu: 400 ms"
void add_limit(const LimitValue& limit, Json& limits) {
  std::string name = limit.field;
  std::string value = fmt::format("{}", limit.value);
  for (const Unit& unit : kUnits) {
    if (!name.ends_with(unit.ending)) continue;
    name.resize(name.size() - unit.ending.size());
    value += unit.text;
    break;
  }
  std::replace(name.begin(), name.end(), '_', '-');
  limits[name] = value;
}

}  // namespace

std::string worker_yaml(const v1::WorkerVersion& version, const std::string& main_module) {
  const v1::WorkerSettings& settings = version.settings();
  Json root = {{"name", version.worker()}, {"main", main_module}};
  if (settings.isolation() != v1::ISOLATION_UNSPECIFIED) {
    root["isolation"] = isolation_name(settings.isolation());
  }
  if (!version.routes().empty()) {
    root["routes"] = std::vector<std::string>(version.routes().begin(), version.routes().end());
  }
  for (const v1::Variable& variable : settings.variables()) {
    root["vars"][variable.name()] =
        variable.has_json() ? Json{{"json", variable.json()}} : Json(variable.text());
  }
  for (const LimitValue& limit : limits_set(settings.limits())) add_limit(limit, root["limits"]);
  for (const v1::KvBinding& binding : settings.kv()) {
    root["kv"][binding.name()] = binding.namespace_();
  }
  return to_yaml(root);
}

}  // namespace isopop::control::cli
