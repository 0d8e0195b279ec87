#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pop_node/worker/live_assignment.h"
#include "pop_node/worker/route_index.h"

namespace isopop::pop {

// The workers a PoP serves now, each with the one version or several that have a share of it. put()
// and remove() change what new requests see in one step; requests that hold an older LiveWorkerPtr
// are not touched. A worker answers at the routes of all its versions. Lives on the PoP's event
// loop.
class WorkerRegistry {
 public:
  // Returns what was live before, or null.
  LiveAssignmentPtr put(LiveAssignmentPtr assignment);
  LiveAssignmentPtr remove(std::string_view name);

  // The worker whose route fits best, or null. `host` as host_name() gives it.
  [[nodiscard]] LiveAssignmentPtr find(std::string_view host, std::string_view path) const;
  [[nodiscard]] LiveAssignmentPtr by_name(std::string_view name) const;

  // By name.
  [[nodiscard]] std::vector<LiveAssignmentPtr> all() const;
  [[nodiscard]] std::size_t size() const { return workers_.size(); }

 private:
  [[nodiscard]] const RouteIndex& routes() const;

  std::map<std::string, LiveAssignmentPtr, std::less<>> workers_;
  // Made when somebody asks: a thousand workers may come before the first request.
  mutable RouteIndex routes_;
  mutable bool are_routes_stale_ = false;
};

}  // namespace isopop::pop
