#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "control_plane/telemetry/traffic_totals.h"
#include "control_plane/telemetry/traffic_window.h"

namespace isopop::control {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

struct Said {
  std::string worker = "shop";
  std::uint64_t number = 1;
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;
  milliseconds latency{10};
};

v1::Heartbeat beat(const std::vector<Said>& said) {
  v1::Heartbeat heartbeat;
  for (const Said& line : said) {
    v1::WorkerFigures& figures = *heartbeat.add_figures();
    figures.set_worker(line.worker);
    figures.set_number(line.number);
    figures.set_requests(line.requests);
    figures.set_errors(line.errors);
    figures.set_cpu_us(line.requests * 2'000);
    figures.set_cold_starts(1);
    v1::LatencyBucket& bucket = *figures.add_latency();
    bucket.set_index(static_cast<std::uint32_t>(latency_bucket(line.latency)));
    bucket.set_count(line.requests);
  }
  return heartbeat;
}

TEST(TrafficWindow, SumsByVersionByPopAndTogether) {
  TrafficWindow window;
  window.add("AMS", beat({{.requests = 30}, {.worker = "blog", .number = 4, .requests = 10}}));
  window.add("FRA", beat({{.requests = 60, .errors = 9, .latency = milliseconds(200)}}));
  const v1::Figures figures = window.take(from_unix_ms(5'000), milliseconds(2'000));
  EXPECT_EQ(figures.at_ms(), 5'000);
  EXPECT_EQ(figures.interval_ms(), 2'000U);
  ASSERT_EQ(figures.workers_size(), 2);
  EXPECT_EQ(figures.workers(0).worker(), "shop") << "the busiest first";
  EXPECT_DOUBLE_EQ(figures.workers(0).requests_per_s(), 45.0);
  EXPECT_DOUBLE_EQ(figures.workers(0).error_ratio(), 0.1);
  EXPECT_DOUBLE_EQ(figures.workers(0).cpu_ms(), 2.0);
  EXPECT_NEAR(figures.workers(0).p50_ms(), 200, 20);
  EXPECT_EQ(figures.workers(0).cold_starts(), 2U);
  EXPECT_EQ(figures.workers(1).number(), 4U);
  ASSERT_EQ(figures.pops_size(), 2);
  EXPECT_EQ(figures.pops(0).pop(), "FRA");
  EXPECT_EQ(figures.pops(1).pop(), "AMS");
  EXPECT_NEAR(figures.pops(1).p99_ms(), 10, 1);
  EXPECT_DOUBLE_EQ(figures.all().requests_per_s(), 50.0);
}

TEST(TrafficWindow, BeginsAnewWithEachInterval) {
  TrafficWindow window;
  window.add("AMS", beat({{.requests = 5}}));
  static_cast<void>(window.take(WallTime(), milliseconds(1'000)));
  const v1::Figures figures = window.take(WallTime(), milliseconds(1'000));
  EXPECT_EQ(figures.workers_size(), 0);
  EXPECT_EQ(figures.pops_size(), 0);
  EXPECT_DOUBLE_EQ(figures.all().requests_per_s(), 0);
  EXPECT_DOUBLE_EQ(figures.all().error_ratio(), 0);
}

TEST(TrafficWindow, ShowsOneWorkerAlone) {
  TrafficWindow window("blog");
  window.add("AMS", beat({{.requests = 30}, {.worker = "blog", .requests = 10}}));
  const v1::Figures figures = window.take(WallTime(), milliseconds(1'000));
  ASSERT_EQ(figures.workers_size(), 1);
  EXPECT_EQ(figures.workers(0).worker(), "blog");
  EXPECT_DOUBLE_EQ(figures.pops(0).requests_per_s(), 10);
  EXPECT_DOUBLE_EQ(figures.all().requests_per_s(), 10);
}

TEST(TrafficWindow, GivesTheHundredBusiestAndAllOfThemTogether) {
  TrafficWindow window;
  for (std::uint64_t i = 1; i <= 300; ++i) {
    window.add("P" + std::to_string(i), beat({{.worker = "w" + std::to_string(i), .requests = i}}));
  }
  const v1::Figures figures = window.take(WallTime(), milliseconds(1'000));
  ASSERT_EQ(figures.workers_size(), 100);
  EXPECT_EQ(figures.workers(0).worker(), "w300");
  EXPECT_EQ(figures.workers(99).worker(), "w201");
  EXPECT_EQ(figures.pops_size(), 100);
  EXPECT_DOUBLE_EQ(figures.all().requests_per_s(), 300 * 301 / 2);
}

TEST(TrafficWindow, ABucketThatThereIsNotDoesNoHarm) {
  v1::Heartbeat heartbeat = beat({{.requests = 1}});
  heartbeat.mutable_figures(0)->mutable_latency(0)->set_index(4'000'000'000U);
  TrafficWindow window;
  window.add("AMS", heartbeat);
  EXPECT_GT(window.take(WallTime(), milliseconds(1'000)).all().p99_ms(), 0);
}

TEST(TrafficTotals, GivesTheFirstLabelsAndCountsTheRestTogether) {
  TrafficTotals totals(2);
  totals.add("AMS", beat({{.worker = "a", .requests = 5, .errors = 1},
                          {.worker = "b", .requests = 3},
                          {.worker = "c", .requests = 2},
                          {.worker = "d", .requests = 1}}));
  const std::string text = totals.render();
  EXPECT_THAT(text, HasSubstr("# TYPE isopop_worker_requests_total counter\n"));
  EXPECT_THAT(text, HasSubstr("isopop_worker_requests_total{worker=\"a\"} 5\n"));
  EXPECT_THAT(text, HasSubstr("isopop_worker_requests_total{worker=\"b\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("isopop_worker_requests_total{worker=\"other\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("isopop_worker_errors_total{worker=\"a\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("isopop_pop_requests_total{pop=\"AMS\"} 11\n"));
  EXPECT_THAT(text, Not(HasSubstr("worker=\"c\"")));
}

TEST(TrafficTotals, TheBusiestHaveTheLabels) {
  TrafficTotals totals(2);
  totals.add("AMS", beat({{.worker = "a", .requests = 10}, {.worker = "b", .requests = 1}}));
  totals.add("AMS", beat({{.worker = "c", .requests = 8}}));
  totals.rank();
  totals.add("AMS", beat({{.worker = "b", .requests = 4}, {.worker = "c", .requests = 2}}));
  const std::string text = totals.render();
  // From the moment that it has one; what came before stays where it was counted.
  EXPECT_THAT(text, HasSubstr("isopop_worker_requests_total{worker=\"c\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("isopop_worker_requests_total{worker=\"a\"} 10\n"));
  EXPECT_THAT(text, HasSubstr("isopop_worker_requests_total{worker=\"other\"} 12\n"));
  EXPECT_THAT(text, Not(HasSubstr("worker=\"b\"")));
}

TEST(TrafficTotals, AlmostAsBusyIsNotEnoughToTakeALabel) {
  TrafficTotals totals(1);
  totals.add("AMS", beat({{.worker = "a", .requests = 10}, {.worker = "b", .requests = 12}}));
  totals.rank();
  EXPECT_THAT(totals.render(), HasSubstr("isopop_worker_requests_total{worker=\"a\"} 10\n"));
}

TEST(TrafficTotals, NamesCannotBreakTheFormat) {
  TrafficTotals totals(3);
  totals.add("A\"\n\\", beat({{.worker = "other", .requests = 10}}));
  const std::string text = totals.render();
  EXPECT_THAT(text, HasSubstr(R"(isopop_pop_requests_total{pop="A\"\n\\"} 10)"));
  EXPECT_THAT(text, HasSubstr("isopop_worker_requests_total{worker=\"other\"} 10\n# HELP"));
}

}  // namespace
}  // namespace isopop::control
