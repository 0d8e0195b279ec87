#pragma once

#include <cstddef>
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
  // `shares` in the order of `pushed`; their weights sum up to kWeightSum.
  LiveAssignment(const v1::Assignment& pushed, std::vector<LiveShare> shares);

  // Worker, deployment, stickiness and digest; the rest is in the shares, and not held twice: a PoP
  // may hold a thousand of these, and a machine hundreds of PoPs.
  [[nodiscard]] const v1::Assignment& head() const { return head_; }
  // All of it as it was pushed, but for `trial`.
  [[nodiscard]] v1::Assignment pushed() const;
  // As they were pushed: the heaviest first.
  [[nodiscard]] const std::vector<LiveShare>& shares() const { return shares_; }
  [[nodiscard]] const v1::WorkerVersion& heaviest() const {
    return shares_.front().worker->version;
  }

  // The version for a point below kWeightSum. Shares take their parts of the range in the order of
  // their numbers, so that a share that grows at its neighbour's cost keeps all it had.
  [[nodiscard]] const LiveWorkerPtr& at(std::uint32_t point) const;
  [[nodiscard]] bool holds(const LiveWorkerPtr& worker) const;

 private:
  v1::Assignment head_;
  std::vector<LiveShare> shares_;
  std::vector<std::size_t> by_number_;  // which of them, by their versions' numbers
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
