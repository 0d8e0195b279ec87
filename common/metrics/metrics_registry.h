#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace isopop {

// The figures a program shows at /metrics, in Prometheus's text format: counters, gauges and
// latency histograms, kept by prometheus-cpp's core library (no thread, no socket, nothing at
// start-up). Names follow Prometheus: `isopop_<program>_<what>_<unit>`, counters end in `_total`,
// time is in seconds. Registry and handles are thread-safe. A handle is a small value that stays
// good as long as the registry.

// Only goes up.
class CounterMetric {
 public:
  void increment(double by = 1.0);
  [[nodiscard]] double value() const;

 private:
  friend class MetricsRegistry;
  explicit CounterMetric(prometheus::Counter& counter) : counter_(&counter) {}
  prometheus::Counter* counter_;
};

// Goes up and down.
class GaugeMetric {
 public:
  void set(double value);
  void add(double by);
  [[nodiscard]] double value() const;

 private:
  friend class MetricsRegistry;
  explicit GaugeMetric(prometheus::Gauge& gauge) : gauge_(&gauge) {}
  prometheus::Gauge* gauge_;
};

// Durations in fixed buckets, as Prometheus aggregates them. For exact quantiles use
// isopop::Histogram.
class LatencyMetric {
 public:
  void observe(std::chrono::nanoseconds value);

 private:
  friend class MetricsRegistry;
  explicit LatencyMetric(prometheus::Histogram& histogram) : histogram_(&histogram) {}
  prometheus::Histogram* histogram_;
};

class MetricsRegistry {
 public:
  using Labels = std::map<std::string, std::string>;

  MetricsRegistry();
  ~MetricsRegistry();
  MetricsRegistry(const MetricsRegistry&) = delete;
  MetricsRegistry& operator=(const MetricsRegistry&) = delete;

  // The same name and labels give the same metric again. One name has one kind and one help text; a
  // name or label that Prometheus does not allow is a bug and aborts. Keep labels few and bounded.
  CounterMetric counter(const std::string& name, const std::string& help,
                        const Labels& labels = {});
  GaugeMetric gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  LatencyMetric latency(const std::string& name, const std::string& help,
                        const Labels& labels = {});

  // The whole of /metrics; its content type is kContentType.
  [[nodiscard]] std::string render() const;
  static constexpr const char* kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace isopop
