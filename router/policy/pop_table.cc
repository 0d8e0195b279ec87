#include "router/policy/pop_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace isopop::router {

std::string_view to_string(PopState state) {
  switch (state) {
    case PopState::kStarting:
      return "starting";
    case PopState::kReady:
      return "ready";
    case PopState::kDown:
      return "down";
  }
  return "unknown";
}

Result<std::shared_ptr<const PopTable>> PopTable::create(std::vector<Pop> pops) {
  std::sort(pops.begin(), pops.end(), [](const Pop& a, const Pop& b) { return a.id < b.id; });
  for (std::size_t i = 0; i < pops.size(); ++i) {
    if (pops[i].id.empty()) return invalid_argument("a PoP without an id");
    if (i > 0 && pops[i].id == pops[i - 1].id) {
      return invalid_argument(fmt::format("two PoPs have the id '{}'", pops[i].id));
    }
    ISOPOP_TRY(check_geo_point(pops[i].place).with_context(fmt::format("PoP {}", pops[i].id)));
  }
  std::vector<std::size_t> eligible;
  struct Choice {
    PopState state;
    bool is_drained;
  };
  for (const Choice choice : {Choice{PopState::kReady, false}, Choice{PopState::kDown, false},
                              Choice{PopState::kReady, true}}) {
    for (std::size_t i = 0; i < pops.size(); ++i) {
      if (pops[i].state == choice.state && pops[i].is_drained == choice.is_drained) {
        eligible.push_back(i);
      }
    }
    if (!eligible.empty()) break;
  }
  std::vector<GeoSite> sites;
  sites.reserve(eligible.size());
  for (const std::size_t i : eligible) sites.push_back({.id = pops[i].id, .place = pops[i].place});
  ISOPOP_TRY_ASSIGN(auto index, GeoIndex::create(std::move(sites)));
  return std::shared_ptr<const PopTable>(
      new PopTable(std::move(pops), std::move(eligible), std::move(index)));
}

PopTable::PopTable(std::vector<Pop> pops, std::vector<std::size_t> eligible,
                   std::unique_ptr<const GeoIndex> eligible_index)
    : pops_(std::move(pops)),
      eligible_(std::move(eligible)),
      eligible_index_(std::move(eligible_index)) {}

const Pop* PopTable::find(std::string_view id) const {
  const auto found =
      std::lower_bound(pops_.begin(), pops_.end(), id,
                       [](const Pop& pop, std::string_view key) { return pop.id < key; });
  return found != pops_.end() && found->id == id ? &*found : nullptr;
}

}  // namespace isopop::router
