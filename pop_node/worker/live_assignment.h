#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "isopop/v1/worker.pb.h"
#include "pop_node/worker/live_worker.h"

namespace isopop::pop {

// Weights of an assignment's shares sum up to this.
inline constexpr std::uint32_t kWeightSum = 10'000;

struct LiveShare {
  LiveWorkerPtr worker;
  std::uint32_t weight = 0;
};

// What this PoP runs under a worker's name: one version or several, each with its share of the
// requests. Immutable.
class LiveAssignment {
 public:
  // `shares` by version number, each once; their weights sum up to kWeightSum.
  LiveAssignment(v1::Assignment pushed, std::vector<LiveShare> shares);

  // As it was pushed, but for `trial`.
  [[nodiscard]] const v1::Assignment& pushed() const { return pushed_; }
  [[nodiscard]] const std::vector<LiveShare>& shares() const { return shares_; }
  // Its versions as they were pushed begin with the heaviest.
  [[nodiscard]] const v1::WorkerVersion& heaviest() const { return pushed_.shares(0).version(); }

  // The version for a point below kWeightSum. Shares take their parts of the range in the order of
  // their numbers, so that a share that grows at its neighbour's cost keeps all it had.
  [[nodiscard]] const LiveWorkerPtr& at(std::uint32_t point) const;
  [[nodiscard]] bool holds(const LiveWorkerPtr& worker) const;

 private:
  v1::Assignment pushed_;
  std::vector<LiveShare> shares_;
};
using LiveAssignmentPtr = std::shared_ptr<const LiveAssignment>;

// The point of [0, kWeightSum) that a key falls on: the same at every PoP and after every restart,
// and for each worker another. hash64() (common/hash) of the worker's name, a zero byte and the
// key, modulo kWeightSum.
[[nodiscard]] std::uint32_t share_point(std::string_view worker, std::string_view key);

// What `assignment` becomes here, or why this PoP cannot run it. Versions that `before` (or null)
// runs too, with the same secrets, stay the same objects, and so keep their executors.
[[nodiscard]] Result<LiveAssignmentPtr> resolve_assignment(const v1::Assignment& assignment,
                                                           const WorkerDefaults& defaults,
                                                           const LiveAssignmentPtr& before);

}  // namespace isopop::pop
