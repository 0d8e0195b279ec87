#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "common/metrics/latency_buckets.h"

namespace isopop::sim {

// What the PoPs counted of key-value namespaces: of one PoP since it started, or of all of them
// during a run. docs/kv.md says what each figure means. A plain value.
struct KvTotals {
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t joined = 0;
  std::uint64_t writes = 0;
  std::uint64_t invalidations = 0;
  LatencyBuckets staleness;

  [[nodiscard]] std::uint64_t reads() const { return hits + misses + joined; }
  // Reads that asked nobody themselves; 0 of none.
  [[nodiscard]] double hit_ratio() const;
  [[nodiscard]] bool any() const { return reads() + writes + invalidations > 0; }
};

// By PoP id.
using KvByPop = std::map<std::string, KvTotals>;

// What came between two looks, of all PoPs together. A PoP that was started anew in between, and so
// counts from nothing, counts with all it has.
[[nodiscard]] KvTotals kv_between(const KvByPop& before, const KvByPop& after);

}  // namespace isopop::sim
