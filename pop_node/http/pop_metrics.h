#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "common/http/server.h"
#include "common/metrics/metrics_registry.h"
#include "pop_node/kv/pop_kv.h"
#include "pop_node/pool/executor_pool.h"
#include "pop_node/worker/worker_registry.h"

namespace isopop::pop {

// What a PoP counts, for /__isopop/metrics and for its heartbeats. Names begin with isopop_pop_.
class PopMetrics final {
 public:
  PopMetrics();

  // One request is over. `start` is "" when no executor was asked.
  struct Answer {
    unsigned status = 0;  // 0: the client was gone, or the server refused it (slow or broken body)
    std::string_view start;
    std::chrono::nanoseconds total{};
    std::chrono::nanoseconds queued{};
  };
  void count(const Answer& answer);
  // Why no executor took a request, or why the one that did failed: bounded names.
  void count_failure(const std::string& reason);
  // What became of a worker's own request.
  void count_subrequest(const std::string& outcome);
  void count_restore(const v1::RestoreFigures& figures);
  // What is counted of namespaces elsewhere; before render().
  void refresh(const PopKv& kv);

  [[nodiscard]] std::uint64_t requests() const { return requests_; }
  [[nodiscard]] std::uint64_t errors() const { return errors_; }  // 5xx

  // Prometheus text.
  [[nodiscard]] std::string render(const ExecutorPool& pool, const http::ServerCounters& server,
                                   const WorkerRegistry& workers);

 private:
  // Finer than the registry's: a restore takes microseconds.
  static constexpr std::array<double, 9> kRestoreBoundsUs = {2.5, 5,   10,  15,  25,
                                                             50,  100, 250, 1000};

  [[nodiscard]] std::string restores_text() const;

  MetricsRegistry registry_;
  LatencyMetric request_seconds_;
  LatencyMetric queue_seconds_;
  std::uint64_t requests_ = 0;
  std::uint64_t errors_ = 0;
  std::array<std::uint64_t, kRestoreBoundsUs.size()> restores_{};  // by bound, not cumulative
  std::uint64_t restores_all_ = 0;
  double restores_sum_us_ = 0;
};

}  // namespace isopop::pop
