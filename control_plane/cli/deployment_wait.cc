#include "control_plane/cli/deployment_wait.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "common/units/units.h"
#include "control_plane/cli/command_line.h"
#include "control_plane/cli/rollout_json.h"
#include "control_plane/registry/deployment_rules.h"
#include "isopop/v1/rollout.grpc.pb.h"

namespace isopop::control::cli {
namespace {

constexpr int kRejectionsShown = 10;
// Before one looks again whether more PoPs have come.
constexpr int kLookAgainMs = 200;

std::string check_goal(const std::string& text) {
  const Result<WaitGoal> goal = parse_wait_goal(text);
  return goal.ok() ? std::string() : goal.error().message;
}

// "wave 2/3 eu: 12/40 PoPs, baking 8 s"
std::string describe_wave(const v1::Rollout& rollout) {
  const auto at = static_cast<int>(rollout.deployment().wave());
  if (at >= rollout.waves_size()) return {};
  const v1::Rollout::Wave& wave = rollout.waves(at);
  std::string text = fmt::format("wave {}/{} {}: {}/{} PoPs", at + 1, rollout.waves_size(),
                                 wave.name(), wave.acked(), wave.pops());
  if (wave.state() == "baking") {
    text += fmt::format(", watched for {} more",
                        format_duration(std::chrono::milliseconds(wave.bake_left_ms())));
  }
  return text;
}

}  // namespace

void add_wait_options(CLI::App& command, WaitOptions& options) {
  command
      .add_flag("--wait{all}", options.goal,
                "Return when the PoPs have it: --wait (all that are connected), --wait=quorum or "
                "--wait=95%")
      ->check(check_goal);
  command.add_option("--timeout", options.timeout, "For --wait")
      ->capture_default_str()
      ->check(check_duration);
  command.add_option("--expected", options.expected,
                     "For --wait: how many PoPs there are to be, also if fewer are connected now");
}

DeploymentWait::DeploymentWait(Session& session, const WaitOptions& options,
                               v1::Deployment deployment, std::uint64_t version)
    : session_(session),
      options_(options),
      goal_(parse_wait_goal(options.goal).value()),
      deployment_(std::move(deployment)),
      version_(version),
      what_(fmt::format("{} v{}", deployment_.worker(), version)),
      deadline_(clock_.now() + parse_duration(options.timeout).value()) {}

ExitCode DeploymentWait::run() {
  Result<Step> step = Step::kOn;
  const bool has_ended = deployment_.state() == v1::DEPLOYMENT_STATE_LIVE;
  if (!has_ended && !is_at_once(deployment_.plan())) step = follow_waves();
  while (step.ok() && step.value() == Step::kOn) step = follow_pops();
  session_.terminal.progress("");
  return step.ok() ? judge() : fail(step.error());
}

Result<DeploymentWait::Step> DeploymentWait::follow_waves() {
  v1::GetDeploymentRequest request;
  request.set_worker(deployment_.worker());
  request.set_number(deployment_.number());
  ISOPOP_TRY(
      session_.client->stream(&v1::Rollouts::Stub::WatchRollout, request, time_left(),
                              [this](const v1::Rollout& rollout) { return on_rollout(rollout); }));
  if (is_reached_ || deployment_.state() != v1::DEPLOYMENT_STATE_LIVE) return Step::kReached;
  return Step::kOn;
}

Next DeploymentWait::on_rollout(const v1::Rollout& rollout) {
  deployment_ = rollout.deployment();
  pops_ = 0;
  acked_ = 0;
  for (const v1::Rollout::Wave& wave : rollout.waves()) {
    pops_ += wave.pops();
    acked_ += wave.acked();
  }
  session_.terminal.progress(fmt::format("{}: {}", what_, describe_wave(rollout)));
  // All of them have it only when the last wave ended well.
  is_reached_ =
      goal_.ratio < 1.0 && pops_ > 0 && acked_ >= goal_.needed(std::max(pops_, options_.expected));
  return is_reached_ ? Next::kStop : Next::kGoOn;
}

Result<DeploymentWait::Step> DeploymentWait::follow_pops() {
  v1::WatchVersionRequest request;
  request.set_worker(deployment_.worker());
  request.set_number(version_);
  ISOPOP_TRY(session_.client->stream(
      &v1::Control::Stub::WatchVersion, request, time_left(),
      [this](const v1::VersionProgress& progress) { return on_progress(progress); }));
  if (is_reached_ || !progress_) return Step::kReached;
  if (progress_->superseded() || progress_->rejections_size() > 0) return Step::kReached;
  if (pops_ >= options_.expected) return Step::kReached;
  // Those that are connected have it; the others have yet to come.
  ::poll(nullptr, 0, kLookAgainMs);
  if (time_left() > std::chrono::nanoseconds(0)) return Step::kOn;
  return Error{ErrorCode::kDeadlineExceeded, "no time left"};
}

Next DeploymentWait::on_progress(const v1::VersionProgress& progress) {
  progress_ = progress;
  pops_ = progress.pops();
  acked_ = progress.acked();
  session_.terminal.progress(
      fmt::format("{}: {}/{} PoPs", what_, acked_, std::max(pops_, options_.expected)));
  const std::uint64_t pops = std::max(pops_, options_.expected);
  const bool is_part = goal_.ratio < 1.0 || options_.expected > 0;
  is_reached_ = is_part && !progress.superseded() && pops > 0 && acked_ >= goal_.needed(pops);
  return is_reached_ ? Next::kStop : Next::kGoOn;
}

std::chrono::nanoseconds DeploymentWait::time_left() const {
  return std::max<std::chrono::nanoseconds>(deadline_ - clock_.now(), std::chrono::nanoseconds(0));
}

ExitCode DeploymentWait::fail(const Error& error) const {
  if (error.code != ErrorCode::kDeadlineExceeded) return fail_call(session_.terminal, error);
  return session_.terminal.fail(
      ExitCode::kTimedOut,
      fmt::format("{} is live at {} of {} PoPs after {}", what_, acked_,
                  std::max(pops_, options_.expected),
                  format_duration(parse_duration(options_.timeout).value())),
      fmt::format("the rollout goes on; `popctl rollout status {}` shows how far it is",
                  deployment_.worker()));
}

ExitCode DeploymentWait::judge() const {
  const Terminal& terminal = session_.terminal;
  if (deployment_.state() == v1::DEPLOYMENT_STATE_ABORTED) {
    return terminal.fail(ExitCode::kAborted,
                         fmt::format("{} was taken back: {}", what_, deployment_.reason()),
                         "what was live before is live everywhere again");
  }
  if (deployment_.state() == v1::DEPLOYMENT_STATE_SUPERSEDED ||
      (progress_ && progress_->superseded())) {
    return terminal.fail(
        ExitCode::kAborted,
        fmt::format("{} is not live any more: a newer version took its place, or the worker was "
                    "deleted",
                    what_));
  }
  if (progress_ && progress_->rejections_size() > 0 && !is_reached_) {
    const int rejections = progress_->rejections_size();
    const ExitCode code = terminal.fail(
        ExitCode::kRejected, fmt::format("{} was rejected by {} of {} PoPs, which keep what they "
                                         "had",
                                         what_, rejections, progress_->pops()));
    for (int i = 0; i < std::min(rejections, kRejectionsShown); ++i) {
      terminal.note(fmt::format("  {}: {}", progress_->rejections(i).pop(),
                                progress_->rejections(i).error()));
    }
    if (rejections > kRejectionsShown) terminal.note("  …");
    return code;
  }
  if (pops_ == 0) terminal.note("note: no PoP is connected; they get it when they come");
  return ExitCode::kDone;
}

std::string DeploymentWait::summary() const {
  std::string line = fmt::format("{} live at {}/{} PoPs", what_, acked_, pops_);
  if (!progress_) return line;
  const std::vector<double> times(progress_->ack_ms().begin(), progress_->ack_ms().end());
  if (!times.empty()) {
    line += fmt::format(
        "  p50 {}  p99 {}  max {}", format_duration(from_ms(percentile(times, 0.5))),
        format_duration(from_ms(percentile(times, 0.99))), format_duration(from_ms(times.back())));
  }
  return line;
}

}  // namespace isopop::control::cli
