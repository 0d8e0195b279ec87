#include "control_plane/rollout/rollout.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "common/result/assert.h"
#include "common/units/units.h"
#include "control_plane/rollout/traffic_history.h"

namespace isopop::control {
namespace {

constexpr double kSlow = 0.99;

std::set<std::uint64_t> versions_of(const v1::Deployment& deployment) {
  std::set<std::uint64_t> versions;
  for (const v1::VersionShare& share : deployment.shares()) versions.insert(share.number());
  return versions;
}

double p99_ms(const TrafficSum& sum) {
  return to_ms(sum.latency.quantile(kSlow));
}

}  // namespace

Rollout::Rollout(const v1::Deployment& deployment, const std::optional<v1::Deployment>& base,
                 Plan plan, Instant now)
    : deployment_(deployment),
      plan_(std::move(plan)),
      fresh_(plan_.waves().size()),
      stage_began_(now) {
  if (base) base_versions_ = versions_of(*base);
  const std::set<std::uint64_t> all = versions_of(deployment);
  std::set_difference(all.begin(), all.end(), base_versions_.begin(), base_versions_.end(),
                      std::inserter(fresh_versions_, fresh_versions_.end()));
  // Other shares of the same versions: all of them are what is tried.
  if (fresh_versions_.empty()) fresh_versions_ = all;
}

void Rollout::count(const v1::PopIdentity& pop, const v1::WorkerFigures& figures) {
  const std::size_t wave = plan_.wave_of(pop);
  if (wave <= deployment_.wave() && fresh_versions_.contains(figures.number())) {
    fresh_[wave].add(figures);
  } else if (base_versions_.contains(figures.number())) {
    base_.add(figures);
  }
}

void Rollout::count_base(const TrafficSum& sum) {
  merge(base_, sum);
}

Rollout::Step Rollout::step(const std::vector<WaveAnswers>& answers, Instant now) {
  ISOPOP_ASSERT(answers.size() == plan_.waves().size(), "answers of each wave");
  if (const std::optional<std::string> broken = broken_guard(answers)) {
    return {.action = Action::kAbort, .reason = *broken};
  }
  if (is_paused()) return {};
  if (stage_ == Stage::kPushing) return push(answers, now);
  return now - stage_began_ >= bake() ? advance() : Step{};
}

// Waves that are done have the deployment too: what goes wrong there later counts as well.
std::optional<std::string> Rollout::broken_guard(const std::vector<WaveAnswers>& answers) const {
  for (std::size_t wave = 0; wave <= std::min<std::size_t>(deployment_.wave(), plan_.last_wave());
       ++wave) {
    const Evidence evidence{.nacks = answers[wave].nacked,
                            .first_nack = answers[wave].first_nack,
                            .fresh = fresh_[wave],
                            .base = base_};
    for (const Guard& guard : plan_.guards()) {
      if (const std::optional<std::string> why = guard.broken_by(evidence)) {
        return fmt::format("wave {}: {}", plan_.waves()[wave].name, *why);
      }
    }
  }
  return std::nullopt;
}

Rollout::Step Rollout::push(const std::vector<WaveAnswers>& answers, Instant now) {
  const WaveAnswers& wave = answers[deployment_.wave()];
  if (wave.connected == 0) return pass_over_empty(answers, now);
  const bool all_answered = wave.acked + wave.nacked == wave.connected;
  if (!all_answered && now - stage_began_ < kAnswerMax) return {};
  const std::string& name = plan_.waves()[deployment_.wave()].name;
  if (wave.acked == 0) {
    return {.action = Action::kPause,
            .reason = wave.nacked > 0
                          ? fmt::format("wave {}: no PoP took it; {} rejected it, {}", name,
                                        wave.nacked, wave.first_nack)
                          : fmt::format("wave {}: none of its {} PoP(s) answered within {}", name,
                                        wave.connected, format_duration(kAnswerMax))};
  }
  stage_ = Stage::kBaking;
  stage_began_ = now;
  return bake().count() == 0 ? advance() : Step{};
}

Rollout::Step Rollout::pass_over_empty(const std::vector<WaveAnswers>& answers, Instant now) const {
  const bool was_tried = std::any_of(
      answers.begin(), answers.begin() + static_cast<std::ptrdiff_t>(deployment_.wave()),
      [](const WaveAnswers& wave) { return wave.acked > 0; });
  if (was_tried || resumed_) return advance();
  const WaveAnswers& wave = answers[deployment_.wave()];
  if (wave.known > 0 && now - stage_began_ < kAnswerMax) return {};
  return {
      .action = Action::kPause,
      .reason = fmt::format("wave {}: it selects no PoP that is connected, so nothing was tried; "
                            "resume to go on without it",
                            plan_.waves()[deployment_.wave()].name)};
}

Rollout::Step Rollout::advance() const {
  const bool is_last = deployment_.wave() >= plan_.last_wave();
  return {.action = is_last ? Action::kLive : Action::kNextWave, .reason = {}};
}

std::chrono::nanoseconds Rollout::bake() const {
  const bool is_last = deployment_.wave() >= plan_.last_wave();
  const bool is_judged = std::any_of(plan_.guards().begin(), plan_.guards().end(),
                                     [](const Guard& guard) { return guard.is_about_traffic(); });
  return is_last && !is_judged ? std::chrono::nanoseconds(0) : plan_.bake();
}

void Rollout::update(const v1::Deployment& deployment, Instant now) {
  const bool goes_on = is_paused() && deployment.state() == v1::DEPLOYMENT_STATE_ROLLING_OUT;
  if (goes_on || deployment.wave() != deployment_.wave()) {
    resumed_ = goes_on;
    stage_ = Stage::kPushing;
    stage_began_ = now;
  }
  deployment_ = deployment;
}

std::string Rollout::state_of(std::size_t wave) const {
  if (wave > deployment_.wave()) return "waiting";
  if (deployment_.state() == v1::DEPLOYMENT_STATE_ABORTED) return "aborted";
  const bool is_under_way = is_paused() || deployment_.state() == v1::DEPLOYMENT_STATE_ROLLING_OUT;
  if (wave < deployment_.wave() || !is_under_way) return "done";
  return stage_ == Stage::kPushing ? "pushing" : "baking";
}

v1::Rollout Rollout::describe(const std::vector<WaveAnswers>& answers, Instant now) const {
  v1::Rollout rollout;
  *rollout.mutable_deployment() = deployment_;
  const bool is_under_way = is_paused() || deployment_.state() == v1::DEPLOYMENT_STATE_ROLLING_OUT;
  rollout.set_done(!is_under_way);
  for (std::size_t i = 0; i < plan_.waves().size(); ++i) {
    v1::Rollout::Wave& wave = *rollout.add_waves();
    wave.set_name(plan_.waves()[i].name);
    wave.set_selector(plan_.waves()[i].text);
    wave.set_pops(answers[i].connected);
    wave.set_acked(answers[i].acked);
    wave.set_nacked(answers[i].nacked);
    wave.set_state(state_of(i));
    wave.set_requests(fresh_[i].requests);
    wave.set_errors(fresh_[i].errors);
    wave.set_p99_ms(p99_ms(fresh_[i]));
    wave.set_base_p99_ms(p99_ms(base_));
    if (fresh_[i].requests > 0) {
      wave.set_cpu_ms(static_cast<double>(fresh_[i].cpu_us) / 1000.0 /
                      static_cast<double>(fresh_[i].requests));
    }
    if (is_under_way && wave.state() == "baking") {
      const auto left = std::max<std::chrono::nanoseconds>(bake() - (now - stage_began_),
                                                           std::chrono::nanoseconds(0));
      wave.set_bake_left_ms(
          static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::milliseconds>(left).count()));
    }
  }
  return rollout;
}

}  // namespace isopop::control
