#include "control_plane/distribution/convergence.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "common/result/assert.h"
#include "common/units/units.h"

namespace isopop::control {
namespace {

bool has_share_of(const v1::Assignment& assignment, std::uint64_t number) {
  return std::any_of(assignment.shares().begin(), assignment.shares().end(),
                     [number](const v1::Share& it) { return it.version().number() == number; });
}

bool has_share_of(const Release* release, std::uint64_t number) {
  if (release == nullptr) return false;
  const auto& shares = release->deployment.shares();
  return std::any_of(shares.begin(), shares.end(),
                     [number](const v1::VersionShare& it) { return it.number() == number; });
}

// When the deployment was committed, if it is one that PoPs are to have.
Instant committed_at(const Catalog& catalog, WorkerIndex worker, std::uint64_t deployment) {
  const Release* rolling = catalog.rolling(worker);
  const bool is_rolling = rolling != nullptr && rolling->deployment.number() == deployment;
  const Release* release = is_rolling ? rolling : catalog.base(worker);
  ISOPOP_ASSERT(release != nullptr && release->deployment.number() == deployment,
                "a deployment that some PoP is to have");
  return release->committed_at;
}

const char* name_of(v1::PopState state) {
  switch (state) {
    case v1::POP_STATE_STARTING:
      return "starting";
    case v1::POP_STATE_READY:
      return "ready";
    default:
      return "down";
  }
}

}  // namespace

v1::VersionProgress progress_of(const Catalog& catalog, const PopTable& pops, WorkerIndex worker,
                                std::uint64_t number) {
  v1::VersionProgress progress;
  const bool is_on_its_way = has_share_of(catalog.rolling(worker), number);
  if (!is_on_its_way && !has_share_of(catalog.base(worker), number)) {
    progress.set_superseded(true);
    progress.set_done(true);
    return progress;
  }
  std::uint64_t wanted = 0;
  std::uint64_t acked = 0;
  for (const auto& [id, record] : pops.records()) {
    if (!record.session) continue;
    const DesiredRef desired = catalog.desired(worker, record.pop.identity());
    if (desired == nullptr || !has_share_of(desired->assignment, number)) continue;
    ++wanted;
    const Holdings::Answer answer = record.holdings.answer_to(worker, desired);
    if (answer == Holdings::Answer::kNone) continue;
    const Holdings::Entry& entry = *record.holdings.find(worker);
    if (answer == Holdings::Answer::kRefused) {
      v1::VersionProgress::Rejection& rejection = *progress.add_rejections();
      rejection.set_pop(id);
      rejection.set_error(entry.refused->error);
      continue;
    }
    ++acked;
    if (entry.ack_ms >= 0) progress.add_ack_ms(static_cast<double>(entry.ack_ms));
  }
  progress.set_pops(wanted);
  progress.set_acked(acked);
  const auto answered = acked + static_cast<std::uint64_t>(progress.rejections_size());
  progress.set_done(answered == wanted && !is_on_its_way);
  if (progress.done()) {
    std::sort(progress.mutable_ack_ms()->begin(), progress.mutable_ack_ms()->end());
  } else {
    progress.clear_ack_ms();
  }
  return progress;
}

std::uint64_t pops_in_sync(const Catalog& catalog, const PopTable& pops, WorkerIndex worker) {
  std::uint64_t count = 0;
  for (const auto& [id, record] : pops.records()) {
    if (!record.session) continue;
    const DesiredRef desired = catalog.desired(worker, record.pop.identity());
    if (desired == nullptr) continue;
    if (record.holdings.answer_to(worker, desired) == Holdings::Answer::kAcknowledged) ++count;
  }
  return count;
}

v1::Convergence convergence_of(const Catalog& catalog, const PopTable& pops, WorkerIndex worker,
                               std::uint64_t deployment, Instant now) {
  v1::Convergence convergence;
  std::uint64_t held_before = 0;
  for (const auto& [id, record] : pops.records()) {
    const DesiredRef desired = catalog.desired(worker, record.pop.identity());
    if (desired == nullptr || desired->assignment.deployment() != deployment) continue;
    const Holdings::Answer answer = record.holdings.answer_to(worker, desired);
    const Holdings::Entry* entry = record.holdings.find(worker);
    if (answer == Holdings::Answer::kRefused) {
      v1::Convergence::Rejection& rejection = *convergence.add_rejections();
      rejection.set_pop(id);
      rejection.set_error(entry->refused->error);
    } else if (answer == Holdings::Answer::kNone) {
      v1::Convergence::Laggard& laggard = *convergence.add_laggards();
      laggard.set_id(id);
      laggard.set_waiting_ms(to_ms(now - committed_at(catalog, worker, deployment)));
      laggard.set_state(name_of(record.pop.state()));
    } else if (entry->ack_ms >= 0) {
      v1::Convergence::Pop& acked = *convergence.add_acked();
      acked.set_id(id);
      acked.set_ack_ms(static_cast<double>(entry->ack_ms));
    } else {
      ++held_before;
    }
  }
  convergence.set_held_before(held_before);
  std::stable_sort(convergence.mutable_acked()->begin(), convergence.mutable_acked()->end(),
                   [](const auto& a, const auto& b) { return a.ack_ms() < b.ack_ms(); });
  return convergence;
}

std::vector<WaveAnswers> wave_answers(const Catalog& catalog, const PopTable& pops,
                                      WorkerIndex worker, const Plan& plan,
                                      std::uint64_t deployment) {
  std::vector<WaveAnswers> waves(plan.waves().size());
  for (const auto& [id, record] : pops.records()) {
    WaveAnswers& wave = waves[plan.wave_of(record.pop.identity())];
    ++wave.known;
    if (!record.session) continue;
    ++wave.connected;
    const DesiredRef desired = catalog.desired(worker, record.pop.identity());
    if (desired == nullptr || desired->assignment.deployment() != deployment) continue;
    switch (record.holdings.answer_to(worker, desired)) {
      case Holdings::Answer::kAcknowledged:
        ++wave.acked;
        break;
      case Holdings::Answer::kRefused:
        if (wave.nacked++ == 0) {
          wave.first_nack = fmt::format("{}: {}", id, record.holdings.find(worker)->refused->error);
        }
        break;
      case Holdings::Answer::kNone:
        break;
    }
  }
  return waves;
}

}  // namespace isopop::control
