#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/pki/signing.h"
#include "common/result/result.h"
#include "pop_node/worker/live_assignment.h"
#include "pop_node/worker/version_store.h"
#include "pop_node/worker/worker_registry.h"

namespace isopop::pop {

// Puts pushed assignments into service: checks them whole, stores them, then makes them live in one
// step. Whatever fails, what was live stays live. An assignment comes in by prepare(), gets the
// code that is missing by add_bundle(), and becomes live by install(), or is let go by discard().
// Owns registry and store; lives on the PoP's event loop.
class WorkerCatalog final {
 public:
  // Called with a version that no new request will be given.
  using OnRetired = std::function<void(const LiveWorkerPtr&)>;

  WorkerCatalog(std::unique_ptr<VersionStore> store, WorkerDefaults defaults);

  // From now on only versions that this key's owner signed are taken, also from the store.
  void verify_with(pki::VerifyKey key) { bundle_key_.emplace(std::move(key)); }

  void on_retired(OnRetired callback) { on_retired_ = std::move(callback); }
  // Called when an assignment has become live.
  void on_installed(std::function<void()> callback) { on_installed_ = std::move(callback); }

  // Makes the stored assignments live whose bundles are all there and intact; how many they are.
  std::size_t restore();

  // What `assignment` becomes here; UNIMPLEMENTED, PERMISSION_DENIED and the like when it cannot be
  // run here at all, so that nothing is fetched in vain. While the result lives its code is kept.
  [[nodiscard]] Result<LiveAssignmentPtr> prepare(const v1::Assignment& assignment);

  struct Bundle {
    std::string sha256;
    std::uint64_t bytes = 0;
  };
  // The code that install() would not find, each bundle once.
  [[nodiscard]] std::vector<Bundle> missing(const LiveAssignment& prepared) const;
  // Takes code into the store, if it is what the assignment's versions of that hash say.
  [[nodiscard]] Result<void> add_bundle(const LiveAssignment& prepared, const std::string& sha256,
                                        std::string_view bytes);
  // The versions that are not live yet.
  [[nodiscard]] std::vector<LiveWorkerPtr> new_versions(const LiveAssignment& prepared) const;

  // All of it, or nothing: DATA_LOSS or NOT_FOUND when code turned out to be damaged or gone.
  [[nodiscard]] Result<void> install(const LiveAssignmentPtr& prepared);
  // It will not be installed: what was begun with its new versions may end.
  void discard(const LiveAssignmentPtr& prepared) const;
  // Not being there is fine.
  [[nodiscard]] Result<void> remove(std::string_view worker);

  // The number with the greatest share of that name, 0 if none.
  [[nodiscard]] std::uint64_t live_number(std::string_view worker) const;
  [[nodiscard]] const WorkerRegistry& registry() const { return registry_; }
  // Hashes of the bundles in the store.
  [[nodiscard]] std::vector<std::string> bundles() const { return store_->bundles(); }
  // The code of a version, checked against its hash.
  [[nodiscard]] Result<std::string> read_bundle(const LiveWorker& worker) const;
  // Deletes the bundles that no live, prepared or `still_needed` version names.
  void collect_garbage(std::set<std::string> still_needed);

  // Why the store could not be written when it was last tried, for people; empty when it could.
  [[nodiscard]] const std::string& store_problem() const { return store_problem_; }
  // Tries again, if there is a problem.
  void look_after_store();

 private:
  [[nodiscard]] Result<void> check_code(const LiveWorker& worker) const;
  [[nodiscard]] Result<void> note_write(Result<void> outcome);
  void retire_missing(const LiveAssignmentPtr& before, const LiveAssignmentPtr& now) const;

  std::unique_ptr<VersionStore> store_;
  WorkerDefaults defaults_;
  std::optional<pki::VerifyKey> bundle_key_;
  WorkerRegistry registry_;
  std::vector<std::weak_ptr<const LiveAssignment>> prepared_;
  // Versions whose code was checked when it came, until they are live.
  std::map<const LiveWorker*, std::weak_ptr<const LiveWorker>> checked_;
  OnRetired on_retired_;
  std::function<void()> on_installed_;
  std::string store_problem_;
};

}  // namespace isopop::pop
