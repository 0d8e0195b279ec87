#include "control_plane/distribution/rollouts.h"

#include <algorithm>

#include "common/units/units.h"

namespace isopop::control {

void Rollouts::begin(const std::string& worker, std::uint64_t number, Instant committed_at) {
  by_worker_[worker] =
      Rollout{.number = number, .committed_at = committed_at, .acknowledged = {}, .refused = {}};
}

void Rollouts::end(const std::string& worker) {
  by_worker_.erase(worker);
}

Rollouts::Rollout* Rollouts::find(const std::string& worker, std::uint64_t number) {
  const auto found = by_worker_.find(worker);
  return found != by_worker_.end() && found->second.number == number ? &found->second : nullptr;
}

bool Rollouts::acknowledge(const std::string& pop, const std::string& worker, std::uint64_t number,
                           Instant now) {
  Rollout* rollout = find(worker, number);
  if (rollout == nullptr) return false;
  rollout->refused.erase(pop);
  // A second acknowledgement (after a reconnection) does not change when the PoP first had it.
  rollout->acknowledged.try_emplace(pop, now - rollout->committed_at);
  return true;
}

bool Rollouts::refuse(const std::string& pop, const std::string& worker, std::uint64_t number,
                      const std::string& error) {
  Rollout* rollout = find(worker, number);
  if (rollout == nullptr) return false;
  rollout->acknowledged.erase(pop);
  rollout->refused[pop] = error;
  return true;
}

bool Rollouts::found_at(const std::string& pop, const std::string& worker, std::uint64_t number) {
  Rollout* rollout = find(worker, number);
  if (rollout == nullptr) return false;
  rollout->refused.erase(pop);
  rollout->acknowledged.try_emplace(pop, std::nullopt);
  return true;
}

void Rollouts::forget(const std::string& pop, const std::string& worker) {
  const auto found = by_worker_.find(worker);
  if (found == by_worker_.end()) return;
  found->second.acknowledged.erase(pop);
  found->second.refused.erase(pop);
}

bool Rollouts::is_live(const std::string& worker, std::uint64_t number) const {
  const auto found = by_worker_.find(worker);
  return found != by_worker_.end() && found->second.number == number;
}

bool Rollouts::has_acknowledged(const std::string& pop, const std::string& worker) const {
  const auto found = by_worker_.find(worker);
  return found != by_worker_.end() && found->second.acknowledged.contains(pop);
}

v1::VersionProgress Rollouts::progress(const std::string& worker, std::uint64_t number,
                                       const std::set<std::string>& connected) const {
  v1::VersionProgress progress;
  if (!is_live(worker, number)) {
    progress.set_superseded(true);
    progress.set_done(true);
    return progress;
  }
  const Rollout& rollout = by_worker_.at(worker);
  progress.set_pops(connected.size());
  std::uint64_t acked = 0;
  for (const std::string& pop : connected) {
    if (const auto ack = rollout.acknowledged.find(pop); ack != rollout.acknowledged.end()) {
      ++acked;
      if (ack->second) progress.add_ack_ms(to_ms(*ack->second));
    } else if (const auto error = rollout.refused.find(pop); error != rollout.refused.end()) {
      v1::VersionProgress::Rejection& rejection = *progress.add_rejections();
      rejection.set_pop(pop);
      rejection.set_error(error->second);
    }
  }
  progress.set_acked(acked);
  progress.set_done(acked + static_cast<std::uint64_t>(progress.rejections_size()) ==
                    connected.size());
  if (progress.done()) {
    std::sort(progress.mutable_ack_ms()->begin(), progress.mutable_ack_ms()->end());
  } else {
    progress.clear_ack_ms();
  }
  return progress;
}

}  // namespace isopop::control
