#include "pop_node/http/pop_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace isopop::pop {
namespace {

// Of the workers held here and no others: names are bounded by what was deployed. Written by hand,
// since the registry never forgets a label.
std::string workers_text(const ExecutorPool& pool, const WorkerRegistry& workers) {
  std::string starts;
  std::string breaches;
  std::string restores;
  std::string pages;
  for (const auto& [name, counters] : pool.worker_counters()) {
    if (workers.by_name(name) == nullptr) continue;
    const auto line = [&worker = name](std::string& text, const char* metric, std::uint64_t value) {
      fmt::format_to(std::back_inserter(text), "{}{{worker=\"{}\"}} {}\n", metric, worker, value);
    };
    line(starts, "isopop_pop_worker_executors_started_total", counters.starts);
    line(restores, "isopop_pop_worker_restores_total", counters.restores);
    line(pages, "isopop_pop_worker_pages_restored_total", counters.pages_restored);
    for (std::size_t i = 0; i < kWorkerLimitNames.size(); ++i) {
      fmt::format_to(std::back_inserter(breaches),
                     "isopop_pop_worker_limit_breaches_total{{worker=\"{}\",limit=\"{}\"}} {}\n",
                     name, kWorkerLimitNames.at(i), counters.breaches.at(i));
    }
  }
  const auto family = [](const char* name, const char* help, const std::string& lines) {
    return fmt::format("# HELP {0} {1}\n# TYPE {0} counter\n{2}", name, help, lines);
  };
  return family("isopop_pop_worker_executors_started_total", "Executors started, by worker.",
                starts) +
         family("isopop_pop_worker_limit_breaches_total",
                "Requests that reached a limit, by worker and limit.", breaches) +
         family("isopop_pop_worker_restores_total",
                "Restores of an executor to its checkpoint, by worker.", restores) +
         family("isopop_pop_worker_pages_restored_total",
                "Pages of memory that restores put back, by worker.", pages);
}

}  // namespace

PopMetrics::PopMetrics()
    : request_seconds_(registry_.latency("isopop_pop_request_seconds",
                                         "From the parsed head to the end of the answer.")),
      queue_seconds_(
          registry_.latency("isopop_pop_queue_seconds", "What requests waited for an executor.")) {}

void PopMetrics::count(const Answer& answer) {
  ++requests_;
  if (answer.status >= 500) ++errors_;
  const std::string status =
      answer.status == 0 ? "unanswered" : std::to_string(answer.status / 100) + "xx";
  registry_
      .counter("isopop_pop_requests_total", "Requests by the class of their answer.",
               {{"status", status}})
      .increment();
  request_seconds_.observe(answer.total);
  if (answer.start.empty()) return;
  queue_seconds_.observe(answer.queued);
  registry_
      .counter("isopop_pop_starts_total", "Requests that reached a worker, by how it was started.",
               {{"start", std::string(answer.start)}})
      .increment();
}

void PopMetrics::count_failure(const std::string& reason) {
  registry_
      .counter("isopop_pop_failures_total", "Requests without the worker's answer, by reason.",
               {{"reason", reason}})
      .increment();
}

void PopMetrics::count_subrequest(const std::string& outcome) {
  registry_
      .counter("isopop_pop_subrequests_total", "Requests of workers to each other, by outcome.",
               {{"outcome", outcome}})
      .increment();
}

void PopMetrics::count_restore(const v1::RestoreFigures& figures) {
  constexpr double kNsPerUs = 1000;
  const double us = figures.restore_ns() / kNsPerUs;
  const auto* const bound = std::lower_bound(kRestoreBoundsUs.begin(), kRestoreBoundsUs.end(), us);
  if (bound != kRestoreBoundsUs.end()) {
    ++restores_.at(static_cast<std::size_t>(std::distance(kRestoreBoundsUs.begin(), bound)));
  }
  ++restores_all_;
  restores_sum_us_ += us;
}

