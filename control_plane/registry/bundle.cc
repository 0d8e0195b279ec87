#include "control_plane/registry/bundle.h"

#include <fmt/format.h>
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <vector>

#include "common/hash/hash.h"
#include "common/protobuf/deterministic.h"
#include "common/text/text.h"
#include "common/units/units.h"
#include "control_plane/registry/names.h"
#include "control_plane/registry/worker_limits.h"

namespace isopop::control {
namespace {

constexpr int kVariablesMax = 128;
constexpr std::size_t kVariableNameBytesMax = 128;
constexpr std::size_t kVariableBytesMax = 64 * 1024;
constexpr int kKvBindingsMax = 32;

Result<void> check_size(const v1::Bundle& bundle, const BundleLimits& limits) {
  if (bundle.modules().empty()) return invalid_argument("the worker has no module");
  if (static_cast<std::size_t>(bundle.modules_size()) > limits.modules_max) {
    return invalid_argument(fmt::format("the worker has {} modules; at most {} are allowed",
                                        bundle.modules_size(), limits.modules_max));
  }
  std::uint64_t code_bytes = 0;
  for (const v1::Module& module : bundle.modules()) code_bytes += module.content().size();
  if (code_bytes > limits.code_bytes_max) {
    return invalid_argument(
        fmt::format("the worker's code is {}; at most {} are allowed (limit script)",
                    format_bytes(code_bytes), format_bytes(limits.code_bytes_max)));
  }
  return {};
}

Result<void> check_module(const v1::Module& module, const BundleLimits& limits) {
  ISOPOP_TRY(check_module_name(module.name(), limits));
  if (module.type() == v1::MODULE_TYPE_UNSPECIFIED || !v1::ModuleType_IsValid(module.type())) {
    return invalid_argument(fmt::format("module {}: unknown type {}", in_quotes(module.name()),
                                        static_cast<int>(module.type())));
  }
  if (module.type() == v1::MODULE_TYPE_JSON && !nlohmann::json::accept(module.content())) {
    return invalid_argument(fmt::format("module {}: not valid JSON", in_quotes(module.name())));
  }
  return {};
}

bool is_identifier(std::string_view name) {
  const auto is_start = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$';
  };
  return !name.empty() && name.size() <= kVariableNameBytesMax && is_start(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&is_start](char c) { return is_start(c) || (c >= '0' && c <= '9'); });
}

Result<void> check_variable(const v1::Variable& variable) {
  if (!is_identifier(variable.name())) {
    return invalid_argument(
        fmt::format("variable {}: the name must be a JavaScript identifier of at most {} letters",
                    in_quotes(variable.name()), kVariableNameBytesMax));
  }
  const std::string& value = variable.has_json() ? variable.json() : variable.text();
  if (value.size() > kVariableBytesMax) {
    return invalid_argument(fmt::format("variable {}: {} bytes; at most {} are allowed",
                                        variable.name(), value.size(), kVariableBytesMax));
  }
  if (variable.has_json() && !nlohmann::json::accept(value)) {
    return invalid_argument(fmt::format("variable {}: not valid JSON", variable.name()));
  }
  return {};
}

}  // namespace

Result<void> check_module_name(std::string_view name, const BundleLimits& limits) {
  const auto refuse = [name](std::string_view why) {
    return invalid_argument(fmt::format("module name {}: {}", in_quotes(name), why));
  };
  if (name.empty()) return refuse("empty");
  if (name.size() > limits.module_name_bytes_max) {
    return refuse(fmt::format("longer than {} bytes", limits.module_name_bytes_max));
  }
  const bool printable = std::none_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) < ' ' || c == '\x7f' || c == '\\';
  });
  if (!printable) return refuse("control characters and '\\' are not allowed");
  for (const std::string_view part : split(name, '/')) {
    if (part.empty()) return refuse("must be relative, with one '/' between parts");
    if (part == "." || part == "..") return refuse("\".\" and \"..\" are not allowed");
  }
  return {};
}

