#pragma once

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <string>

#include "common/process/process_memory.h"
#include "common/time/clock.h"
#include "isopop/v1/distribution.pb.h"
#include "pop_node/http/pop_metrics.h"
#include "pop_node/http/version_figures.h"
#include "pop_node/kv/pop_kv.h"
#include "pop_node/pool/executor_pool.h"
#include "pop_node/rpc/clock_watch.h"
#include "pop_node/worker/worker_catalog.h"

namespace isopop::pop {

// What heartbeats tell of this PoP. It holds on to its parts; lives on the event loop.
class PopCondition final {
 public:
  PopCondition(const Clock& clock, WorkerCatalog& catalog, const ExecutorPool& pool,
               const PopMetrics& metrics, VersionFigures& figures, const PopKv& kv)
      : clock_(clock),
        catalog_(catalog),
        pool_(pool),
        metrics_(metrics),
        figures_(figures),
        kv_(kv) {}

  // With the figures since the last one.
  v1::Heartbeat heartbeat() {
    v1::Heartbeat heartbeat;
    heartbeat.set_executors(static_cast<std::uint32_t>(pool_.figures().executors));
    heartbeat.set_requests(metrics_.requests());
    heartbeat.set_errors(metrics_.errors());
    heartbeat.set_wall_ms(to_unix_ms(clock_.wall_now()));
    heartbeat.set_memory_bytes(own_bytes() + pool_.memory_bytes());
    if (const v1::ZygoteReady* const zygote = pool_.zygote_report()) {
      *heartbeat.mutable_sandbox() = zygote->sandbox();
    }
    figures_.take(heartbeat);
    *heartbeat.mutable_kv() = kv_.figures();
    look_for_problems(heartbeat);
    return heartbeat;
  }

 private:
  static constexpr std::chrono::seconds kMemoryPeriod{10};
  static constexpr std::chrono::seconds kStorePeriod{10};

  void look_for_problems(v1::Heartbeat& heartbeat) {
    clock_watch_.look(clock_);
    if (clock_.now() - store_looked_at_ > kStorePeriod) {
      store_looked_at_ = clock_.now();
      catalog_.look_after_store();
    }
    for (const std::string& problem : {catalog_.store_problem(), clock_watch_.problem()}) {
      if (!problem.empty()) heartbeat.add_problems(problem);
    }
  }

  std::uint64_t own_bytes() {
    if (clock_.now() - measured_at_ > kMemoryPeriod) {
      measured_at_ = clock_.now();
      own_bytes_ = anonymous_bytes(getpid()).value_or(0);
    }
    return own_bytes_;
  }

  const Clock& clock_;
  WorkerCatalog& catalog_;
  const ExecutorPool& pool_;
  const PopMetrics& metrics_;
  VersionFigures& figures_;
  const PopKv& kv_;
  ClockWatch clock_watch_;
  Instant store_looked_at_{};
  Instant measured_at_{};
  std::uint64_t own_bytes_ = 0;
};

}  // namespace isopop::pop
