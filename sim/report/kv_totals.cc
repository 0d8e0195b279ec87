#include "sim/report/kv_totals.h"

#include <vector>

namespace isopop::sim {
namespace {

bool has_begun_anew(const KvTotals& before, const KvTotals& after) {
  return after.hits < before.hits || after.misses < before.misses || after.joined < before.joined ||
         after.writes < before.writes || after.invalidations < before.invalidations ||
         after.staleness.count() < before.staleness.count();
}

void add_difference(KvTotals& sum, const KvTotals& before, const KvTotals& after) {
  sum.hits += after.hits - before.hits;
  sum.misses += after.misses - before.misses;
  sum.joined += after.joined - before.joined;
  sum.writes += after.writes - before.writes;
  sum.invalidations += after.invalidations - before.invalidations;
  const std::vector<std::uint64_t>& earlier = before.staleness.counts();
  const std::vector<std::uint64_t>& later = after.staleness.counts();
  for (std::size_t i = 0; i < later.size(); ++i) {
    const std::uint64_t had = i < earlier.size() ? earlier[i] : 0;
    if (later[i] > had) sum.staleness.add(i, later[i] - had);
  }
}

}  // namespace

double KvTotals::hit_ratio() const {
  return reads() == 0 ? 0.0 : static_cast<double>(hits + joined) / static_cast<double>(reads());
}

KvTotals kv_between(const KvByPop& before, const KvByPop& after) {
  KvTotals sum;
  for (const auto& [id, now] : after) {
    const auto then = before.find(id);
    const bool is_known = then != before.end() && !has_begun_anew(then->second, now);
    add_difference(sum, is_known ? then->second : KvTotals{}, now);
  }
  return sum;
}

}  // namespace isopop::sim
