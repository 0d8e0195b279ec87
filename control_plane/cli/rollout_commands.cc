#include <fmt/format.h>

#include <memory>

#include "common/units/units.h"
#include "control_plane/cli/arguments.h"
#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/convergence_text.h"
#include "control_plane/cli/rollout_json.h"
#include "control_plane/registry/deployment_rules.h"
#include "isopop/v1/rollout.grpc.pb.h"

namespace isopop::control::cli {
namespace {

using enum Table::Align;
using enum Table::Shown;

struct RolloutCommandOptions {
  std::string worker;
  std::uint64_t number = 0;
  std::string reason;
  bool watch = false;
};

std::string milliseconds(double ms) {
  return ms == 0.0 ? "" : format_duration(from_ms(ms));
}

std::string describe_rollout(const Output& output, const v1::Rollout& rollout) {
  const v1::Deployment& deployment = rollout.deployment();
  std::string text =
      fmt::format("{} deployment {}: {}, {}\n", deployment.worker(), deployment.number(),
                  format_shares(deployment), state_name(deployment.state()));
  if (!deployment.reason().empty()) text += fmt::format("because {}\n", deployment.reason());
  Table table({{"WAVE"},
               {"POPS SELECTED"},
               {"STATE"},
               {"POPS", kRight},
               {"ACKED", kRight},
               {"NACKED", kRight},
               {"REQUESTS", kRight},
               {"ERRORS", kRight},
               {"P99", kRight},
               {"P99 BEFORE", kRight},
               {"CPU", kRight, kWide}});
  for (const v1::Rollout::Wave& wave : rollout.waves()) {
    std::string state = wave.state();
    if (state == "baking") {
      state += fmt::format(" {}", format_duration(std::chrono::milliseconds(wave.bake_left_ms())));
    }
    table.add({wave.name(), wave.selector(), state, fmt::format("{}", wave.pops()),
               fmt::format("{}", wave.acked()), fmt::format("{}", wave.nacked()),
               fmt::format("{}", wave.requests()), fmt::format("{}", wave.errors()),
               milliseconds(wave.p99_ms()), milliseconds(wave.base_p99_ms()),
               milliseconds(wave.cpu_ms())});
  }
  return text + output.render(table);
}

v1::GetDeploymentRequest request_for(const RolloutCommandOptions& options) {
  v1::GetDeploymentRequest request;
  request.set_worker(options.worker);
  request.set_number(options.number);
  return request;
}

ExitCode code_of(const v1::Rollout& rollout) {
  return rollout.deployment().state() == v1::DEPLOYMENT_STATE_ABORTED ? ExitCode::kAborted
                                                                      : ExitCode::kDone;
}

ExitCode watch(Session& session, const RolloutCommandOptions& options) {
  v1::Rollout last;
  const Result<void> outcome = session.client->stream(
      &v1::Rollouts::Stub::WatchRollout, request_for(options), ControlClient::kNoTimeout,
      [&session, &last](const v1::Rollout& rollout) {
        last = rollout;
        session.output.frame(describe_rollout(session.output, rollout), to_json(rollout));
        return Next::kGoOn;
      });
  if (!outcome.ok()) return fail_about_worker(session, outcome.error(), options.worker);
  return code_of(last);
}

ExitCode run_status(Session& session, const RolloutCommandOptions& options) {
  if (options.watch) return watch(session, options);
  const auto rollout = session.client->call(&v1::Rollouts::Stub::GetRollout, request_for(options));
  if (!rollout.ok()) return fail_about_worker(session, rollout.error(), options.worker);
  session.output.one(describe_rollout(session.output, rollout.value()), to_json(rollout.value()));
  return ExitCode::kDone;
}

using ChangeMethod = grpc::Status (v1::Rollouts::Stub::*)(grpc::ClientContext*,
                                                          const v1::ChangeRolloutRequest&,
                                                          v1::Rollout*);

ExitCode change(Session& session, const RolloutCommandOptions& options, ChangeMethod method) {
  v1::ChangeRolloutRequest request;
  request.set_worker(options.worker);
  request.set_number(options.number);
  request.set_reason(options.reason);
  const auto rollout = session.client->call(method, request);
  if (!rollout.ok()) return fail_about_worker(session, rollout.error(), options.worker);
  session.output.one(describe_rollout(session.output, rollout.value()), to_json(rollout.value()));
  return ExitCode::kDone;
}

ExitCode run_convergence(Session& session, const RolloutCommandOptions& options) {
  const auto convergence =
      session.client->call(&v1::Rollouts::Stub::GetConvergence, request_for(options));
  if (!convergence.ok()) return fail_about_worker(session, convergence.error(), options.worker);
  session.output.one(describe(convergence.value()), to_json(convergence.value()));
  return ExitCode::kDone;
}

}  // namespace

void add_rollout_commands(CommandLine& line) {
  const auto add = [&line](CLI::App& command, auto run) {
    auto options = std::make_shared<RolloutCommandOptions>();
    command.add_option("name", options->worker, "Worker name")->required();
    command.add_option("number", options->number, "Of the deployment (default: the newest)");
    line.on_session(command, [options, run](Session& session) { return run(session, *options); });
    return options;
  };
  CLI::App& group = line.add_group("rollout", "A deployment on its way, wave by wave");
  CLI::App& status = line.add(group, "status", "How far it is and what its waves measured");
  const auto status_options = add(status, run_status);
  status.add_flag("-w,--watch", status_options->watch, "Until it has ended; 10 if it was aborted");
  const auto add_change = [&](const char* name, const char* description, ChangeMethod method) {
    CLI::App& command = line.add(group, name, description);
    const auto options =
        add(command, [method](Session& session, const RolloutCommandOptions& given) {
          return change(session, given, method);
        });
    command.add_option("-m,--message", options->reason, "Why: it is kept in the records");
  };
  add_change("pause", "No further wave until it is resumed", &v1::Rollouts::Stub::PauseRollout);
  add_change("resume", "On with the next wave", &v1::Rollouts::Stub::ResumeRollout);
  add_change("abort", "Back to what was live before, everywhere",
             &v1::Rollouts::Stub::AbortRollout);
  add(line.add("convergence", "How long each PoP took to have it, who waits and who refused"),
      run_convergence);
}

}  // namespace isopop::control::cli
