#include "pop_node/worker/worker_catalog.h"

#include <utility>

namespace isopop::pop {

WorkerCatalog::WorkerCatalog(std::unique_ptr<VersionStore> store, WorkerDefaults defaults)
    : store_(std::move(store)), defaults_(defaults) {}

std::size_t WorkerCatalog::restore() {
  std::set<std::string> needed;
  for (const v1::WorkerVersion& version : store_->versions()) {
    const Result<LiveWorkerPtr> worker = resolve_worker(version, defaults_);
    if (!worker.ok()) continue;
    const Result<std::string> bundle = store_->read_bundle(version.bundle_sha256());
    if (!bundle.ok() || !check_bundle(*worker.value(), bundle.value()).ok()) continue;
    registry_.put(worker.value());
  }
  collect_garbage({});
  return registry_.size();
}

Result<bool> WorkerCatalog::holds_code_of(const v1::WorkerVersion& version) const {
  ISOPOP_TRY(resolve_worker(version, defaults_));
  return store_->has_bundle(version.bundle_sha256());
}

Result<void> WorkerCatalog::install(const v1::WorkerVersion& version,
                                    const std::optional<std::string>& bundle) {
  ISOPOP_TRY_ASSIGN(const LiveWorkerPtr worker, resolve_worker(version, defaults_));
  const LiveWorkerPtr before = registry_.by_name(version.worker());
  if (before != nullptr && before->version.SerializeAsString() == version.SerializeAsString()) {
    return {};
  }
  if (bundle) {
    ISOPOP_TRY(check_bundle(*worker, *bundle));
    ISOPOP_TRY(store_->write_bundle(version.bundle_sha256(), *bundle));
  } else {
    ISOPOP_TRY_ASSIGN(const std::string stored, store_->read_bundle(version.bundle_sha256()));
    ISOPOP_TRY(check_bundle(*worker, stored));
  }
  ISOPOP_TRY(store_->write_version(version));
  retire(registry_.put(worker));
  if (on_installed_) on_installed_();
  return {};
}

Result<void> WorkerCatalog::remove(std::string_view worker) {
  const LiveWorkerPtr before = registry_.by_name(worker);
  if (before == nullptr) return {};
  ISOPOP_TRY(store_->remove_version(worker));
  retire(registry_.remove(worker));
  return {};
}

std::uint64_t WorkerCatalog::live_number(std::string_view worker) const {
  const LiveWorkerPtr live = registry_.by_name(worker);
  return live == nullptr ? 0 : live->version.number();
}

Result<std::string> WorkerCatalog::read_bundle(const LiveWorker& worker) const {
  return store_->read_bundle(worker.version.bundle_sha256());
}

void WorkerCatalog::collect_garbage(std::set<std::string> still_needed) const {
  for (const LiveWorkerPtr& worker : registry_.all()) {
    still_needed.insert(worker->version.bundle_sha256());
  }
  store_->keep_only(still_needed);
}

void WorkerCatalog::retire(const LiveWorkerPtr& worker) const {
  if (worker != nullptr && on_retired_) on_retired_(worker);
}

}  // namespace isopop::pop
