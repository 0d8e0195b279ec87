#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "common/http/server.h"
#include "common/metrics/metrics_registry.h"
#include "pop_node/pool/executor_pool.h"

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

  [[nodiscard]] std::uint64_t requests() const { return requests_; }
  [[nodiscard]] std::uint64_t errors() const { return errors_; }  // 5xx

  // Prometheus text.
  [[nodiscard]] std::string render(const ExecutorPool& pool, const http::ServerCounters& server,
                                   std::size_t workers);

 private:
  MetricsRegistry registry_;
  LatencyMetric request_seconds_;
  LatencyMetric queue_seconds_;
  std::uint64_t requests_ = 0;
  std::uint64_t errors_ = 0;
};

}  // namespace isopop::pop
