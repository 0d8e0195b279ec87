#include "control_plane/cli/upload.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "common/text/text.h"
#include "control_plane/cli/arguments.h"
#include "control_plane/registry/names.h"
#include "control_plane/registry/worker_limits.h"

namespace isopop::control::cli {
namespace {

// The name that was given, else the file's, else the folder's or code's own.
std::string name_of(const UploadOptions& options, const WorkerConfig& config) {
  if (!options.name.empty()) return options.name;
  if (!config.name.empty()) return config.name;
  std::error_code error;
  const std::filesystem::path path = std::filesystem::canonical(options.path, error);
  return error ? options.path : path.stem().string();
}

Result<v1::WorkerSettings> with_variables(v1::WorkerSettings settings,
                                          const std::vector<std::string>& given) {
  std::map<std::string, v1::Variable> variables;
  for (const v1::Variable& variable : settings.variables()) variables[variable.name()] = variable;
  std::set<std::string> seen;
  for (const std::string& text : given) {
    ISOPOP_TRY_ASSIGN(const Pair pair, parse_pair("--var", text));
    if (!seen.insert(pair.name).second) {
      return invalid_argument(fmt::format("--var {}: given twice", in_quotes(pair.name)));
    }
    v1::Variable& variable = variables[pair.name];
    variable.set_name(pair.name);
    variable.set_text(pair.value);
  }
  settings.clear_variables();
  for (auto& [name, variable] : variables) *settings.add_variables() = std::move(variable);
  return settings;
}

// Flags over file, one by one.
Result<v1::WorkerSettings> settings_of(const UploadOptions& options, const WorkerConfig& config) {
  v1::WorkerSettings settings = config.settings;
  if (!options.isolation.empty()) {
    const Result<v1::Isolation> isolation = parse_isolation(options.isolation);
    if (!isolation.ok()) {
      return invalid_argument(fmt::format("--isolation {}", isolation.error().message));
    }
    settings.set_isolation(isolation.value());
  }
  ISOPOP_TRY_ASSIGN(settings, with_variables(std::move(settings), options.variables));
  for (const std::string& text : options.limits) {
    ISOPOP_TRY_ASSIGN(const Pair pair, parse_pair("--limit", text));
    Result<v1::WorkerLimits> limits = with_limit(settings.limits(), pair.name, pair.value);
    if (!limits.ok()) {
      return invalid_argument(
          fmt::format("--limit {}: {}", in_quotes(pair.name), limits.error().message));
    }
    *settings.mutable_limits() = std::move(limits).value();
  }
  ISOPOP_TRY(check_settings(settings));
  return settings;
}

Result<v1::DeployRequest::Start> start_of(const UploadOptions& options,
                                          const WorkerConfig& config) {
  v1::DeployRequest::Start start;
  start.set_worker(name_of(options, config));
  Result<void> named = check_worker_name(start.worker());
  if (!named.ok() && options.name.empty()) {
    return invalid_argument(fmt::format("{}; give it a name with --name", named.error().message));
  }
  if (!named.ok()) return named.error();
  ISOPOP_TRY_ASSIGN(const std::vector<std::string> routes,
                    canonical_routes(options.routes.empty() ? config.routes : options.routes));
  for (const std::string& route : routes) start.add_routes(route);
  ISOPOP_TRY_ASSIGN(*start.mutable_settings(), settings_of(options, config));
  start.set_author(user_name());
  start.set_message(options.message);
  start.set_tag(options.tag);
  start.set_dry_run(options.dry_run);
  return start;
}

Result<void> read_code(const UploadOptions& options, Upload& upload) {
  const BundleLimits limits = limits_for(upload.start.settings(), {});
  const std::string named_by = fmt::format("\"main\" in {}", upload.config.file);
  WorkerFolderOptions wanted{.main_module = options.main_module, .limits = limits};
  if (wanted.main_module.empty()) {
    wanted.main_module = upload.config.main_module;
    wanted.main_named_by = named_by;
  }
  ISOPOP_TRY_ASSIGN(upload.folder, read_worker_folder(options.path, wanted));
  ISOPOP_TRY_ASSIGN(upload.bundle, canonical_bundle(upload.folder.bundle, limits));
  return {};
}

void tell_what_is_left_out(const Terminal& terminal, const Upload& upload) {
  for (const std::string& text : upload.config.unsupported) {
    terminal.note(fmt::format("note: {}: {}", upload.config.file, text));
  }
  const std::vector<std::string>& skipped = upload.folder.skipped;
  if (skipped.empty()) return;
  terminal.note(fmt::format(
      "note: left out {} by its ending{}", in_quotes(skipped.front()),
      skipped.size() > 1 ? fmt::format(", and {} more", skipped.size() - 1) : std::string()));
}

}  // namespace

std::variant<Upload, ExitCode> read_upload(const Terminal& terminal, const UploadOptions& options) {
  std::error_code error;
  if (!std::filesystem::exists(options.path, error)) {
    return terminal.fail(ExitCode::kUsage, fmt::format("{}: No such file or folder", options.path));
  }
  Upload upload;
  Result<WorkerConfig> config = read_worker_config(options.path);
  if (!config.ok()) return terminal.fail(ExitCode::kWorkerInvalid, config.error().message);
  upload.config = std::move(config).value();
  Result<v1::DeployRequest::Start> start = start_of(options, upload.config);
  if (!start.ok()) return terminal.fail(ExitCode::kUsage, start.error().message);
  upload.start = std::move(start).value();
  const Result<void> code = read_code(options, upload);
  if (!code.ok()) return terminal.fail(ExitCode::kWorkerInvalid, code.error().message);
  tell_what_is_left_out(terminal, upload);
  return upload;
}

std::string user_name() {
  const char* user = std::getenv("USER");  // NOLINT(concurrency-mt-unsafe)
  return user == nullptr ? "" : std::string(truncate_utf8(user, 64));
}

}  // namespace isopop::control::cli
