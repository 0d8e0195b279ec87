#include "common/metrics/metrics_registry.h"

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <exception>
#include <utility>

#include "common/result/assert.h"

namespace isopop {
namespace {

// Seconds: 100 µs (a restored isolate) to 30 s (the wall limit of a request), about three a decade.
prometheus::Histogram::BucketBoundaries latency_bounds_s() {
  return {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05,
          0.1,    0.25,    0.5,    1,     2.5,    5,     10,   30};
}

// prometheus-cpp throws on a name it does not allow or that has another kind already: our own
// mistake.
template <typename Function>
decltype(auto) without_throwing(Function&& function) {
  try {
    return std::forward<Function>(function)();
  } catch (const std::exception& exception) {
    assert_failed("metric can be registered", exception.what(), std::source_location::current());
  }
}

}  // namespace

struct MetricsRegistry::State {
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
};

void CounterMetric::increment(double by) {
  counter_->Increment(by);
}
double CounterMetric::value() const {
  return counter_->Value();
}

void GaugeMetric::set(double value) {
  gauge_->Set(value);
}
void GaugeMetric::add(double by) {
  gauge_->Increment(by);
}
double GaugeMetric::value() const {
  return gauge_->Value();
}

void LatencyMetric::observe(std::chrono::nanoseconds value) {
  histogram_->Observe(std::chrono::duration<double>(value).count());
}

MetricsRegistry::MetricsRegistry() : state_(std::make_unique<State>()) {}
MetricsRegistry::~MetricsRegistry() = default;

CounterMetric MetricsRegistry::counter(const std::string& name, const std::string& help,
                                       const Labels& labels) {
  return CounterMetric(without_throwing([&]() -> prometheus::Counter& {
    auto& family = prometheus::BuildCounter().Name(name).Help(help).Register(state_->registry);
    return family.Add(labels);
  }));
}

GaugeMetric MetricsRegistry::gauge(const std::string& name, const std::string& help,
                                   const Labels& labels) {
  return GaugeMetric(without_throwing([&]() -> prometheus::Gauge& {
    auto& family = prometheus::BuildGauge().Name(name).Help(help).Register(state_->registry);
    return family.Add(labels);
  }));
}

LatencyMetric MetricsRegistry::latency(const std::string& name, const std::string& help,
                                       const Labels& labels) {
  return LatencyMetric(without_throwing([&]() -> prometheus::Histogram& {
    auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(state_->registry);
    return family.Add(labels, latency_bounds_s());
  }));
}

std::string MetricsRegistry::render() const {
  return prometheus::TextSerializer().Serialize(state_->registry.Collect());
}

}  // namespace isopop
