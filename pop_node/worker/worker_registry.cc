#include "pop_node/worker/worker_registry.h"

#include <utility>

namespace isopop::pop {

LiveWorkerPtr WorkerRegistry::put(LiveWorkerPtr worker) {
  ISOPOP_ASSERT(worker != nullptr, "a worker to put");
  LiveWorkerPtr& place = workers_[worker->version.worker()];
  LiveWorkerPtr before = std::exchange(place, std::move(worker));
  rebuild_routes();
  return before;
}

LiveWorkerPtr WorkerRegistry::remove(std::string_view name) {
  const auto found = workers_.find(name);
  if (found == workers_.end()) return nullptr;
  LiveWorkerPtr before = std::move(found->second);
  workers_.erase(found);
  rebuild_routes();
  return before;
}

LiveWorkerPtr WorkerRegistry::find(std::string_view host, std::string_view path) const {
  const std::string* name = routes_.find(host, path);
  return name == nullptr ? nullptr : by_name(*name);
}

LiveWorkerPtr WorkerRegistry::by_name(std::string_view name) const {
  const auto found = workers_.find(name);
  return found == workers_.end() ? nullptr : found->second;
}

std::vector<LiveWorkerPtr> WorkerRegistry::all() const {
  std::vector<LiveWorkerPtr> workers;
  workers.reserve(workers_.size());
  for (const auto& [name, worker] : workers_) workers.push_back(worker);
  return workers;
}

void WorkerRegistry::rebuild_routes() {
  routes_ = RouteIndex();
  for (const auto& [name, worker] : workers_) {
    for (const RoutePattern& pattern : worker->routes) routes_.add(pattern, name);
  }
}

}  // namespace isopop::pop
