#include "pop_node/worker/worker_catalog.h"

#include <algorithm>
#include <utility>

#include "common/log/log.h"
#include "pop_node/worker/version_signature.h"

namespace isopop::pop {

WorkerCatalog::WorkerCatalog(std::unique_ptr<VersionStore> store, WorkerDefaults defaults)
    : store_(std::move(store)), defaults_(defaults) {}

std::size_t WorkerCatalog::restore() {
  for (const v1::Assignment& assignment : store_->assignments()) {
    const Result<LiveAssignmentPtr> prepared = prepare(assignment);
    if (!prepared.ok()) continue;
    const std::vector<LiveShare>& shares = prepared.value()->shares();
    const bool is_whole = std::all_of(shares.begin(), shares.end(), [this](const LiveShare& share) {
      return check_code(*share.worker).ok();
    });
    if (is_whole) registry_.put(prepared.value());
  }
  collect_garbage({});
  return registry_.size();
}

Result<LiveAssignmentPtr> WorkerCatalog::prepare(const v1::Assignment& assignment) {
  if (bundle_key_) {
    for (const v1::Share& share : assignment.shares()) {
      ISOPOP_TRY(check_signature(share.version(), *bundle_key_));
    }
  }
  ISOPOP_TRY_ASSIGN(
      LiveAssignmentPtr prepared,
      resolve_assignment(assignment, defaults_, registry_.by_name(assignment.worker())));
  std::erase_if(prepared_, [](const auto& one) { return one.expired(); });
  prepared_.emplace_back(prepared);
  return prepared;
}

std::vector<WorkerCatalog::Bundle> WorkerCatalog::missing(const LiveAssignment& prepared) const {
  std::vector<Bundle> bundles;
  for (const LiveShare& share : prepared.shares()) {
    const std::string& sha256 = share.worker->version.bundle_sha256();
    const bool is_named = std::any_of(bundles.begin(), bundles.end(), [&sha256](const Bundle& one) {
      return one.sha256 == sha256;
    });
    if (is_named || store_->has_bundle(sha256)) continue;
    bundles.push_back({sha256, share.worker->version.bundle_bytes()});
  }
  return bundles;
}

Result<void> WorkerCatalog::add_bundle(const LiveAssignment& prepared, const std::string& sha256,
                                       std::string_view bytes) {
  for (const LiveShare& share : prepared.shares()) {
    if (share.worker->version.bundle_sha256() == sha256) {
      ISOPOP_TRY(check_bundle(*share.worker, bytes));
    }
  }
  ISOPOP_TRY(note_write(store_->write_bundle(sha256, bytes)));
  for (const LiveShare& share : prepared.shares()) {
    if (share.worker->version.bundle_sha256() == sha256) {
      checked_[share.worker.get()] = share.worker;
    }
  }
  return {};
}

std::vector<LiveWorkerPtr> WorkerCatalog::new_versions(const LiveAssignment& prepared) const {
  const LiveAssignmentPtr live = registry_.by_name(prepared.head().worker());
  std::vector<LiveWorkerPtr> versions;
  for (const LiveShare& share : prepared.shares()) {
    if (live == nullptr || !live->holds(share.worker)) versions.push_back(share.worker);
  }
  return versions;
}

Result<void> WorkerCatalog::install(const LiveAssignmentPtr& prepared) {
  const LiveAssignmentPtr before = registry_.by_name(prepared->head().worker());
  if (before != nullptr &&
      before->pushed().SerializeAsString() == prepared->pushed().SerializeAsString()) {
    return {};
  }
  for (const LiveWorkerPtr& worker : new_versions(*prepared)) {
    const auto checked = checked_.find(worker.get());
    const bool is_checked = checked != checked_.end() && checked->second.lock() == worker;
    if (!is_checked || !store_->has_bundle(worker->version.bundle_sha256())) {
      ISOPOP_TRY(check_code(*worker));
    }
  }
  ISOPOP_TRY(note_write(store_->write_assignment(prepared->pushed())));
  registry_.put(prepared);
  std::erase_if(prepared_, [&prepared](const auto& one) { return one.lock() == prepared; });
  std::erase_if(checked_, [&prepared](const auto& one) {
    const LiveWorkerPtr worker = one.second.lock();
    return worker == nullptr || prepared->holds(worker);
  });
  retire_missing(before, prepared);
  if (on_installed_) on_installed_();
  return {};
}

void WorkerCatalog::discard(const LiveAssignmentPtr& prepared) const {
  retire_missing(prepared, registry_.by_name(prepared->head().worker()));
}

Result<void> WorkerCatalog::remove(std::string_view worker) {
  if (registry_.by_name(worker) == nullptr) return {};
  ISOPOP_TRY(note_write(store_->remove_assignment(worker)));
  retire_missing(registry_.remove(worker), nullptr);
  return {};
}

std::uint64_t WorkerCatalog::live_number(std::string_view worker) const {
  const LiveAssignmentPtr live = registry_.by_name(worker);
  return live == nullptr ? 0 : live->heaviest().number();
}

Result<std::string> WorkerCatalog::read_bundle(const LiveWorker& worker) const {
  return store_->read_bundle(worker.version.bundle_sha256());
}

Result<void> WorkerCatalog::check_code(const LiveWorker& worker) const {
  ISOPOP_TRY_ASSIGN(const std::string bytes, read_bundle(worker));
  return check_bundle(worker, bytes);
}

void WorkerCatalog::collect_garbage(std::set<std::string> still_needed) {
  const auto keep = [&still_needed](const LiveAssignment& assignment) {
    for (const LiveShare& share : assignment.shares()) {
      still_needed.insert(share.worker->version.bundle_sha256());
    }
  };
  for (const LiveAssignmentPtr& live : registry_.all()) keep(*live);
  for (const auto& one : prepared_) {
    if (const LiveAssignmentPtr prepared = one.lock()) keep(*prepared);
  }
  store_->keep_only(still_needed);
}

void WorkerCatalog::look_after_store() {
  if (store_problem_.empty()) return;
  note_write(store_->probe()).ignore("it is told as the store's problem");
}

Result<void> WorkerCatalog::note_write(Result<void> outcome) {
  if (!outcome.ok() && store_problem_.empty()) {
    log_error("the store cannot be written: {}", outcome.error().message);
  }
  if (outcome.ok() && !store_problem_.empty()) log_info("the store can be written again");
  store_problem_ = outcome.ok() ? "" : "its store cannot be written: " + outcome.error().message;
  return outcome;
}

// Those of `before` that `now` (or null) does not have.
void WorkerCatalog::retire_missing(const LiveAssignmentPtr& before,
                                   const LiveAssignmentPtr& now) const {
  if (before == nullptr || !on_retired_) return;
  for (const LiveShare& share : before->shares()) {
    if (now == nullptr || !now->holds(share.worker)) on_retired_(share.worker);
  }
}

}  // namespace isopop::pop
