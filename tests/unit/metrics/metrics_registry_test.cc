#include "common/metrics/metrics_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace isopop {
namespace {

using testing::HasSubstr;

TEST(MetricsRegistryTest, RendersCountersWithHelpTypeAndLabels) {
  MetricsRegistry registry;
  registry.counter("isopop_pop_requests_total", "Requests answered.", {{"worker", "hello"}})
      .increment(3);
  const std::string text = registry.render();
  EXPECT_THAT(text, HasSubstr("# HELP isopop_pop_requests_total Requests answered.\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE isopop_pop_requests_total counter\n"));
  EXPECT_THAT(text, HasSubstr("isopop_pop_requests_total{worker=\"hello\"} 3\n"));
}

TEST(MetricsRegistryTest, GivesTheSameMetricForTheSameNameAndLabels) {
  MetricsRegistry registry;
  registry.counter("isopop_a_total", "A.").increment();
  CounterMetric again = registry.counter("isopop_a_total", "A.");
  again.increment();
  EXPECT_EQ(again.value(), 2.0);
}

TEST(MetricsRegistryTest, LabelValuesAreEscaped) {
  MetricsRegistry registry;
  registry.gauge("isopop_g", "G.", {{"path", "a\"b\nc"}}).set(1);
  EXPECT_THAT(registry.render(), HasSubstr("path=\"a\\\"b\\nc\""));
}

TEST(MetricsRegistryTest, GaugesGoUpAndDown) {
  MetricsRegistry registry;
  GaugeMetric gauge = registry.gauge("isopop_queue_depth", "Requests waiting.");
  gauge.set(5);
  gauge.add(-2);
  EXPECT_EQ(gauge.value(), 3.0);
}

TEST(MetricsRegistryTest, LatenciesAreCumulativeBucketsInSeconds) {
  MetricsRegistry registry;
  LatencyMetric latency = registry.latency("isopop_pop_request_seconds", "Time per request.");
  latency.observe(std::chrono::milliseconds(2));
  latency.observe(std::chrono::milliseconds(30));
  const std::string text = registry.render();
  EXPECT_THAT(text, HasSubstr("isopop_pop_request_seconds_bucket{le=\"0.0025\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("isopop_pop_request_seconds_bucket{le=\"0.05\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("isopop_pop_request_seconds_bucket{le=\"+Inf\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("isopop_pop_request_seconds_sum 0.032\n"));
  EXPECT_THAT(text, HasSubstr("isopop_pop_request_seconds_count 2\n"));
}

TEST(MetricsRegistryDeathTest, NamesThatPrometheusRefusesAreBugs) {
  MetricsRegistry registry;
  EXPECT_DEATH((void)registry.counter("9 lives", "No."), "metric can be registered");
}

}  // namespace
}  // namespace isopop
