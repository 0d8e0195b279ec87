#include "control_plane/rpc/publish.h"

#include <utility>

#include "common/log/log.h"

namespace isopop::control {

void publish(ControlLoop& loop, Registry& registry, const std::string& worker) {
  const Instant committed_at = SystemClock().now();
  Result<CurrentWorker> now = registry.current(worker);
  if (!now.ok()) {
    log_error("{} was changed, but PoPs hear of it only after a restart: {}", worker,
              now.error().message);
    return;
  }
  loop.post(
      [&loop, committed_at, now = std::move(now).value()] { loop.worker_is(now, committed_at); });
}

}  // namespace isopop::control
