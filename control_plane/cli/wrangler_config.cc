#include "control_plane/cli/wrangler_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "common/files/files.h"
#include "common/text/text.h"
#include "control_plane/kv/kv_limits.h"
#include "control_plane/registry/bundle.h"
#include "control_plane/registry/names.h"
#include "control_plane/registry/worker_limits.h"

namespace isopop::control::cli {
namespace {

namespace fs = std::filesystem;
using Kind = WranglerValue::Kind;

constexpr std::uint64_t kFileBytesMax = std::uint64_t{4} << 20U;
constexpr std::array<const char*, 3> kNames = {"wrangler.json", "wrangler.jsonc", "wrangler.toml"};

// Between wrangler and an account, or about how it builds: nothing that the worker would notice.
constexpr std::array<std::string_view, 20> kPassedOver = {"$schema",
                                                          "account_id",
                                                          "workers_dev",
                                                          "preview_urls",
                                                          "send_metrics",
                                                          "dev",
                                                          "no_bundle",
                                                          "minify",
                                                          "keep_names",
                                                          "upload_source_maps",
                                                          "find_additional_modules",
                                                          "rules",
                                                          "base_dir",
                                                          "preserve_file_names",
                                                          "keep_vars",
                                                          "logpush",
                                                          "observability",
                                                          "legacy_env",
                                                          "first_party_worker",
                                                          "node_compat"};

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::kNull:
      return "nothing";
    case Kind::kBool:
      return "true or false";
    case Kind::kNumber:
      return "a number";
    case Kind::kString:
      return "a text";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a table";
  }
  return "";
}

class Reader {
 public:
  explicit Reader(const std::string& name) : name_(name) { config_.file = name; }

  Result<WorkerConfig> read(const WranglerValue& root) {
    ISOPOP_TRY(expect(root, Kind::kMap, "the file"));
    for (const auto& [key, value] : root.map) ISOPOP_TRY(read_key(key, value));
    if (root.find("name") == nullptr) {
      return invalid_argument(
          fmt::format("{}:1:1: it has no name; add name = \"my-worker\"", name_));
    }
    return check_settings_together(root);
  }

 private:
  Error error(const WranglerValue& value, std::string_view what) const {
    return invalid_argument(fmt::format("{}:{}:{}: {}", name_, value.line, value.column, what));
  }
  template <typename T>
  Result<T> at(const WranglerValue& value, std::string_view key, Result<T> checked) const {
    if (checked.ok()) return checked;
    return error(value, fmt::format("{}: {}", key, checked.error().message));
  }
  Result<void> expect(const WranglerValue& value, Kind kind, std::string_view key) const {
    if (value.kind == kind) return {};
    return error(
        value, fmt::format("{}: must be {}, not {}", key, kind_name(kind), kind_name(value.kind)));
  }
  Result<std::string> text(const WranglerValue& value, std::string_view key) const {
    ISOPOP_TRY(expect(value, Kind::kString, key));
    return value.scalar.get<std::string>();
  }
  // A field of a table in a list.
  Result<std::string> text_of(const WranglerValue& entry, const char* field,
                              const std::string& key) const {
    ISOPOP_TRY(expect(entry, Kind::kMap, key));
    const WranglerValue* value = entry.find(field);
    if (value == nullptr) return error(entry, fmt::format("{}: needs {}", key, field));
    return text(*value, fmt::format("{}.{}", key, field));
  }
  void tell(const WranglerValue& value, std::string_view key, std::string_view what) {
    config_.unsupported.push_back(fmt::format("line {}: {} {}", value.line, in_quotes(key), what));
  }

  Result<void> read_key(const std::string& key, const WranglerValue& value) {
    if (key == "name") return read_name(value);
    if (key == "main") return read_main(value);
    if (key == "vars") return read_vars(value);
    if (key == "kv_namespaces") return read_kv(value);
    if (key == "route") return read_route(value, key);
    if (key == "routes") return read_routes(value);
    if (key == "limits") return read_limits(value);
    if (key == "compatibility_date") return read_date(value);
    if (std::find(kPassedOver.begin(), kPassedOver.end(), key) != kPassedOver.end()) return {};
    tell_unsupported(key, value);
    return {};
  }

  void tell_unsupported(const std::string& key, const WranglerValue& value) {
    if (key == "env") {
      tell(value, key, "is not supported: the settings at the top are deployed");
    } else if (key == "services") {
      tell(value, key, "is not supported: workers call each other by their routes, not in env");
    } else if (key == "triggers") {
      tell(value, key, "is not supported: nothing calls the worker at set times");
    } else if (key == "compatibility_flags") {
      tell(value, key, "changes nothing: there is one runtime");
    } else if (key == "build") {
      tell(value, key, "is not run: build first, then deploy what comes out of it");
    } else {
      tell(value, key, "is not supported and does nothing");
    }
  }

  Result<void> read_name(const WranglerValue& value) {
    ISOPOP_TRY_ASSIGN(config_.name, text(value, "name"));
    return at(value, "name", check_worker_name(config_.name));
  }

  Result<void> read_main(const WranglerValue& value) {
    ISOPOP_TRY_ASSIGN(config_.main_module, text(value, "main"));
    const std::string lower = to_lower(config_.main_module);
    if (lower.ends_with(".ts") || lower.ends_with(".tsx") || lower.ends_with(".jsx")) {
      return error(value, fmt::format("main: {} must be built first; build it into a .js file, as "
                                      "with `wrangler deploy --dry-run --outdir dist`, and deploy "
                                      "that folder",
                                      in_quotes(config_.main_module)));
    }
    return {};
  }

