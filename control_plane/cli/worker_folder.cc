#include "control_plane/cli/worker_folder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "common/files/files.h"
#include "common/text/text.h"
#include "common/units/units.h"
#include "control_plane/registry/names.h"

namespace isopop::control::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kEntriesMax = 20'000;
constexpr std::array<std::string_view, 7> kUsualMainModules = {
    "index.js",     "index.mjs",     "worker.js",    "worker.mjs",
    "src/index.js", "src/index.mjs", "src/worker.js"};
// Files that lie beside code without being part of it.
constexpr std::array<std::string_view, 10> kNeverModules = {
    "readme.md",     "worker.yaml",   "package.json",   "package-lock.json", "tsconfig.json",
    "jsconfig.json", "wrangler.json", "wrangler.jsonc", "wrangler.toml",     "license.txt"};

struct Ending {
  std::string_view ending;
  v1::ModuleType type;
};
constexpr std::array kEndings = {
    Ending{".js", v1::MODULE_TYPE_ES_MODULE}, Ending{".mjs", v1::MODULE_TYPE_ES_MODULE},
    Ending{".txt", v1::MODULE_TYPE_TEXT},     Ending{".html", v1::MODULE_TYPE_TEXT},
    Ending{".css", v1::MODULE_TYPE_TEXT},     Ending{".md", v1::MODULE_TYPE_TEXT},
    Ending{".svg", v1::MODULE_TYPE_TEXT},     Ending{".wasm", v1::MODULE_TYPE_WASM},
    Ending{".json", v1::MODULE_TYPE_JSON},    Ending{".bin", v1::MODULE_TYPE_DATA},
    Ending{".dat", v1::MODULE_TYPE_DATA},     Ending{".png", v1::MODULE_TYPE_DATA},
    Ending{".jpg", v1::MODULE_TYPE_DATA},     Ending{".jpeg", v1::MODULE_TYPE_DATA},
    Ending{".gif", v1::MODULE_TYPE_DATA},     Ending{".webp", v1::MODULE_TYPE_DATA},
    Ending{".avif", v1::MODULE_TYPE_DATA},    Ending{".ico", v1::MODULE_TYPE_DATA},
    Ending{".woff2", v1::MODULE_TYPE_DATA},   Ending{".gz", v1::MODULE_TYPE_DATA},
};

bool is_left_out(const std::string& file_name) {
  return file_name.starts_with('.') || file_name == "node_modules" ||
         std::find(kNeverModules.begin(), kNeverModules.end(), to_lower(file_name)) !=
             kNeverModules.end();
}

bool is_within(const fs::path& path, const fs::path& root) {
  const auto [end, rest] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  return end == root.end();
}

// Walks a folder and keeps what is a module.
class Collector {
 public:
  Collector(fs::path root, const BundleLimits& limits) : root_(std::move(root)), limits_(limits) {}

  Result<void> walk(const fs::path& folder) {
    std::error_code error;
    fs::directory_iterator entries(folder, error);
    for (; !error && entries != fs::directory_iterator(); entries.increment(error)) {
      if (++entries_ > kEntriesMax) {
        return invalid_argument(fmt::format("{} holds more than {} files; is it a worker's folder?",
                                            root_.string(), kEntriesMax));
      }
      if (is_left_out(entries->path().filename().string())) continue;
      ISOPOP_TRY(take(*entries));
    }
    if (error) return errno_error(fmt::format("read folder {}", folder.string()), error.value());
    return {};
  }

  // By name, as the bundle wants them.
  std::map<std::string, v1::Module> modules;
  std::vector<std::string> skipped;

 private:
  Result<void> take(const fs::directory_entry& entry) {
    std::error_code error;
    const std::string name = entry.path().lexically_relative(root_).generic_string();
    if (entry.is_symlink(error)) {
      const fs::path target = fs::canonical(entry.path(), error);
      if (error) {
        return invalid_argument(fmt::format("{}: a symbolic link to nowhere", in_quotes(name)));
      }
      if (!is_within(target, root_)) {
        return invalid_argument(fmt::format(
            "{}: a symbolic link that leaves the worker's folder (to {}); copy the file instead",
            in_quotes(name), target.string()));
      }
      // A linked folder may hold itself.
      if (fs::is_directory(target, error)) {
        skipped.push_back(name);
        return {};
      }
    }
    if (entry.is_directory(error)) return walk(entry.path());
    // Pipes, sockets and devices are nobody's code.
    if (!entry.is_regular_file(error)) return {};
    return add(entry.path(), name);
  }

