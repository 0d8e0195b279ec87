#include "control_plane/rpc/rollout_board.h"

#include <algorithm>
#include <utility>

#include "common/log/log.h"
#include "control_plane/distribution/convergence.h"

namespace isopop::control {
namespace {

// Between two attempts to write what could not be written.
constexpr auto kAskAgainAfter = std::chrono::seconds(1);

std::optional<Release> release_of(const std::optional<v1::Deployment>& deployment,
                                  const CurrentWorker& worker, Instant committed_at) {
  if (!deployment) return std::nullopt;
  Release release{.deployment = *deployment, .versions = {}, .committed_at = committed_at};
  for (const v1::VersionShare& share : deployment->shares()) {
    release.versions.push_back(worker.versions.at(share.number()));
  }
  return release;
}

// On a clock that only goes forward.
Instant created_at(const v1::Deployment& deployment, const Clock& clock) {
  return clock.now() - (clock.wall_now() - from_unix_ms(deployment.created_at_ms()));
}

}  // namespace

RolloutBoard::RolloutBoard(const Clock& clock, Distributor& distributor, Ports ports)
    : clock_(clock), distributor_(distributor), ports_(std::move(ports)), history_(clock.now()) {}

void RolloutBoard::worker_is(const CurrentWorker& now, std::optional<Instant> committed_at) {
  const auto active = active_.find(now.worker);
  const bool is_known = active != active_.end() && now.rolling &&
                        active->second.rollout.deployment().number() == now.rolling->number();
  // Before PoPs are told something else: how far it had come.
  if (active != active_.end() && !is_known) end(now.worker, now);

  const auto committed = [&](const std::optional<v1::Deployment>& deployment) {
    if (committed_at) return *committed_at;
    return deployment ? created_at(*deployment, clock_) : clock_.now();
  };
  const std::optional<Release> base = release_of(now.base, now, committed(now.base));
  std::optional<Release> rolling = release_of(now.rolling, now, committed(now.rolling));
  if (is_known && active->second.aborted) rolling.reset();
  const Result<void> set = distributor_.set_worker(now.worker, base, rolling);
  if (!set.ok()) {
    log_error("{}: deployment {} cannot be rolled out and stays where it is: {}", now.worker,
              now.rolling->number(), set.error().message);
    distributor_.set_worker(now.worker, base, std::nullopt).ignore("no plan in it");
    return;
  }
  if (is_known) {
    active->second.rollout.update(*now.rolling, clock_.now());
  } else if (rolling) {
    begin(now);
  }
}

void RolloutBoard::begin(const CurrentWorker& now) {
  const std::optional<WorkerIndex> worker = distributor_.catalog().find(now.worker);
  Rollout rollout(*now.rolling, now.base, *distributor_.catalog().plan(*worker), clock_.now());
  for (const std::uint64_t version : rollout.base_versions()) {
    rollout.count_base(history_.recent(now.worker, version));
  }
  log_info("{}: deployment {} rolls out in {} wave(s), now {}", now.worker, now.rolling->number(),
           rollout.plan().waves().size(), rollout.plan().waves()[now.rolling->wave()].name);
  active_.insert_or_assign(now.worker, Active{.rollout = std::move(rollout),
                                              .ask_again = clock_.now(),
                                              .aborted = std::nullopt,
                                              .answers = {},
                                              .convergence = {}});
}

void RolloutBoard::end(const std::string& worker, const CurrentWorker& now) {
  Active& active = active_.at(worker);
  if (!active.aborted) take_picture(worker, active);
  Ended ended{.worker = worker,
              .rollout = std::move(active.rollout),
              .answers = std::move(active.answers),
              .convergence = std::move(active.convergence)};
  active_.erase(worker);
  const std::uint64_t number = ended.rollout.deployment().number();
  if (now.base && now.base->number() == number) {
    log_info("{}: deployment {} is live", worker, number);
    ended.rollout.update(*now.base, clock_.now());
    return keep(std::move(ended));
  }
  ports_.read(worker, number,
              [this, worker, ended = std::move(ended)](Result<v1::Deployment> deployment) mutable {
                if (!deployment.ok()) {
                  return log_error("{}: how its deployment ended is not known: {}", worker,
                                   deployment.error().message);
                }
                if (deployment.value().state() == v1::DEPLOYMENT_STATE_ABORTED) ++aborted_total_;
                log_info("{}: deployment {} ended: {}", worker, deployment.value().number(),
                         deployment.value().reason());
                ended.rollout.update(deployment.value(), clock_.now());
                keep(std::move(ended));
              });
}

void RolloutBoard::keep(Ended ended) {
  ended_.push_front(std::move(ended));
  if (ended_.size() > kEndedMax) ended_.pop_back();
}

std::size_t RolloutBoard::under_way(v1::DeploymentState state) const {
  return static_cast<std::size_t>(
      std::count_if(active_.begin(), active_.end(), [state](const auto& entry) {
        const Active& active = entry.second;
        return state == (active.aborted ? v1::DEPLOYMENT_STATE_ABORTED
                                        : active.rollout.deployment().state());
      }));
}

void RolloutBoard::take_picture(const std::string& worker, Active& active) const {
  active.answers = answers_of(worker, active.rollout);
  active.convergence = convergence(worker, active.rollout.deployment().number());
}

void RolloutBoard::tick() {
  for (auto& [worker, active] : active_) {
    if (active.is_asking || clock_.now() < active.ask_again) continue;
    if (active.aborted) {
      ask(worker, active, {.action = Rollout::Action::kAbort, .reason = *active.aborted});
      continue;
    }
    const Rollout::Step step =
        active.rollout.step(answers_of(worker, active.rollout), clock_.now());
    if (step.action == Rollout::Action::kWait) continue;
    if (step.action == Rollout::Action::kAbort) abort(worker, active, step.reason);
    ask(worker, active, step);
  }
}

// The PoPs first: what is written meanwhile, or cannot be, does no harm.
void RolloutBoard::abort(const std::string& worker, Active& active, const std::string& reason) {
  log_warning("{}: deployment {} is aborted: {}", worker, active.rollout.deployment().number(),
              reason);
  take_picture(worker, active);
  active.aborted = reason;
  const Release* live = distributor_.catalog().base(*distributor_.catalog().find(worker));
  const std::optional<Release> base = live == nullptr ? std::nullopt : std::optional(*live);
  distributor_.set_worker(worker, base, std::nullopt).ignore("no plan in it");
}

void RolloutBoard::ask(const std::string& worker, Active& active, const Rollout::Step& step) {
  const v1::Deployment& deployment = active.rollout.deployment();
  DeploymentChange change{.worker = worker,
                          .number = deployment.number(),
                          .state = deployment.state(),
                          .wave = deployment.wave(),
                          .reason = step.reason};
  switch (step.action) {
    case Rollout::Action::kWait:
      return;
    case Rollout::Action::kNextWave:
      ++change.wave;
      break;
    case Rollout::Action::kLive:
      change.state = v1::DEPLOYMENT_STATE_LIVE;
      break;
    case Rollout::Action::kPause:
      change.state = v1::DEPLOYMENT_STATE_PAUSED;
      break;
    case Rollout::Action::kAbort:
      change.state = v1::DEPLOYMENT_STATE_ABORTED;
      break;
  }
  active.is_asking = true;
  ports_.change(change, [this, worker, number = change.number](const Result<void>& done) {
    const auto found = active_.find(worker);
    if (found == active_.end() || found->second.rollout.deployment().number() != number) return;
    found->second.is_asking = false;
    if (done.ok()) return;
    log_warning("{}: deployment {}: {}; tried again", worker, number, done.error().message);
    found->second.ask_again = clock_.now() + kAskAgainAfter;
  });
}

std::vector<WaveAnswers> RolloutBoard::answers_of(const std::string& worker,
                                                  const Rollout& rollout) const {
  return wave_answers(distributor_.catalog(), distributor_.pop_table(),
                      *distributor_.catalog().find(worker), rollout.plan(),
                      rollout.deployment().number());
}

const RolloutBoard::Ended* RolloutBoard::find_ended(const std::string& worker,
                                                    std::uint64_t number) const {
  const auto found = std::find_if(ended_.begin(), ended_.end(), [&](const Ended& ended) {
    return ended.worker == worker && ended.rollout.deployment().number() == number;
  });
  return found == ended_.end() ? nullptr : &*found;
}

const Release* RolloutBoard::live(const std::string& worker, std::uint64_t number) const {
  const std::optional<WorkerIndex> index = distributor_.catalog().find(worker);
  const Release* base = index ? distributor_.catalog().base(*index) : nullptr;
  return base != nullptr && base->deployment.number() == number ? base : nullptr;
}

std::optional<v1::Rollout> RolloutBoard::rollout(const std::string& worker,
                                                 std::uint64_t number) const {
  const Instant now = clock_.now();
  const auto active = active_.find(worker);
  if (active != active_.end() && active->second.rollout.deployment().number() == number) {
    const Active& it = active->second;
    return it.rollout.describe(it.aborted ? it.answers : answers_of(worker, it.rollout), now);
  }
  const Ended* ended = find_ended(worker, number);
  const Release* base = live(worker, number);
  if (base == nullptr) {
    if (ended == nullptr) return std::nullopt;
    return ended->rollout.describe(ended->answers, now);
  }
  std::optional<Rollout> at_once;
  if (ended == nullptr) {
    Result<Plan> plan = Plan::parse(base->deployment.plan());
    if (!plan.ok()) return std::nullopt;
    at_once.emplace(base->deployment, std::nullopt, std::move(plan).value(), now);
  }
  const Rollout& rollout = ended != nullptr ? ended->rollout : *at_once;
  v1::Rollout described = rollout.describe(answers_of(worker, rollout), now);
  described.set_done(std::all_of(
      described.waves().begin(), described.waves().end(),
      [](const v1::Rollout::Wave& wave) { return wave.acked() + wave.nacked() == wave.pops(); }));
  return described;
}

v1::Convergence RolloutBoard::convergence(const std::string& worker, std::uint64_t number) const {
  const auto active = active_.find(worker);
  if (active != active_.end() && active->second.aborted &&
      active->second.rollout.deployment().number() == number) {
    return active->second.convergence;
  }
  if (live(worker, number) == nullptr) {
    if (const Ended* ended = find_ended(worker, number)) return ended->convergence;
  }
  const std::optional<WorkerIndex> index = distributor_.catalog().find(worker);
  if (!index) return {};
  return convergence_of(distributor_.catalog(), distributor_.pop_table(), *index, number,
                        clock_.now());
}

void RolloutBoard::on_heartbeat(const std::string& pop, const v1::Heartbeat& heartbeat) {
  for (const v1::WorkerFigures& figures : heartbeat.figures()) {
    history_.add(figures, clock_.now());
    const auto active = active_.find(figures.worker());
    if (active == active_.end()) continue;
    active->second.rollout.count(distributor_.pop_table().find(pop)->pop.identity(), figures);
  }
}

}  // namespace isopop::control
