#include "pop_node/worker/live_assignment.h"

#include <algorithm>
#include <numeric>
#include <set>
#include <string>
#include <utility>

#include "common/hash/hash.h"
#include "common/text/text.h"

namespace isopop::pop {
namespace {

bool same_secrets(const std::vector<v1::Secret>& live,
                  const google::protobuf::RepeatedPtrField<v1::Secret>& pushed) {
  return std::equal(live.begin(), live.end(), pushed.begin(), pushed.end(),
                    [](const v1::Secret& a, const v1::Secret& b) {
                      return a.name() == b.name() && a.value() == b.value();
                    });
}

// The same version with the same secrets, if it runs already.
LiveWorkerPtr running(const LiveAssignmentPtr& before, const v1::WorkerVersion& version,
                      const v1::Assignment& assignment) {
  if (before == nullptr) return nullptr;
  for (const LiveShare& share : before->shares()) {
    if (share.worker->version.number() == version.number() &&
        same_secrets(share.worker->secrets, assignment.secrets()) &&
        share.worker->version.SerializeAsString() == version.SerializeAsString()) {
      return share.worker;
    }
  }
  return nullptr;
}

Result<LiveWorkerPtr> resolve(const v1::WorkerVersion& version, const v1::Assignment& assignment,
                              const WorkerDefaults& defaults) {
  ISOPOP_TRY_ASSIGN(const LiveWorkerPtr plain, resolve_worker(version, defaults));
  if (assignment.secrets().empty()) return plain;
  auto with_secrets = std::make_shared<LiveWorker>(*plain);
  with_secrets->secrets.assign(assignment.secrets().begin(), assignment.secrets().end());
  return LiveWorkerPtr(std::move(with_secrets));
}

Result<void> check_shares(const v1::Assignment& assignment) {
  const auto bad = [&assignment](std::string_view why) {
    return Error{ErrorCode::kFailedPrecondition, "worker " + assignment.worker() + " deployment " +
                                                     std::to_string(assignment.deployment()) +
                                                     ": " + std::string(why)};
  };
  std::uint64_t sum = 0;
  std::set<std::uint64_t> numbers;
  for (const v1::Share& share : assignment.shares()) {
    if (share.version().worker() != assignment.worker()) {
      return bad("a version of another worker has a share of it");
    }
    if (share.weight() == 0) return bad("a share without weight");
    if (!numbers.insert(share.version().number()).second) {
      return bad("version " + std::to_string(share.version().number()) + " has two shares");
    }
    sum += share.weight();
  }
  if (sum != kWeightSum) {
    return bad("its shares sum up to " + std::to_string(sum) + ", not to " +
               std::to_string(kWeightSum));
  }
  return {};
}

}  // namespace

LiveAssignment::LiveAssignment(const v1::Assignment& pushed, std::vector<LiveShare> shares)
    : shares_(std::move(shares)), by_number_(shares_.size()) {
  ISOPOP_ASSERT(!shares_.empty(), "an assignment has a version");
  head_.set_worker(pushed.worker());
  head_.set_deployment(pushed.deployment());
  head_.set_digest(pushed.digest());
  if (pushed.has_stickiness()) *head_.mutable_stickiness() = pushed.stickiness();
  std::iota(by_number_.begin(), by_number_.end(), std::size_t{0});
  std::sort(by_number_.begin(), by_number_.end(), [this](std::size_t a, std::size_t b) {
    return shares_[a].worker->version.number() < shares_[b].worker->version.number();
  });
}

v1::Assignment LiveAssignment::pushed() const {
  v1::Assignment assignment = head_;
  for (const LiveShare& share : shares_) {
    v1::Share& out = *assignment.add_shares();
    *out.mutable_version() = share.worker->version;
    out.set_weight(share.weight);
  }
  for (const v1::Secret& secret : shares_.front().worker->secrets) {
    *assignment.add_secrets() = secret;
  }
  return assignment;
}

const LiveWorkerPtr& LiveAssignment::at(std::uint32_t point) const {
  ISOPOP_ASSERT(point < kWeightSum, "a point in the range of weights");
  for (const std::size_t index : by_number_) {
    const LiveShare& share = shares_[index];
    if (point < share.weight) return share.worker;
    point -= share.weight;
  }
  return shares_[by_number_.back()].worker;
}

bool LiveAssignment::holds(const LiveWorkerPtr& worker) const {
  return std::any_of(shares_.begin(), shares_.end(),
                     [&worker](const LiveShare& share) { return share.worker == worker; });
}

std::uint32_t share_point(std::string_view worker, std::string_view key) {
  std::string text(worker);
  text.push_back('\0');
  text.append(key);
  return static_cast<std::uint32_t>(hash64(text) % kWeightSum);
}

Result<LiveAssignmentPtr> resolve_assignment(const v1::Assignment& assignment,
                                             const WorkerDefaults& defaults,
                                             const LiveAssignmentPtr& before) {
  if (!is_worker_name(assignment.worker())) {
    return invalid_argument("'" + std::string(truncate_utf8(assignment.worker(), 80)) +
                            "' is not a worker's name");
  }
  ISOPOP_TRY(check_shares(assignment));
  std::vector<LiveShare> shares;
  for (const v1::Share& share : assignment.shares()) {
    LiveWorkerPtr worker = running(before, share.version(), assignment);
    if (worker == nullptr) {
      ISOPOP_TRY_ASSIGN(worker, resolve(share.version(), assignment, defaults));
    }
    shares.push_back({std::move(worker), share.weight()});
  }
  return LiveAssignmentPtr(std::make_shared<const LiveAssignment>(assignment, std::move(shares)));
}

}  // namespace isopop::pop
