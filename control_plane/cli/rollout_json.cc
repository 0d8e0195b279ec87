#include "control_plane/cli/rollout_json.h"

#include <vector>

#include "control_plane/cli/arguments.h"
#include "control_plane/cli/json.h"
#include "control_plane/cli/terminal.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;

}  // namespace

std::string state_name(v1::DeploymentState state) {
  switch (state) {
    case v1::DEPLOYMENT_STATE_ROLLING_OUT:
      return "rolling-out";
    case v1::DEPLOYMENT_STATE_PAUSED:
      return "paused";
    case v1::DEPLOYMENT_STATE_LIVE:
      return "live";
    case v1::DEPLOYMENT_STATE_ABORTED:
      return "aborted";
    case v1::DEPLOYMENT_STATE_SUPERSEDED:
      return "superseded";
    default:
      return "unknown";
  }
}

Json to_json(const v1::Deployment& deployment) {
  Json shares = Json::array();
  for (const v1::VersionShare& share : deployment.shares()) {
    shares.push_back({{"version", share.number()}, {"percent", share.weight() / 100.0}});
  }
  Json waves = Json::array();
  for (const v1::RolloutPlan::Wave& wave : deployment.plan().waves()) {
    waves.push_back({{"name", wave.name()}, {"selector", wave.selector()}});
  }
  const auto& abort_on = deployment.plan().abort_on();
  return {{"worker", deployment.worker()},
          {"number", deployment.number()},
          {"state", state_name(deployment.state())},
          {"versions", shares},
          {"sticky", format_stickiness(deployment.stickiness())},
          {"waves", waves},
          {"wave", deployment.wave()},
          {"abort_on", std::vector<std::string>(abort_on.begin(), abort_on.end())},
          {"bake_ms", deployment.plan().bake_ms()},
          {"reason", deployment.reason()},
          {"base", deployment.base()},
          {"rolled_back_from", deployment.rolled_back_from()},
          {"created_at", time_or_null(deployment.created_at_ms())},
          {"ended_at", time_or_null(deployment.ended_at_ms())},
          {"author", deployment.author()},
          {"message", deployment.message()}};
}

Json to_json(const v1::Rollout& rollout) {
  Json waves = Json::array();
  for (const v1::Rollout::Wave& wave : rollout.waves()) {
    waves.push_back({{"name", wave.name()},
                     {"selector", wave.selector()},
                     {"state", wave.state()},
                     {"pops", wave.pops()},
                     {"acked", wave.acked()},
                     {"nacked", wave.nacked()},
                     {"bake_left_ms", wave.bake_left_ms()},
                     {"requests", wave.requests()},
                     {"errors", wave.errors()},
                     {"p99_ms", wave.p99_ms()},
                     {"base_p99_ms", wave.base_p99_ms()},
                     {"cpu_ms", wave.cpu_ms()}});
  }
  return {
      {"deployment", to_json(rollout.deployment())}, {"waves", waves}, {"done", rollout.done()}};
}

Json to_json(const v1::Convergence& convergence) {
  Json acked = Json::array();
  std::vector<double> times;
  for (const v1::Convergence::Pop& pop : convergence.acked()) {
    acked.push_back({{"id", pop.id()}, {"ack_ms", pop.ack_ms()}});
    times.push_back(pop.ack_ms());
  }
  Json laggards = Json::array();
  for (const v1::Convergence::Laggard& pop : convergence.laggards()) {
    laggards.push_back(
        {{"id", pop.id()}, {"waiting_ms", pop.waiting_ms()}, {"state", pop.state()}});
  }
  Json rejections = Json::array();
  for (const v1::Convergence::Rejection& rejection : convergence.rejections()) {
    rejections.push_back({{"pop", rejection.pop()}, {"error", rejection.error()}});
  }
  return {{"deployment", to_json(convergence.deployment())},
          {"acked", acked},
          {"ack_ms",
           {{"count", times.size()},
            {"min", percentile(times, 0.0)},
            {"p50", percentile(times, 0.50)},
            {"p90", percentile(times, 0.90)},
            {"p99", percentile(times, 0.99)},
            {"max", percentile(times, 1.0)}}},
          {"held_before", convergence.held_before()},
          {"laggards", laggards},
          {"rejections", rejections}};
}

}  // namespace isopop::control::cli