  Result<void> read_date(const WranglerValue& value) {
    ISOPOP_TRY_ASSIGN(const std::string date, text(value, "compatibility_date"));
    const bool is_date =
        date.size() == 10 && date[4] == '-' && date[7] == '-' &&
        std::count_if(date.begin(), date.end(), [](char c) { return c >= '0' && c <= '9'; }) == 8;
    if (!is_date) return error(value, "compatibility_date: must be a day, as 2024-09-23");
    return {};
  }

  Result<void> read_vars(const WranglerValue& value) {
    ISOPOP_TRY(expect(value, Kind::kMap, "vars"));
    for (const auto& [name, entry] : value.map) {
      v1::WorkerSettings alone;
      v1::Variable& variable = *alone.add_variables();
      variable.set_name(name);
      if (entry.kind == Kind::kString) {
        variable.set_text(entry.scalar.get<std::string>());
      } else {
        variable.set_json(entry.json().dump());
      }
      ISOPOP_TRY(at(entry, "vars", check_settings(alone)));
      *config_.settings.add_variables() = std::move(variable);
    }
    return {};
  }

  Result<void> read_kv(const WranglerValue& value) {
    ISOPOP_TRY(expect(value, Kind::kList, "kv_namespaces"));
    for (std::size_t i = 0; i < value.list.size(); ++i) {
      const WranglerValue& entry = value.list[i];
      const std::string key = fmt::format("kv_namespaces[{}]", i);
      v1::KvBinding& binding = *config_.settings.add_kv();
      ISOPOP_TRY_ASSIGN(*binding.mutable_name(), text_of(entry, "binding", key));
      ISOPOP_TRY_ASSIGN(*binding.mutable_namespace_(), text_of(entry, "id", key));
      ISOPOP_TRY(at(*entry.find("id"), key + ".id (the namespace's name here)",
                    check_kv_namespace_name(binding.namespace_())));
    }
    return {};
  }

  Result<void> read_routes(const WranglerValue& value) {
    ISOPOP_TRY(expect(value, Kind::kList, "routes"));
    for (std::size_t i = 0; i < value.list.size(); ++i) {
      ISOPOP_TRY(read_route(value.list[i], fmt::format("routes[{}]", i)));
    }
    return {};
  }

  // "shop.example/*", or a table with that as its pattern; of a custom domain it is the host.
  Result<void> read_route(const WranglerValue& value, const std::string& key) {
    std::string pattern;
    if (value.kind == Kind::kMap) {
      ISOPOP_TRY_ASSIGN(pattern, text_of(value, "pattern", key));
      const WranglerValue* custom = value.find("custom_domain");
      const bool is_domain = custom != nullptr && custom->scalar == true;
      if (is_domain && pattern.find('/') == std::string::npos) pattern += "/*";
    } else {
      ISOPOP_TRY_ASSIGN(pattern, text(value, key));
    }
    for (const std::string_view scheme : {"https://", "http://"}) {
      if (pattern.starts_with(scheme)) pattern.erase(0, scheme.size());
    }
    ISOPOP_TRY(at(value, key, canonical_route(pattern)));
    config_.routes.push_back(std::move(pattern));
    return {};
  }

  Result<void> read_limits(const WranglerValue& value) {
    ISOPOP_TRY(expect(value, Kind::kMap, "limits"));
    for (const auto& [name, entry] : value.map) {
      const bool is_cpu = name == "cpu_ms";
      if (!is_cpu && name != "subrequests") {
        tell(entry, "limits." + name, "is not supported and does nothing");
        continue;
      }
      ISOPOP_TRY(expect(entry, Kind::kNumber, "limits." + name));
      Result<v1::WorkerLimits> limits =
          with_limit(config_.settings.limits(), is_cpu ? "cpu" : "subrequests",
                     entry.scalar.dump() + (is_cpu ? " ms" : ""));
      if (!limits.ok()) {
        return error(entry, fmt::format("limits.{}: {}", name, limits.error().message));
      }
      *config_.settings.mutable_limits() = std::move(limits).value();
    }
    return {};
  }

  // Variables and bindings are all properties of `env`: no name twice.
  Result<WorkerConfig> check_settings_together(const WranglerValue& root) {
    const WranglerValue* kv = root.find("kv_namespaces");
    ISOPOP_TRY(at(kv == nullptr ? root : *kv, "names in env", check_settings(config_.settings)));
    return std::move(config_);
  }

  const std::string& name_;
  WorkerConfig config_;
};

}  // namespace

fs::path find_wrangler_file(const fs::path& folder) {
  std::error_code error;
  for (const char* name : kNames) {
    if (fs::exists(folder / name, error)) return folder / name;
  }
  return {};
}

Result<WorkerConfig> read_wrangler_file(const fs::path& file) {
  const Result<std::string> text = read_file(file, kFileBytesMax);
  if (!text.ok()) return text.error();
  const Result<WranglerValue> root = file.extension() == ".toml"
                                         ? parse_toml(text.value(), file.string())
                                         : parse_jsonc(text.value(), file.string());
  if (!root.ok()) return root.error();
  Result<WorkerConfig> config = wrangler_config(root.value(), file.string());
  if (config.ok()) config.value().file = file.filename().string();
  return config;
}

Result<WorkerConfig> wrangler_config(const WranglerValue& root, const std::string& name) {
  return Reader(name).read(root);
}

}  // namespace isopop::control::cli
