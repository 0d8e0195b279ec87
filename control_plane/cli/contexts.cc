#include "control_plane/cli/contexts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "common/config/config_node.h"
#include "common/files/files.h"
#include "common/text/text.h"
#include "control_plane/cli/yaml.h"
#include "control_plane/registry/names.h"

namespace isopop::control::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

fs::path folder_from(const char* variable) {
  const char* value = std::getenv(variable);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? fs::path() : fs::path(value);
}

Result<Context> read_context(const ConfigNode& node) {
  ISOPOP_TRY(node.allow_only({"endpoint", "state", "ca", "token-file"}));
  Context context;
  ISOPOP_TRY_ASSIGN(context.endpoint, node.string("endpoint", ""));
  ISOPOP_TRY_ASSIGN(context.state, node.string("state", ""));
  ISOPOP_TRY_ASSIGN(context.ca, node.string("ca", ""));
  ISOPOP_TRY_ASSIGN(context.token_file, node.string("token-file", ""));
  if (context.endpoint.empty() == context.state.empty()) {
    return node.error("must have endpoint or state, one of the two");
  }
  return context;
}

void put_given(Json& object, const char* key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}

}  // namespace

fs::path contexts_file() {
  if (const fs::path file = folder_from("POPCTL_CONFIG"); !file.empty()) return file;
  if (const fs::path folder = folder_from("XDG_CONFIG_HOME"); !folder.empty()) {
    return folder / "popctl" / "config.yaml";
  }
  const fs::path home = folder_from("HOME");
  return home.empty() ? home : home / ".config" / "popctl" / "config.yaml";
}

Result<Contexts> load_contexts(const fs::path& file) {
  Contexts contexts;
  std::error_code error;
  if (file.empty() || !fs::exists(file, error)) return contexts;
  ISOPOP_TRY_ASSIGN(const ConfigNode root, ConfigNode::load(file.string()));
  ISOPOP_TRY(root.allow_only({"current", "contexts"}));
  ISOPOP_TRY_ASSIGN(contexts.current, root.string("current", ""));
  const std::optional<ConfigNode> list = root.find("contexts");
  if (list) {
    ISOPOP_TRY_ASSIGN(const auto entries, list->as_map());
    for (const auto& [name, node] : entries) {
      const Result<void> named = check_context_name(name);
      if (!named.ok()) return node.error(named.error().message);
      ISOPOP_TRY_ASSIGN(contexts.by_name[name], read_context(node));
    }
  }
  if (!contexts.current.empty() && !contexts.by_name.contains(contexts.current)) {
    return root.error(
        fmt::format("current: there is no context {} in it", in_quotes(contexts.current)));
  }
  return contexts;
}

Result<void> save_contexts(const fs::path& file, const Contexts& contexts) {
  if (file.empty()) {
    return invalid_argument("nowhere to keep contexts: set HOME, XDG_CONFIG_HOME or POPCTL_CONFIG");
  }
  Json root = Json::object();
  put_given(root, "current", contexts.current);
  root["contexts"] = Json::object();
  for (const auto& [name, context] : contexts.by_name) {
    Json& entry = root["contexts"][name] = Json::object();
    put_given(entry, "endpoint", context.endpoint);
    put_given(entry, "state", context.state);
    put_given(entry, "ca", context.ca);
    put_given(entry, "token-file", context.token_file);
  }
  if (file.has_parent_path()) ISOPOP_TRY(create_folders(file.parent_path()));
  return write_file_atomically(file, to_yaml(root));
}

Result<Context> find_context(const Contexts& contexts, const std::string& name) {
  const auto found = contexts.by_name.find(name);
  if (found != contexts.by_name.end()) return found->second;
  std::vector<std::string> known;
  known.reserve(contexts.by_name.size());
  for (const auto& [other, context] : contexts.by_name) known.push_back(other);
  const std::string meant = did_you_mean(name, known);
  return not_found(fmt::format("there is no context {}{}", in_quotes(name),
                               meant.empty() ? "" : "; did you mean " + meant + "?"));
}

Result<void> check_context_name(const std::string& name) {
  constexpr std::size_t kNameMax = 64;
  const bool is_good =
      !name.empty() && name.size() <= kNameMax && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_' || c == '.';
      });
  if (is_good) return {};
  return invalid_argument(fmt::format(
      "context name {}: must be 1 to 64 letters, digits, '-', '_' or '.'", in_quotes(name)));
}

}  // namespace isopop::control::cli