void PopMetrics::refresh(const PopKv& kv) {
  const auto counter = [this](const char* name, const char* help, std::uint64_t value) {
    CounterMetric metric = registry_.counter(name, help);
    metric.increment(static_cast<double>(value) - metric.value());
  };
  const v1::KvFigures figures = kv.figures();
  counter("isopop_pop_kv_hits_total", "KV reads answered from a copy.", figures.hits());
  counter("isopop_pop_kv_misses_total", "KV reads that asked the control plane.", figures.misses());
  counter("isopop_pop_kv_joined_total", "KV reads that waited for another's question.",
          figures.joined());
  counter("isopop_pop_kv_writes_total", "KV writes.", figures.writes());
  counter("isopop_pop_kv_invalidations_total", "KV copies that were told to be old.",
          figures.invalidations());
  counter("isopop_pop_kv_stale_reads_total",
          "KV reads answered from an old copy because the control plane was out of reach.",
          kv.stale_reads());
  registry_.gauge("isopop_pop_kv_cache_bytes", "Copies of KV keys.")
      .set(static_cast<double>(kv.cache_bytes()));
}

std::string PopMetrics::restores_text() const {
  constexpr double kUsPerS = 1e6;
  constexpr const char* kName = "isopop_pop_restore_seconds";
  std::string text = fmt::format(
      "# HELP {0} What it took to restore executors to their checkpoint.\n# TYPE {0} histogram\n",
      kName);
  std::uint64_t cumulative = 0;
  for (std::size_t i = 0; i < restores_.size(); ++i) {
    cumulative += restores_.at(i);
    fmt::format_to(std::back_inserter(text), "{}_bucket{{le=\"{}\"}} {}\n", kName,
                   kRestoreBoundsUs.at(i) / kUsPerS, cumulative);
  }
  return text + fmt::format("{0}_bucket{{le=\"+Inf\"}} {1}\n{0}_sum {2}\n{0}_count {1}\n", kName,
                            restores_all_, restores_sum_us_ / kUsPerS);
}

std::string PopMetrics::render(const ExecutorPool& pool, const http::ServerCounters& server,
                               const WorkerRegistry& workers) {
  const auto gauge = [this](const char* name, const char* help, std::size_t value) {
    registry_.gauge(name, help).set(static_cast<double>(value));
  };
  // Counted elsewhere: brought up to date when somebody looks.
  const auto counter = [this](const char* name, const char* help, std::uint64_t value) {
    CounterMetric metric = registry_.counter(name, help);
    metric.increment(static_cast<double>(value) - metric.value());
  };
  const PoolFigures figures = pool.figures();
  gauge("isopop_pop_executors", "Executor processes.", figures.executors);
  gauge("isopop_pop_executors_starting", "Executors that are not ready yet.",
        figures.executors_starting);
  gauge("isopop_pop_requests_waiting", "Requests that wait for an executor.", figures.waiting);
  gauge("isopop_pop_requests_running", "Requests in executors.", figures.running);
  gauge("isopop_pop_executor_memory_bytes", "Memory of all executors, measured or expected.",
        figures.memory_bytes);
  gauge("isopop_pop_workers", "Workers in service.", workers.size());
  gauge("isopop_pop_connections_open", "Open client connections.", server.connections_open);

  const ExecutorPoolCounters& counters = pool.counters();
  counter("isopop_pop_executors_started_total", "Executors started.", counters.started);
  counter("isopop_pop_executor_start_failures_total", "Executors that did not get ready.",
          counters.start_failures);
  counter("isopop_pop_executors_crashed_total", "Executors that ended unasked or had to be ended.",
          counters.crashed);
  counter("isopop_pop_executors_stopped_total", "Executors that ended when they were asked to.",
          counters.stopped);
  counter("isopop_pop_executors_spent_total",
          "Executors that ended with a limit they told of, or with their zygote.", counters.spent);
  counter("isopop_pop_executors_evicted_total", "Idle executors stopped to make room.",
          figures.evicted);
  counter("isopop_pop_zygote_restarts_total", "Times the zygote had to be started again.",
          pool.zygote_restarts());
  counter("isopop_pop_worker_log_records_total", "Console records of workers.",
          counters.log_records);
  counter("isopop_pop_worker_log_records_dropped_total", "Console records over the log's rate.",
          counters.log_records_dropped);
  counter("isopop_pop_connections_accepted_total", "Client connections.",
          server.connections_accepted);
  counter("isopop_pop_connections_refused_total", "Client connections over the bound.",
          server.connections_refused);
  counter("isopop_pop_requests_refused_total", "Requests refused before a worker was looked for.",
          server.requests_refused);
  return registry_.render() + restores_text() + workers_text(pool, workers);
}

}  // namespace isopop::pop
