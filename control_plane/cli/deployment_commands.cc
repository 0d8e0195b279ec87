#include <fmt/format.h>

#include <memory>
#include <utility>

#include "common/text/text.h"
#include "control_plane/cli/arguments.h"
#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/deployment_wait.h"
#include "control_plane/cli/json.h"
#include "control_plane/cli/rollout_flags.h"
#include "control_plane/cli/rollout_json.h"
#include "control_plane/cli/upload.h"
#include "control_plane/registry/deployment_rules.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;
using enum Table::Align;
using enum Table::Shown;

struct ChangeOptions {
  std::string worker;
  std::vector<std::string> versions;  // "V1@90"
  std::string version;                // of a rollback
  std::string sticky;
  std::string message;
  bool dry_run = false;
  std::optional<std::uint64_t> newest;  // --if-deployment
  RolloutOptions rollout;
  WaitOptions wait;

  // As the requests carry it.
  [[nodiscard]] std::uint64_t expected_deployment() const { return newest ? *newest + 1 : 0; }
};

// After something was deployed: says so, or waits for the PoPs.
ExitCode report(Session& session, const ChangeOptions& options, const v1::Deployment& deployment) {
  const std::string what = fmt::format("{} {} (deployment {})", deployment.worker(),
                                       format_shares(deployment), deployment.number());
  if (options.dry_run) {
    session.output.one(
        fmt::format("{} {} would be deployed\n", deployment.worker(), format_shares(deployment)),
        to_json(deployment));
    return ExitCode::kDone;
  }
  if (!options.wait.is_wanted()) {
    const bool at_once = is_at_once(deployment.plan());
    session.output.one(
        at_once ? fmt::format("{} deployed; PoPs are fetching it\n", what)
                : fmt::format("{} is rolling out; `popctl rollout status {}` shows how far it is\n",
                              what, deployment.worker()),
        to_json(deployment));
    return ExitCode::kDone;
  }
  DeploymentWait wait(session, options.wait, deployment, deployment.shares(0).number());
  const ExitCode code = wait.run();
  Json json = to_json(wait.deployment());
  if (wait.progress()) json["progress"] = to_json(*wait.progress());
  const bool came = code == ExitCode::kDone || code == ExitCode::kRejected;
  session.output.one(came ? wait.summary() + '\n' : std::string(), json);
  return code;
}

ExitCode run_deploy(const GlobalOptions& global, const ChangeOptions& options) {
  const Terminal terminal(global.notes);
  v1::CreateDeploymentRequest request;
  const Result<std::vector<v1::VersionShare>> shares = parse_shares(options.versions);
  if (!shares.ok()) return terminal.fail(ExitCode::kUsage, shares.error().message);
  for (const v1::VersionShare& share : shares.value()) *request.add_shares() = share;
  Result<v1::Stickiness> stickiness = parse_stickiness(options.sticky);
  if (!stickiness.ok()) return terminal.fail(ExitCode::kUsage, stickiness.error().message);
  *request.mutable_stickiness() = std::move(stickiness).value();
  Result<v1::RolloutPlan> plan = plan_of(options.rollout, {});
  if (!plan.ok()) return terminal.fail(ExitCode::kUsage, plan.error().message);
  *request.mutable_plan() = std::move(plan).value();
  request.set_worker(options.worker);
  request.set_author(user_name());
  request.set_message(options.message);
  request.set_dry_run(options.dry_run);
  request.set_expected_deployment(options.expected_deployment());
  Session session = open_session(global);
  if (session.client == nullptr) return session.failure;
  const auto made = session.client->call(&v1::Control::Stub::CreateDeployment, request);
  if (!made.ok()) return fail_about_worker(session, made.error(), options.worker);
  return report(session, options, made.value());
}

ExitCode run_rollback(Session& session, const ChangeOptions& options) {
  v1::RollbackRequest request;
  if (!options.version.empty()) {
    const Result<std::uint64_t> version = parse_version(options.version);
    if (!version.ok()) return fail_call(session.terminal, version.error());
    request.set_version(version.value());
  }
  request.set_worker(options.worker);
  request.set_author(user_name());
  request.set_message(options.message);
  request.set_dry_run(options.dry_run);
  request.set_expected_deployment(options.expected_deployment());
  const auto made = session.client->call(&v1::Control::Stub::Rollback, request);
  if (!made.ok()) return fail_about_worker(session, made.error(), options.worker);
  return report(session, options, made.value());
}

void print_deployments(const Session& session, const std::vector<v1::Deployment>& deployments) {
  Table table({{"WORKER"},
               {"DEPLOYMENT", kRight},
               {"STATE"},
               {"VERSIONS"},
               {"STICKY", kLeft, kWide},
               {"CREATED (UTC)"},
               {"ENDED (UTC)", kLeft, kWide},
               {"AUTHOR"},
               {"MESSAGE"}});
  Json list = Json::array();
  for (const v1::Deployment& deployment : deployments) {
    const std::string& note =
        deployment.reason().empty() ? deployment.message() : deployment.reason();
    table.add({deployment.worker(), fmt::format("{}", deployment.number()),
               state_name(deployment.state()), format_shares(deployment),
               format_stickiness(deployment.stickiness()), format_time(deployment.created_at_ms()),
               deployment.ended_at_ms() == 0 ? "" : format_time(deployment.ended_at_ms()),
               deployment.author(), first_line(note)});
    list.push_back(to_json(deployment));
  }
  session.output.list(table, list);
}

struct ListOptions {
  std::string worker;
  std::uint32_t limit = 0;
  std::uint64_t number = 0;
};

