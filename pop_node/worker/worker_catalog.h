#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"
#include "pop_node/worker/live_worker.h"
#include "pop_node/worker/version_store.h"
#include "pop_node/worker/worker_registry.h"

namespace isopop::pop {

// Puts pushed versions into service: checks them whole, stores them, then makes them live in one
// step. Whatever fails, the version that was live stays live. Owns registry and store; lives on the
// PoP's event loop.
class WorkerCatalog final {
 public:
  // Called with a version that no new request will be given.
  using OnRetired = std::function<void(const LiveWorkerPtr&)>;

  WorkerCatalog(std::unique_ptr<VersionStore> store, WorkerDefaults defaults);

  void on_retired(OnRetired callback) { on_retired_ = std::move(callback); }
  // Called when a version has become live.
  void on_installed(std::function<void()> callback) { on_installed_ = std::move(callback); }

  // Makes the stored versions live whose bundles are there and intact; how many they are.
  std::size_t restore();

  // Whether install() needs no bundle bytes for this version; UNIMPLEMENTED and the like when the
  // version cannot be run here at all, so that nothing is fetched in vain.
  [[nodiscard]] Result<bool> holds_code_of(const v1::WorkerVersion& version) const;

  // Makes `version` live. `bundle` absent: the stored one is used. Installing the version that is
  // already live does nothing.
  [[nodiscard]] Result<void> install(const v1::WorkerVersion& version,
                                     const std::optional<std::string>& bundle);
  // Not being there is fine.
  [[nodiscard]] Result<void> remove(std::string_view worker);

  // The number that is live under that name, 0 if none.
  [[nodiscard]] std::uint64_t live_number(std::string_view worker) const;
  [[nodiscard]] const WorkerRegistry& registry() const { return registry_; }
  // Hashes of the bundles in the store.
  [[nodiscard]] std::vector<std::string> bundles() const { return store_->bundles(); }
  // The code of a version, checked against its hash.
  [[nodiscard]] Result<std::string> read_bundle(const LiveWorker& worker) const;
  // Deletes the bundles that neither a live version nor one of `still_needed` names.
  void collect_garbage(std::set<std::string> still_needed) const;

 private:
  void retire(const LiveWorkerPtr& worker) const;

  std::unique_ptr<VersionStore> store_;
  WorkerDefaults defaults_;
  WorkerRegistry registry_;
  OnRetired on_retired_;
  std::function<void()> on_installed_;
};

}  // namespace isopop::pop
