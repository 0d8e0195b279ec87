#include <fmt/format.h>

#include <memory>
#include <utility>

#include "common/text/text.h"
#include "common/units/units.h"
#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/deployment_wait.h"
#include "control_plane/cli/json.h"
#include "control_plane/cli/rollout_flags.h"
#include "control_plane/cli/rollout_json.h"
#include "control_plane/cli/rollout_options.h"
#include "control_plane/cli/upload.h"
#include "control_plane/registry/deployment_rules.h"
#include "control_plane/registry/worker_limits.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;

struct DeployOptions {
  UploadOptions upload;
  RolloutOptions rollout;
  WaitOptions wait;
};

void add_upload_options(CLI::App& command, UploadOptions& options) {
  command
      .add_option("path", options.path,
                  "The worker's folder, whose worker.yaml (or wrangler.toml) may say what no flag "
                  "does; or its only file")
      ->required();
  command.add_option("--name", options.name, "Worker name (default: the folder's)");
  add_repeated(command, "--route", options.routes, "host/path it answers at, as 'shop.example/*'");
  command.add_option("--main", options.main_module, "Main module, relative to the folder");
  add_repeated(command, "--var", options.variables, "NAME=VALUE for env");
  add_repeated(command, "--limit", options.limits,
               fmt::format("NAME=VALUE, as 'cpu=50ms' or 'memory=256MiB', of {}",
                           join(limit_names(), ", ")));
  command.add_option("--isolation", options.isolation,
                     "pristine, fresh, warm or container (default: the PoPs' own)");
  command.add_option("-m,--message", options.message, "What this version is about");
  command.add_option("--tag", options.tag, "Your own name for this version, as v1.4.2");
  command.add_flag("--dry-run", options.dry_run, "Check everything and change nothing");
}

ExitCode fail_upload(const Terminal& terminal, const std::string& worker, const CallError& failed) {
  if (failed.fault) {
    return terminal.fail(ExitCode::kWorkerInvalid, failed.error.message,
                         fmt::format("{} was not changed; what was live before still is", worker));
  }
  return fail_call(terminal, failed.error);
}

Json json_of(const v1::DeployResponse& response, const UploadOptions& options) {
  Json json = to_json(response.version());
  json["unchanged"] = response.unchanged();
  json["dry_run"] = options.dry_run;
  if (response.has_deployment()) json["deployment"] = to_json(response.deployment());
  return json;
}

std::string list_modules(const Upload& upload) {
  std::string text;
  for (const v1::Module& module : upload.folder.bundle.modules()) {
    const bool is_main = module.name() == upload.folder.bundle.main_module();
    text += fmt::format("  {}  {}{}\n", module.name(), format_bytes(module.content().size()),
                        is_main ? "  (main)" : "");
  }
  return text;
}

// What follows "shop v3".
std::string outcome_of(const v1::DeployResponse& response, const UploadOptions& options) {
  if (options.dry_run) {
    return response.unchanged() ? "would stay: nothing changed"
                                : "would be made: the worker is valid";
  }
  if (response.unchanged()) return "unchanged: it is live already";
  if (!response.has_deployment()) {
    return fmt::format("uploaded; `popctl versions deploy {} v{}` makes it live",
                       response.version().worker(), response.version().number());
  }
  const v1::Deployment& deployment = response.deployment();
  if (is_at_once(deployment.plan())) return "deployed; PoPs are fetching it";
  return fmt::format("is rolling out; `popctl rollout status {}` shows how far it is",
                     deployment.worker());
}

ExitCode report(Session& session, const DeployOptions& options, const Upload& upload,
                const v1::DeployResponse& response) {
  const std::string what =
      fmt::format("{} v{}", response.version().worker(), response.version().number());
  Json json = json_of(response, options.upload);
  if (!options.wait.is_wanted() || options.upload.dry_run || !response.has_deployment()) {
    const std::string modules = options.upload.dry_run ? list_modules(upload) : std::string();
    session.output.one(
        fmt::format("{}{} {}\n", modules, what, outcome_of(response, options.upload)), json);
    return ExitCode::kDone;
  }
  DeploymentWait wait(session, options.wait, response.deployment(), response.version().number());
  const ExitCode code = wait.run();
  json["deployment"] = to_json(wait.deployment());
  if (wait.progress()) json["progress"] = to_json(*wait.progress());
  const bool came = code == ExitCode::kDone || code == ExitCode::kRejected;
  session.output.one(
      came ? fmt::format("{}{}\n", wait.summary(), response.unchanged() ? "  (unchanged)" : "")
           : std::string(),
      json);
  return code;
}

ExitCode send(const GlobalOptions& global, const DeployOptions& options, const Upload& upload) {
  Session session = open_session(global);
  if (session.client == nullptr) return session.failure;
  session.terminal.progress(fmt::format("{}: checking …", upload.start.worker()));
  ControlClient::Deployed deployed = session.client->deploy(upload.start, upload.bundle.bytes);
  session.terminal.progress("");
  if (const auto* failed = std::get_if<CallError>(&deployed)) {
    return fail_upload(session.terminal, upload.start.worker(), *failed);
  }
  return report(session, options, upload, std::get<v1::DeployResponse>(deployed));
}

ExitCode run_deploy(const GlobalOptions& global, const DeployOptions& options) {
  const Terminal terminal(global.notes);
  std::variant<Upload, ExitCode> read = read_upload(terminal, options.upload);
  if (const auto* code = std::get_if<ExitCode>(&read)) return *code;
  Upload& upload = std::get<Upload>(read);
  Result<v1::RolloutPlan> plan = plan_of(options.rollout, upload.config.rollout);
  if (!plan.ok()) return terminal.fail(ExitCode::kUsage, plan.error().message);
  *upload.start.mutable_plan() = std::move(plan).value();
  return send(global, options, upload);
}

ExitCode run_upload(const GlobalOptions& global, const UploadOptions& options) {
  const Terminal terminal(global.notes);
  std::variant<Upload, ExitCode> read = read_upload(terminal, options);
  if (const auto* code = std::get_if<ExitCode>(&read)) return *code;
  Upload& upload = std::get<Upload>(read);
  upload.start.set_upload_only(true);
  return send(global, {.upload = options}, upload);
}

}  // namespace

void add_deploy_commands(CommandLine& line) {
  CLI::App& command = line.add("deploy", "Make a folder of code live at every PoP");
  auto options = std::make_shared<DeployOptions>();
  add_upload_options(command, options->upload);
  add_rollout_options(command, options->rollout);
  add_wait_options(command, options->wait);
  line.on_run(command,
              [options](const GlobalOptions& global) { return run_deploy(global, *options); });
}

void add_upload_command(CommandLine& line, CLI::App& versions) {
  CLI::App& command = line.add(versions, "upload", "Keep a folder of code as a version");
  auto options = std::make_shared<UploadOptions>();
  add_upload_options(command, *options);
  line.on_run(command,
              [options](const GlobalOptions& global) { return run_upload(global, *options); });
}

}  // namespace isopop::control::cli
