#pragma once

#include <CLI/App.hpp>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/time/clock.h"
#include "control_plane/cli/arguments.h"
#include "control_plane/cli/session.h"
#include "isopop/v1/control.pb.h"
#include "isopop/v1/rollout.pb.h"

namespace isopop::control::cli {

struct WaitOptions {
  std::string goal;  // as parse_wait_goal; empty: do not wait
  std::string timeout = "60s";
  std::uint64_t expected = 0;  // how many PoPs there are to be, also where fewer are connected

  [[nodiscard]] bool is_wanted() const { return !goal.empty(); }
};

// --wait, --timeout and --expected.
void add_wait_options(CLI::App& command, WaitOptions& options);

// Follows a deployment to the PoPs until as many have it as were asked for: wave by wave while it
// rolls out, then PoP by PoP. Tells how far it is while it waits, and in the end why not.
class DeploymentWait final {
 public:
  // `options` have been checked. `version`: of the deployment, the one with the greatest share.
  DeploymentWait(Session& session, const WaitOptions& options, v1::Deployment deployment,
                 std::uint64_t version);

  // `unchanged`: it was live before. Prints nothing but why it failed.
  ExitCode run();

  // What was seen last.
  [[nodiscard]] const v1::Deployment& deployment() const { return deployment_; }
  [[nodiscard]] const std::optional<v1::VersionProgress>& progress() const { return progress_; }
  // "shop v3 live at 330/330 PoPs  p50 12 ms  p99 80 ms  max 95 ms"
  [[nodiscard]] std::string summary() const;

 private:
  enum class Step { kReached, kOn };

  Result<Step> follow_waves();
  Result<Step> follow_pops();
  [[nodiscard]] Next on_rollout(const v1::Rollout& rollout);
  [[nodiscard]] Next on_progress(const v1::VersionProgress& progress);
  [[nodiscard]] std::chrono::nanoseconds time_left() const;
  [[nodiscard]] ExitCode fail(const Error& error) const;
  [[nodiscard]] ExitCode judge() const;

  Session& session_;
  WaitOptions options_;
  WaitGoal goal_;
  v1::Deployment deployment_;
  std::uint64_t version_;
  std::string what_;  // "shop v3"
  SystemClock clock_;
  Instant deadline_;
  std::uint64_t pops_ = 0;
  std::uint64_t acked_ = 0;
  bool is_reached_ = false;
  std::optional<v1::VersionProgress> progress_;
};

}  // namespace isopop::control::cli
