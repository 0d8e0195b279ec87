#include "pop_node/http/pop_metrics.h"

namespace isopop::pop {

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

std::string PopMetrics::render(const ExecutorPool& pool, const http::ServerCounters& server,
                               std::size_t workers) {
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
  gauge("isopop_pop_workers", "Workers in service.", workers);
  gauge("isopop_pop_connections_open", "Open client connections.", server.connections_open);

  const ExecutorPoolCounters& counters = pool.counters();
  counter("isopop_pop_executors_started_total", "Executors started.", counters.started);
  counter("isopop_pop_executor_start_failures_total", "Executors that did not get ready.",
          counters.start_failures);
  counter("isopop_pop_executors_crashed_total", "Executors that ended unasked or had to be ended.",
          counters.crashed);
  counter("isopop_pop_executors_stopped_total", "Executors that ended when they were asked to.",
          counters.stopped);
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
  return registry_.render();
}

}  // namespace isopop::pop
