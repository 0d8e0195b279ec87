#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/time/clock.h"
#include "control_plane/rollout/plan.h"
#include "control_plane/rollout/selector.h"
#include "isopop/v1/control.pb.h"
#include "isopop/v1/distribution.pb.h"
#include "isopop/v1/worker.pb.h"

namespace isopop::control {

// Stands for a worker's name: four bytes where thousands of names would be kept for each PoP.
using WorkerIndex = std::uint32_t;

// A deployment with what its shares name.
struct Release {
  v1::Deployment deployment;
  std::vector<v1::WorkerVersion> versions;  // one for each of its shares, in any order
  Instant committed_at;
};

// What a PoP is to run under a worker's name. Immutable, and shared by all PoPs that are to run the
// same.
struct Desired {
  v1::Assignment assignment;                    // with its digest
  std::shared_ptr<const v1::HeldVersion> held;  // the same as a PoP tells it
  Instant committed_at;                         // its deployment
};
using DesiredRef = std::shared_ptr<const Desired>;

// One secret and the PoPs that may have it. Several of one name: the first that fits a PoP.
struct ScopedSecret {
  std::string name;
  std::string value;
  Selector selector;
};

// What PoPs are to run: of each worker the deployment that is live and, while one rolls out, which
// PoPs have its turn already; and the secrets that belong to it. Not thread-safe: a plain part of
// the distributor's.
class Catalog final {
 public:
  // The name's index from now on; kept for as long as the process lives, also without a worker.
  [[nodiscard]] WorkerIndex index_of(const std::string& worker);
  [[nodiscard]] std::optional<WorkerIndex> find(const std::string& worker) const;
  [[nodiscard]] const std::string& name(WorkerIndex worker) const { return entries_[worker].name; }
  [[nodiscard]] std::size_t names() const { return entries_.size(); }

  // Replaces all that was known of the worker but its secrets, and when deployments that were known
  // already had been committed; neither: it is gone. INVALID_ARGUMENT when the rollout's plan
  // cannot be understood, and nothing changed.
  [[nodiscard]] Result<void> set(WorkerIndex worker, const std::optional<Release>& base,
                                 const std::optional<Release>& rolling);
  void set_secrets(WorkerIndex worker, std::vector<ScopedSecret> secrets);

  // Null when it is to run nothing under that name.
  [[nodiscard]] DesiredRef desired(WorkerIndex worker, const v1::PopIdentity& pop) const;
  // Those that are live, or on the way, somewhere.
  [[nodiscard]] const std::set<WorkerIndex>& workers() const { return workers_; }

  // Null: there is none.
  [[nodiscard]] const Release* base(WorkerIndex worker) const;
  [[nodiscard]] const Release* rolling(WorkerIndex worker) const;
  [[nodiscard]] const Plan* plan(WorkerIndex worker) const;  // of what is rolling

 private:
  // A release and the assignments made of it so far, by which secrets are in them and whether they
  // are a trial.
  struct Line {
    Release release;
    mutable std::map<std::string, DesiredRef> made;
  };
  struct Rolling {
    Line line;
    Plan plan;
  };
  struct Entry {
    std::string name;
    std::unique_ptr<Line> base;
    std::unique_ptr<Rolling> rolling;
    std::vector<ScopedSecret> secrets;
  };
  enum class Trial { kNo, kYes };
  [[nodiscard]] DesiredRef assign(const Entry& entry, const Line& line, const v1::PopIdentity& pop,
                                  Trial trial) const;

  std::deque<Entry> entries_;
  std::map<std::string, WorkerIndex> indices_;
  std::set<WorkerIndex> workers_;
};

// SHA-256 of the deterministic serialisation without digest and trial, lower-case hexadecimal.
[[nodiscard]] std::string digest_of(const v1::Assignment& assignment);

}  // namespace isopop::control
