#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "common/result/result.h"
#include "common/text/text.h"
#include "common/units/units.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/json.h"
#include "control_plane/cli/session.h"
#include "control_plane/cli/worker_config.h"
#include "control_plane/cli/worker_folder.h"
#include "control_plane/registry/bundle.h"
#include "control_plane/registry/names.h"
#include "control_plane/registry/worker_limits.h"

namespace isopop::control::cli {
namespace {

constexpr int kRejectionsShown = 10;

struct Upload {
  v1::DeployRequest::Start start;
  CanonicalBundle bundle;
  WorkerFolder folder;
};

std::string user_name() {
  const char* user = std::getenv("USER");  // NOLINT(concurrency-mt-unsafe)
  return user == nullptr ? "" : std::string(truncate_utf8(user, 64));
}

// The name that was given, else worker.yaml's, else the folder's or file's own.
std::string name_of(const DeployOptions& options, const WorkerConfig& config) {
  if (!options.name.empty()) return options.name;
  if (!config.name.empty()) return config.name;
  std::error_code error;
  const std::filesystem::path path = std::filesystem::canonical(options.path, error);
  return error ? options.path : path.stem().string();
}

struct Pair {
  std::string name;
  std::string value;
};

Result<Pair> parse_pair(std::string_view flag, const std::string& given) {
  const std::size_t equals = given.find('=');
  if (equals == std::string::npos) {
    return invalid_argument(fmt::format("{} {}: must be NAME=VALUE", flag, in_quotes(given)));
  }
  return Pair{.name = given.substr(0, equals), .value = given.substr(equals + 1)};
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
Result<v1::WorkerSettings> settings_of(const DeployOptions& options, const WorkerConfig& config) {
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

Result<v1::DeployRequest::Start> start_of(const DeployOptions& options,
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
  start.set_dry_run(options.dry_run);
  return start;
}

Result<Upload> read_upload(const DeployOptions& options, const WorkerConfig& config,
                           v1::DeployRequest::Start start) {
  const BundleLimits limits = limits_for(start.settings(), {});
  WorkerFolderOptions wanted{.main_module = options.main_module, .limits = limits};
  if (wanted.main_module.empty()) {
    wanted.main_module = config.main_module;
    wanted.main_named_by = "\"main\" in worker.yaml";
  }
  ISOPOP_TRY_ASSIGN(WorkerFolder folder, read_worker_folder(options.path, wanted));
  ISOPOP_TRY_ASSIGN(CanonicalBundle bundle, canonical_bundle(folder.bundle, limits));
  return Upload{
      .start = std::move(start), .bundle = std::move(bundle), .folder = std::move(folder)};
}

ExitCode fail_deploy(const Terminal& terminal, const std::string& worker, const CallError& failed) {
  if (failed.fault) {
    return terminal.fail(ExitCode::kWorkerInvalid, failed.error.message,
                         fmt::format("{} was not deployed; what was live before still is", worker));
  }
  return fail_call(terminal, failed.error);
}

ExitCode fail_rejected(const Terminal& terminal, const std::string& what,
                       const v1::VersionProgress& progress) {
  const ExitCode code = terminal.fail(
      ExitCode::kRejected, fmt::format("{} was rejected by {} of {} PoPs, which keep what they had",
                                       what, progress.rejections_size(), progress.pops()));
  for (int i = 0; i < std::min(progress.rejections_size(), kRejectionsShown); ++i) {
    terminal.note(
        fmt::format("  {}: {}", progress.rejections(i).pop(), progress.rejections(i).error()));
  }
  if (progress.rejections_size() > kRejectionsShown) terminal.note("  …");
  return code;
}

std::string summary_of(const std::string& what, const v1::VersionProgress& progress) {
  std::string line = fmt::format("{} live at {}/{} PoPs", what, progress.acked(), progress.pops());
  const std::vector<double> times(progress.ack_ms().begin(), progress.ack_ms().end());
  if (!times.empty()) {
    line += fmt::format(
        "  p50 {}  p99 {}  max {}", format_duration(from_ms(percentile(times, 0.5))),
        format_duration(from_ms(percentile(times, 0.99))), format_duration(from_ms(times.back())));
  }
  return line;
}

class Deployment final {
 public:
  Deployment(const GlobalOptions& global, const DeployOptions& options, Session& session)
      : global_(global), options_(options), session_(session) {}

  ExitCode run(const Upload& upload) {
    session_.terminal.progress(fmt::format("{}: checking …", upload.start.worker()));
    ControlClient::Deployed deployed = session_.client->deploy(upload.start, upload.bundle.bytes);
    session_.terminal.progress("");
    if (const auto* failed = std::get_if<CallError>(&deployed)) {
      return fail_deploy(session_.terminal, upload.start.worker(), *failed);
    }
    response_ = std::get<v1::DeployResponse>(std::move(deployed));
    what_ = fmt::format("{} v{}", response_.version().worker(), response_.version().number());
    if (options_.dry_run) return report_dry_run(upload);
    return options_.wait ? wait() : report();
  }

 private:
  ExitCode report_dry_run(const Upload& upload) {
    if (global_.output == OutputFormat::kJson) return print_json(std::nullopt);
    const Terminal& terminal = session_.terminal;
    for (const v1::Module& module : upload.folder.bundle.modules()) {
      const bool is_main = module.name() == upload.folder.bundle.main_module();
      terminal.print_line(fmt::format("  {}  {}{}", module.name(),
                                      format_bytes(module.content().size()),
                                      is_main ? "  (main)" : ""));
    }
    terminal.print_line(response_.unchanged()
                            ? fmt::format("{} would stay: nothing changed", what_)
                            : fmt::format("{} would go live: the worker is valid", what_));
    return ExitCode::kDone;
  }

  ExitCode report() {
    if (global_.output == OutputFormat::kJson) return print_json(std::nullopt);
    session_.terminal.print_line(response_.unchanged()
                                     ? fmt::format("{} unchanged: it is live already", what_)
                                     : fmt::format("{} deployed; PoPs are fetching it", what_));
    return ExitCode::kDone;
  }

  ExitCode wait() {
    v1::VersionProgress last;
    const Result<v1::VersionProgress> outcome = session_.client->watch_version(
        response_.version().worker(), response_.version().number(), options_.timeout,
        [this, &last](const v1::VersionProgress& progress) {
          last = progress;
          session_.terminal.progress(
              fmt::format("{}: {}/{} PoPs", what_, progress.acked(), progress.pops()));
        });
    session_.terminal.progress("");
    if (!outcome.ok()) return fail_wait(outcome.error(), last);
    return report_waited(outcome.value());
  }

  ExitCode fail_wait(const Error& error, const v1::VersionProgress& last) {
    if (error.code != ErrorCode::kDeadlineExceeded) return fail_call(session_.terminal, error);
    return session_.terminal.fail(
        ExitCode::kTimedOut,
        fmt::format("{} is live at {} of {} PoPs after {}", what_, last.acked(), last.pops(),
                    format_duration(options_.timeout)),
        "the rollout goes on; `popctl list` shows how far it is");
  }

  ExitCode report_waited(const v1::VersionProgress& progress) {
    const Terminal& terminal = session_.terminal;
    if (global_.output == OutputFormat::kJson) print_json(progress);
    if (progress.superseded()) {
      return terminal.fail(
          ExitCode::kAborted,
          fmt::format("{} is not live any more: a newer version took its place, or the worker was "
                      "deleted",
                      what_));
    }
    if (global_.output == OutputFormat::kTable) {
      terminal.print_line(fmt::format("{}{}", summary_of(what_, progress),
                                      response_.unchanged() ? "  (unchanged)" : ""));
    }
    if (progress.rejections_size() > 0) return fail_rejected(terminal, what_, progress);
    if (progress.pops() == 0)
      terminal.note("note: no PoP is connected; they get it when they come");
    return ExitCode::kDone;
  }

  ExitCode print_json(const std::optional<v1::VersionProgress>& progress) {
    nlohmann::ordered_json json = to_json(response_.version());
    json["unchanged"] = response_.unchanged();
    json["dry_run"] = options_.dry_run;
    if (progress) json["progress"] = to_json(*progress);
    session_.terminal.print_line(json.dump(2));
    return ExitCode::kDone;
  }

  const GlobalOptions& global_;
  const DeployOptions& options_;
  Session& session_;
  v1::DeployResponse response_;
  std::string what_;  // "hello v3"
};

}  // namespace

ExitCode run_deploy(const GlobalOptions& global, const DeployOptions& options) {
  const Terminal terminal;
  // Everything that can be refused here is, before anybody is asked.
  std::error_code error;
  if (!std::filesystem::exists(options.path, error)) {
    return terminal.fail(ExitCode::kUsage, fmt::format("{}: No such file or folder", options.path));
  }
  const Result<WorkerConfig> config = read_worker_config(options.path);
  if (!config.ok()) return terminal.fail(ExitCode::kWorkerInvalid, config.error().message);
  Result<v1::DeployRequest::Start> start = start_of(options, config.value());
  if (!start.ok()) return terminal.fail(ExitCode::kUsage, start.error().message);
  const Result<Upload> upload = read_upload(options, config.value(), std::move(start).value());
  if (!upload.ok()) return terminal.fail(ExitCode::kWorkerInvalid, upload.error().message);
  if (!upload.value().folder.skipped.empty()) {
    const std::vector<std::string>& skipped = upload.value().folder.skipped;
    terminal.note(fmt::format(
        "note: left out {} by its ending{}", in_quotes(skipped.front()),
        skipped.size() > 1 ? fmt::format(", and {} more", skipped.size() - 1) : std::string()));
  }
  Session session = open_session(global);
  if (session.client == nullptr) return session.failure;
  return Deployment(global, options, session).run(upload.value());
}

}  // namespace isopop::control::cli
