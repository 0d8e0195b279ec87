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
  loop.post([&loop, committed_at, now = std::move(now).value()] {
    if (now.base) {
      loop.distributor().set_live(now.versions.at(now.base->shares(0).number()), committed_at);
    } else if (!now.rolling) {
      loop.distributor().remove(now.worker);
    }
    loop.apply_effects();
  });
}

}  // namespace isopop::control