ExitCode list_deployments(Session& session, const ListOptions& options,
                          const std::function<bool(const v1::Deployment&)>& is_shown) {
  v1::ListDeploymentsRequest request;
  request.set_worker(options.worker);
  request.set_limit(options.limit);
  const auto response = session.client->call(&v1::Control::Stub::ListDeployments, request);
  if (!response.ok()) return fail_about_worker(session, response.error(), options.worker);
  std::vector<v1::Deployment> shown;
  for (const v1::Deployment& deployment : response.value().deployments()) {
    if (is_shown(deployment)) shown.push_back(deployment);
  }
  print_deployments(session, shown);
  return ExitCode::kDone;
}

ExitCode run_list(Session& session, const ListOptions& options) {
  return list_deployments(session, options, [](const v1::Deployment&) { return true; });
}

ExitCode run_status(Session& session, const ListOptions& options) {
  return list_deployments(session, options, [](const v1::Deployment& deployment) {
    return deployment.state() == v1::DEPLOYMENT_STATE_LIVE ||
           deployment.state() == v1::DEPLOYMENT_STATE_ROLLING_OUT ||
           deployment.state() == v1::DEPLOYMENT_STATE_PAUSED;
  });
}

std::string describe(const v1::Deployment& deployment) {
  std::string text = fmt::format("{} deployment {}\n", deployment.worker(), deployment.number());
  const auto add = [&text](const char* title, const std::string& value) {
    if (!value.empty()) text += fmt::format("{:11}  {}\n", title, value);
  };
  const auto number = [](std::uint64_t of) {
    return of == 0 ? std::string() : fmt::format("deployment {}", of);
  };
  std::vector<std::string> waves;
  for (const v1::RolloutPlan::Wave& wave : deployment.plan().waves()) {
    waves.push_back(fmt::format("{} ({})", wave.name(), wave.selector()));
  }
  const auto& abort_on = deployment.plan().abort_on();
  add("versions", format_shares(deployment));
  add("sticky", format_stickiness(deployment.stickiness()));
  add("state", state_name(deployment.state()));
  add("reason", deployment.reason());
  add("waves", join(waves, ", "));
  add("abort on", join({abort_on.begin(), abort_on.end()}, ", "));
  add("base", number(deployment.base()));
  add("rolled back", number(deployment.rolled_back_from()));
  add("author", deployment.author());
  add("message", deployment.message());
  add("created", format_time(deployment.created_at_ms()) + " UTC");
  if (deployment.ended_at_ms() != 0) add("ended", format_time(deployment.ended_at_ms()) + " UTC");
  return text;
}

ExitCode run_view(Session& session, const ListOptions& options) {
  v1::GetDeploymentRequest request;
  request.set_worker(options.worker);
  request.set_number(options.number);
  const auto response = session.client->call(&v1::Control::Stub::GetDeployment, request);
  if (!response.ok()) return fail_about_worker(session, response.error(), options.worker);
  session.output.one(describe(response.value()), to_json(response.value()));
  return ExitCode::kDone;
}

void add_change_options(CLI::App& command, ChangeOptions& options) {
  command.add_option("name", options.worker, "Worker name")->required();
  command.add_flag("--dry-run", options.dry_run, "Check everything and change nothing");
  command.add_option("--if-deployment", options.newest,
                     "Only if this is still the worker's newest deployment; else exit 4");
  add_wait_options(command, options.wait);
}

}  // namespace

void add_versions_deploy_command(CommandLine& line, CLI::App& versions) {
  CLI::App& deploy = line.add(versions, "deploy", "Make versions live, alone or side by side");
  auto options = std::make_shared<ChangeOptions>();
  add_change_options(deploy, *options);
  deploy
      .add_option("versions", options->versions,
                  "v3, or shares of the requests in percent: v2@90 v3@10")
      ->required();
  deploy.add_option("--sticky", options->sticky,
                    "Keep requests with a version: by client, or by header:NAME");
  deploy.add_option("-m,--message", options->message, "What this deployment is about");
  add_rollout_options(deploy, options->rollout);
  line.on_run(deploy,
              [options](const GlobalOptions& global) { return run_deploy(global, *options); });
}

void add_deployment_commands(CommandLine& line) {
  CLI::App& rollback = line.add("rollback", "Back to what was live before, or to a version");
  auto change = std::make_shared<ChangeOptions>();
  add_change_options(rollback, *change);
  rollback.add_option("version", change->version, "As v2 (default: what was live before)");
  rollback.add_option("-m,--message", change->message, "Why: it is kept in the records")
      ->required();
  line.on_session(rollback, [change](Session& session) { return run_rollback(session, *change); });

  CLI::App& group =
      line.add_group("deployments", "Which versions were made live, when and by whom");
  auto options = std::make_shared<ListOptions>();
  CLI::App& list = line.add(group, "list", "The newest first");
  list.add_option("name", options->worker, "Worker name (default: all)");
  list.add_option("--limit", options->limit, "How many (default: 100)");
  line.on_session(list, [options](Session& session) { return run_list(session, *options); });
  CLI::App& status = line.add(group, "status", "What is live and what is rolling out");
  status.add_option("name", options->worker, "Worker name (default: all)");
  line.on_session(status, [options](Session& session) { return run_status(session, *options); });
  CLI::App& view = line.add(group, "view", "One deployment with its plan");
  view.add_option("name", options->worker, "Worker name")->required();
  view.add_option("number", options->number, "Of the deployment (default: the newest)");
  line.on_session(view, [options](Session& session) { return run_view(session, *options); });
}

}  // namespace isopop::control::cli
