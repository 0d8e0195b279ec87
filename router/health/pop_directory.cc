#include "router/health/pop_directory.h"

#include <utility>

namespace isopop::router {

void PopDirectory::apply(const PopsChange& change, Instant now) {
  std::map<std::string, Pop> before;
  if (change.snapshot) {
    before = std::exchange(pops_, {});
    kept_.clear();
  }
  for (const Pop& pop : change.pops) {
    pops_.insert_or_assign(pop.id, pop);
    kept_.erase(pop.id);
  }
  for (const auto& [id, pop] : before) {
    if (pop.state != PopState::kReady) continue;
    const auto listed = pops_.find(id);
    if (listed == pops_.end()) {
      pops_.emplace(id, pop);
      kept_.emplace(id, std::nullopt);
    } else if (listed->second.state == PopState::kDown) {
      const bool is_drained = listed->second.is_drained;
      kept_.emplace(id, std::exchange(listed->second, pop));
      listed->second.is_drained = is_drained;  // that is people's word, not a guess
    }
  }
  if (change.snapshot) kept_until_ = now + grace_;
}

bool PopDirectory::expire(Instant now) {
  if (kept_.empty() || now < kept_until_) return false;
  for (const auto& [id, said] : kept_) {
    if (said) {
      pops_.insert_or_assign(id, *said);
    } else {
      pops_.erase(id);
    }
  }
  kept_.clear();
  return true;
}

std::optional<Instant> PopDirectory::expires_at() const {
  return kept_.empty() ? std::nullopt : std::optional(kept_until_);
}

std::vector<Pop> PopDirectory::pops() const {
  std::vector<Pop> list;
  list.reserve(pops_.size());
  for (const auto& [id, pop] : pops_) list.push_back(pop);
  return list;
}

}  // namespace isopop::router
