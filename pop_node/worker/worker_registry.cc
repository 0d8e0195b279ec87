#include "pop_node/worker/worker_registry.h"

#include <utility>

namespace isopop::pop {

LiveAssignmentPtr WorkerRegistry::put(LiveAssignmentPtr assignment) {
  ISOPOP_ASSERT(assignment != nullptr, "an assignment to put");
  LiveAssignmentPtr& place = workers_[assignment->head().worker()];
  are_routes_stale_ = true;
  return std::exchange(place, std::move(assignment));
}

LiveAssignmentPtr WorkerRegistry::remove(std::string_view name) {
  const auto found = workers_.find(name);
  if (found == workers_.end()) return nullptr;
  LiveAssignmentPtr before = std::move(found->second);
  workers_.erase(found);
  are_routes_stale_ = true;
  return before;
}

LiveAssignmentPtr WorkerRegistry::find(std::string_view host, std::string_view path) const {
  const std::string* name = routes().find(host, path);
  return name == nullptr ? nullptr : by_name(*name);
}

LiveAssignmentPtr WorkerRegistry::by_name(std::string_view name) const {
  const auto found = workers_.find(name);
  return found == workers_.end() ? nullptr : found->second;
}

std::vector<LiveAssignmentPtr> WorkerRegistry::all() const {
  std::vector<LiveAssignmentPtr> workers;
  workers.reserve(workers_.size());
  for (const auto& [name, assignment] : workers_) workers.push_back(assignment);
  return workers;
}

const RouteIndex& WorkerRegistry::routes() const {
  if (!std::exchange(are_routes_stale_, false)) return routes_;
  routes_ = RouteIndex();
  for (const auto& [name, assignment] : workers_) {
    for (const LiveShare& share : assignment->shares()) {
      for (const RoutePattern& pattern : share.worker->routes) routes_.add(pattern, name);
    }
  }
  return routes_;
}

}  // namespace isopop::pop