  Result<void> add(const fs::path& path, const std::string& name) {
    const std::optional<v1::ModuleType> type = module_type_of(name);
    if (!type) {
      skipped.push_back(name);
      return {};
    }
    ISOPOP_TRY(check_module_name(name, limits_));
    if (modules.size() >= limits_.modules_max) {
      return invalid_argument(
          fmt::format("{} holds more than {} modules", root_.string(), limits_.modules_max));
    }
    Result<std::string> content = read_file(path, limits_.code_bytes_max - code_bytes_);
    if (!content.ok() && content.error().code == ErrorCode::kResourceExhausted) {
      return invalid_argument(
          fmt::format("{} holds more than {} of modules, its limit script ({} does not fit)",
                      root_.string(), format_bytes(limits_.code_bytes_max), in_quotes(name)));
    }
    if (!content.ok()) return content.error();
    code_bytes_ += content.value().size();
    v1::Module& module = modules[name];
    module.set_name(name);
    module.set_type(*type);
    module.set_content(std::move(content).value());
    return {};
  }

  fs::path root_;
  BundleLimits limits_;
  std::uint64_t code_bytes_ = 0;
  std::size_t entries_ = 0;
};

// package.json's "main", without a leading "./". Nothing when there is none.
Result<std::optional<std::string>> packaged_main(const fs::path& folder) {
  constexpr std::uint64_t kPackageBytesMax = 1 << 20U;
  const fs::path path = folder / "package.json";
  std::error_code error;
  if (!fs::exists(path, error)) return std::optional<std::string>();
  ISOPOP_TRY_ASSIGN(const std::string text, read_file(path, kPackageBytesMax));
  const nlohmann::json package = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!package.is_object()) {
    return invalid_argument(fmt::format("{} is not valid JSON", path.string()));
  }
  const auto main = package.find("main");
  if (main == package.end() || !main->is_string()) return std::optional<std::string>();
  std::string name = main->get<std::string>();
  if (name.starts_with("./")) name.erase(0, 2);
  return std::optional(std::move(name));
}

Result<std::string> choose_main(const fs::path& folder, const WorkerFolderOptions& options,
                                const std::map<std::string, v1::Module>& modules) {
  std::string main = options.main_module;
  std::string_view said_by = options.main_named_by;
  if (main.empty()) {
    ISOPOP_TRY_ASSIGN(const std::optional<std::string> packaged, packaged_main(folder));
    main = packaged.value_or("");
    said_by = "\"main\" in package.json";
  }
  if (!main.empty()) {
    main = fs::path(main).lexically_normal().generic_string();
    if (modules.contains(main)) return main;
    std::vector<std::string> names;
    names.reserve(modules.size());
    for (const auto& [name, module] : modules) names.push_back(name);
    const std::string meant = did_you_mean(main, names);
    return invalid_argument(fmt::format("{} names {}, which is not among the modules of {}{}",
                                        said_by, in_quotes(main), folder.string(),
                                        meant.empty() ? "" : "; did you mean " + meant + "?"));
  }
  for (const std::string_view usual : kUsualMainModules) {
    if (modules.contains(std::string(usual))) return std::string(usual);
  }
  if (modules.empty()) {
    return invalid_argument(fmt::format("{} holds no module (.js, .mjs, …)", folder.string()));
  }
  return invalid_argument(fmt::format(
      "{} has no main module: name it with --main, or call it index.js", folder.string()));
}

Result<WorkerFolder> read_single_file(const fs::path& path, const BundleLimits& limits) {
  const std::string name = path.filename().string();
  if (module_type_of(name) != v1::MODULE_TYPE_ES_MODULE) {
    return invalid_argument(
        fmt::format("{}: a worker of one file must be JavaScript (.js or .mjs)", path.string()));
  }
  Result<std::string> content = read_file(path, limits.code_bytes_max);
  if (!content.ok() && content.error().code == ErrorCode::kResourceExhausted) {
    return invalid_argument(content.error().message);
  }
  if (!content.ok()) return content.error();
  WorkerFolder folder;
  folder.bundle.set_main_module(name);
  v1::Module& module = *folder.bundle.add_modules();
  module.set_name(name);
  module.set_type(v1::MODULE_TYPE_ES_MODULE);
  module.set_content(std::move(content).value());
  return folder;
}

}  // namespace

std::optional<v1::ModuleType> module_type_of(std::string_view file_name) {
  const std::string lower = to_lower(file_name);
  for (const Ending& known : kEndings) {
    if (lower.ends_with(known.ending) && lower.size() > known.ending.size()) return known.type;
  }
  return std::nullopt;
}

Result<WorkerFolder> read_worker_folder(const fs::path& path, const WorkerFolderOptions& options) {
  std::error_code error;
  const fs::path root = fs::canonical(path, error);
  if (error) return not_found(fmt::format("{}: {}", path.string(), error.message()));
  if (!fs::is_directory(root, error)) return read_single_file(root, options.limits);
  Collector collector(root, options.limits);
  ISOPOP_TRY(collector.walk(root));
  ISOPOP_TRY_ASSIGN(const std::string main, choose_main(root, options, collector.modules));
  WorkerFolder folder;
  folder.bundle.set_main_module(main);
  for (auto& [name, module] : collector.modules) {
    *folder.bundle.add_modules() = std::move(module);
  }
  folder.skipped = std::move(collector.skipped);
  std::sort(folder.skipped.begin(), folder.skipped.end());
  return folder;
}

}  // namespace isopop::control::cli