Result<CanonicalBundle> canonical_bundle(const v1::Bundle& bundle, const BundleLimits& limits) {
  ISOPOP_TRY(check_size(bundle, limits));
  std::vector<const v1::Module*> modules;
  modules.reserve(static_cast<std::size_t>(bundle.modules_size()));
  for (const v1::Module& module : bundle.modules()) {
    ISOPOP_TRY(check_module(module, limits));
    modules.push_back(&module);
  }
  std::sort(modules.begin(), modules.end(),
            [](const v1::Module* a, const v1::Module* b) { return a->name() < b->name(); });
  const v1::Module* main_module = nullptr;
  for (std::size_t i = 0; i < modules.size(); ++i) {
    if (i > 0 && modules[i]->name() == modules[i - 1]->name()) {
      return invalid_argument(fmt::format("module {}: given twice", in_quotes(modules[i]->name())));
    }
    if (modules[i]->name() == bundle.main_module()) main_module = modules[i];
  }
  if (main_module == nullptr) {
    return invalid_argument(
        fmt::format("main module {}: not among the modules", in_quotes(bundle.main_module())));
  }
  if (main_module->type() != v1::MODULE_TYPE_ES_MODULE) {
    return invalid_argument(
        fmt::format("main module {}: must be JavaScript (.js or .mjs)", main_module->name()));
  }
  // Field by field, so that unknown fields of a stranger's message do not become part of the hash.
  v1::Bundle canonical;
  canonical.set_main_module(bundle.main_module());
  for (const v1::Module* module : modules) {
    v1::Module& copy = *canonical.add_modules();
    copy.set_name(module->name());
    copy.set_type(module->type());
    copy.set_content(module->content());
  }
  CanonicalBundle result;
  result.bytes = serialise_deterministically(canonical);
  result.sha256 = sha256_hex(result.bytes);
  return result;
}

Result<CanonicalBundle> canonical_bundle(std::string_view serialised, const BundleLimits& limits) {
  v1::Bundle bundle;
  if (serialised.size() > limits.code_bytes_max + kBundleOverheadBytesMax ||
      !bundle.ParseFromArray(serialised.data(), static_cast<int>(serialised.size()))) {
    return invalid_argument("the upload is not a bundle: it is damaged or was cut off");
  }
  return canonical_bundle(bundle, limits);
}

Result<void> check_settings(const v1::WorkerSettings& settings) {
  if (!v1::Isolation_IsValid(settings.isolation())) {
    return invalid_argument(
        fmt::format("unknown isolation mode {}", static_cast<int>(settings.isolation())));
  }
  ISOPOP_TRY(check_limits(settings.limits()));
  if (settings.variables_size() > kVariablesMax) {
    return invalid_argument(fmt::format("{} variables; a worker may have {}",
                                        settings.variables_size(), kVariablesMax));
  }
  std::set<std::string> names;
  for (const v1::Variable& variable : settings.variables()) {
    ISOPOP_TRY(check_variable(variable));
    if (!names.insert(variable.name()).second) {
      return invalid_argument(fmt::format("variable {}: given twice", variable.name()));
    }
  }
  if (settings.kv_size() > kKvBindingsMax) {
    return invalid_argument(
        fmt::format("{} KV bindings; a worker may have {}", settings.kv_size(), kKvBindingsMax));
  }
  for (const v1::KvBinding& binding : settings.kv()) {
    if (!is_identifier(binding.name())) {
      return invalid_argument(fmt::format(
          "KV binding {}: the name must be a JavaScript identifier of at most {} letters",
          in_quotes(binding.name()), kVariableNameBytesMax));
    }
    if (!names.insert(binding.name()).second) {
      return invalid_argument(fmt::format(
          "KV binding {}: there is a variable or binding of that name already", binding.name()));
    }
  }
  return {};
}

BundleLimits limits_for(const v1::WorkerSettings& settings, BundleLimits limits) {
  const std::uint64_t asked = settings.limits().script_bytes();
  if (asked != 0) limits.code_bytes_max = asked;
  return limits;
}

std::string canonical_settings(const v1::WorkerSettings& settings) {
  v1::WorkerSettings canonical = settings;
  canonical.DiscardUnknownFields();
  auto& variables = *canonical.mutable_variables();
  std::sort(variables.begin(), variables.end(),
            [](const v1::Variable& a, const v1::Variable& b) { return a.name() < b.name(); });
  auto& bindings = *canonical.mutable_kv();
  std::sort(bindings.begin(), bindings.end(),
            [](const v1::KvBinding& a, const v1::KvBinding& b) { return a.name() < b.name(); });
  return serialise_deterministically(canonical);
}

}  // namespace isopop::control
