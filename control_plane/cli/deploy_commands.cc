#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>

#include "common/result/result.h"
#include "common/text/text.h"
#include "common/units/units.h"
#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/json.h"
#include "control_plane/cli/worker_config.h"
#include "control_plane/cli/worker_folder.h"
#include "control_plane/registry/bundle.h"
#include "control_plane/registry/names.h"
#include "control_plane/registry/worker_limits.h"

namespace isopop::control::cli {
namespace {

constexpr int kRejectionsShown = 10;

// What is empty, the folder's worker.yaml may say.
struct DeployOptions {
  std::string path;
  std::string name;  // empty: the folder's
  std::vector<std::string> routes;
  std::string main_module;
  std::vector<std::string> variables;  // "NAME=text"
  std::vector<std::string> limits;     // "cpu=50ms"
  std::string isolation;               // empty: the PoPs' default
  std::string message;
  bool wait = false;
  bool dry_run = false;
  std::string timeout = "60s";
};

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
  Deployment(const DeployOptions& options, Session& session)
      : options_(options), session_(session) {}

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
    std::string text;
    for (const v1::Module& module : upload.folder.bundle.modules()) {
      const bool is_main = module.name() == upload.folder.bundle.main_module();
      text += fmt::format("  {}  {}{}\n", module.name(), format_bytes(module.content().size()),
                          is_main ? "  (main)" : "");
    }
    text += response_.unchanged() ? fmt::format("{} would stay: nothing changed\n", what_)
                                  : fmt::format("{} would go live: the worker is valid\n", what_);
    session_.output.one(text, json_of(std::nullopt));
    return ExitCode::kDone;
  }

  ExitCode report() {
    session_.output.one(response_.unchanged()
                            ? fmt::format("{} unchanged: it is live already\n", what_)
                            : fmt::format("{} deployed; PoPs are fetching it\n", what_),
                        json_of(std::nullopt));
    return ExitCode::kDone;
  }

  ExitCode wait() {
    v1::WatchVersionRequest request;
    request.set_worker(response_.version().worker());
    request.set_number(response_.version().number());
    v1::VersionProgress last;
    const Result<void> outcome =
        session_.client->stream(&v1::Control::Stub::WatchVersion, request, timeout(),
                                [this, &last](const v1::VersionProgress& progress) {
                                  last = progress;
                                  session_.terminal.progress(fmt::format(
                                      "{}: {}/{} PoPs", what_, progress.acked(), progress.pops()));
                                  return Next::kGoOn;
                                });
    session_.terminal.progress("");
    if (!outcome.ok()) return fail_wait(outcome.error(), last);
    return report_waited(last);
  }

  ExitCode fail_wait(const Error& error, const v1::VersionProgress& last) {
    if (error.code != ErrorCode::kDeadlineExceeded) return fail_call(session_.terminal, error);
    return session_.terminal.fail(
        ExitCode::kTimedOut,
        fmt::format("{} is live at {} of {} PoPs after {}", what_, last.acked(), last.pops(),
                    format_duration(timeout())),
        "the rollout goes on; `popctl list` shows how far it is");
  }

  ExitCode report_waited(const v1::VersionProgress& progress) {
    const Terminal& terminal = session_.terminal;
    const std::string text = progress.superseded()
                                 ? std::string()
                                 : fmt::format("{}{}\n", summary_of(what_, progress),
                                               response_.unchanged() ? "  (unchanged)" : "");
    session_.output.one(text, json_of(progress));
    if (progress.superseded()) {
      return terminal.fail(
          ExitCode::kAborted,
          fmt::format("{} is not live any more: a newer version took its place, or the worker was "
                      "deleted",
                      what_));
    }
    if (progress.rejections_size() > 0) return fail_rejected(terminal, what_, progress);
    if (progress.pops() == 0)
      terminal.note("note: no PoP is connected; they get it when they come");
    return ExitCode::kDone;
  }

  [[nodiscard]] nlohmann::ordered_json json_of(
      const std::optional<v1::VersionProgress>& progress) const {
    nlohmann::ordered_json json = to_json(response_.version());
    json["unchanged"] = response_.unchanged();
    json["dry_run"] = options_.dry_run;
    if (progress) json["progress"] = to_json(*progress);
    return json;
  }

  [[nodiscard]] std::chrono::nanoseconds timeout() const {
    return parse_duration(options_.timeout).value();
  }

  const DeployOptions& options_;
  Session& session_;
  v1::DeployResponse response_;
  std::string what_;  // "hello v3"
};

ExitCode run_deploy(const GlobalOptions& global, const DeployOptions& options) {
  const Terminal terminal(global.notes);
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
  return Deployment(options, session).run(upload.value());
}

}  // namespace

void add_deploy_commands(CommandLine& line) {
  CLI::App& command = line.add("deploy", "Make a folder of code live at every PoP");
  auto options = std::make_shared<DeployOptions>();
  command
      .add_option(
          "path", options->path,
          "The worker's folder, whose worker.yaml may say what no flag does; or its only file")
      ->required();
  command.add_option("--name", options->name, "Worker name (default: the folder's)");
  command.add_option("--route", options->routes,
                     "host/path it answers at, as 'shop.example/*'; may be repeated");
  command.add_option("--main", options->main_module, "Main module, relative to the folder");
  command.add_option("--var", options->variables, "NAME=VALUE for env; may be repeated");
  command.add_option("--limit", options->limits,
                     fmt::format("NAME=VALUE, as 'cpu=50ms' or 'memory=256MiB'; may be repeated. "
                                 "There are {}",
                                 join(limit_names(), ", ")));
  command.add_option("--isolation", options->isolation,
                     "pristine, fresh, warm or container (default: the PoPs' own)");
  command.add_option("-m,--message", options->message, "What this version is about");
  command.add_flag("--wait", options->wait, "Return when every connected PoP has it");
  command.add_flag("--dry-run", options->dry_run, "Check everything and deploy nothing");
  command.add_option("--timeout", options->timeout, "For --wait")
      ->capture_default_str()
      ->check(check_duration);
  line.on_run(command,
              [options](const GlobalOptions& global) { return run_deploy(global, *options); });
}

}  // namespace isopop::control::cli
