#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pop_node/worker/live_worker.h"
#include "pop_node/worker/route_index.h"

namespace isopop::pop {

// The workers a PoP serves now, at most one version of each. put() and remove() change what new
// requests see in one step; requests that hold an older LiveWorkerPtr are not touched. Lives on the
// PoP's event loop.
class WorkerRegistry {
 public:
  // Returns the version that was live before, or null.
  LiveWorkerPtr put(LiveWorkerPtr worker);
  LiveWorkerPtr remove(std::string_view name);

  // The worker whose route fits best, or null. `host` as host_name() gives it.
  [[nodiscard]] LiveWorkerPtr find(std::string_view host, std::string_view path) const;
  [[nodiscard]] LiveWorkerPtr by_name(std::string_view name) const;

  // By name.
  [[nodiscard]] std::vector<LiveWorkerPtr> all() const;
  [[nodiscard]] std::size_t size() const { return workers_.size(); }

 private:
  void rebuild_routes();

  std::map<std::string, LiveWorkerPtr, std::less<>> workers_;
  RouteIndex routes_;
};

}  // namespace isopop::pop
