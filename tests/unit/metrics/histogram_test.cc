#include "common/metrics/histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "common/random/random.h"

namespace isopop {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

std::vector<nanoseconds> draw_latencies(std::uint64_t seed, std::size_t count) {
  RandomStream random(seed, "latencies");
  std::vector<nanoseconds> values;
  for (std::size_t i = 0; i < count; ++i) {
    values.emplace_back(static_cast<std::int64_t>(random.log_normal(20e6, 2.0)));
  }
  return values;
}

TEST(HistogramTest, IsZeroWhenEmpty) {
  const Histogram histogram;
  EXPECT_TRUE(histogram.empty());
  EXPECT_EQ(histogram.quantile(0.5), nanoseconds(0));
  EXPECT_EQ(histogram.max(), nanoseconds(0));
  EXPECT_EQ(histogram.mean(), nanoseconds(0));
  EXPECT_TRUE(histogram.steps().empty());
}

TEST(HistogramTest, KeepsCountSumMinAndMaxExactly) {
  Histogram histogram;
  histogram.record(nanoseconds(1'234'567));
  histogram.record(nanoseconds(7'654'321), 3);
  EXPECT_EQ(histogram.count(), 4U);
  EXPECT_EQ(histogram.sum(), nanoseconds(1'234'567 + 3 * 7'654'321));
  EXPECT_EQ(histogram.min(), nanoseconds(1'234'567));
  EXPECT_EQ(histogram.max(), nanoseconds(7'654'321));
}

TEST(HistogramTest, QuantilesAgreeWithTheSortedValuesToThreeDigits) {
  std::vector<nanoseconds> values = draw_latencies(1, 20'000);
  Histogram histogram;
  for (const nanoseconds value : values) histogram.record(value);
  std::sort(values.begin(), values.end());
  for (const double ratio : {0.0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    const auto rank = static_cast<std::size_t>(
        std::max(1.0, std::ceil(ratio * static_cast<double>(values.size()) - 1e-6)));
    const auto truth = static_cast<double>(values[rank - 1].count());
    const auto found = static_cast<double>(histogram.quantile(ratio).count());
    EXPECT_GE(found, truth) << "quantile " << ratio;
    EXPECT_LE(found, std::max(truth * 1.001, truth + 512)) << "quantile " << ratio;
  }
  EXPECT_EQ(histogram.quantile(1.0), values.back());
}

TEST(HistogramTest, EveryValueIsWithinOneInAThousandOfItsBucket) {
  for (std::int64_t value = 1'000; value < 3'600'000'000'000; value = value * 21 / 20 + 7) {
    Histogram histogram;
    histogram.record(nanoseconds(value));
    histogram.record(hours(1));
    const std::int64_t found = histogram.quantile(0.5).count();
    ASSERT_GE(found, value);
    ASSERT_LE(found - value, std::max<std::int64_t>(value / 1000, 512));
  }
}

TEST(HistogramTest, MergedPartsEqualTheWhole) {
  Histogram whole;
  std::vector<Histogram> parts(3);
  const std::vector<nanoseconds> values = draw_latencies(2, 5'000);
  for (std::size_t i = 0; i < values.size(); ++i) {
    whole.record(values[i]);
    parts[i % parts.size()].record(values[i]);
  }
  Histogram merged;
  for (const Histogram& part : parts) merged.merge(part);
  merged.merge(Histogram());
  EXPECT_EQ(merged.count(), whole.count());
  EXPECT_EQ(merged.sum(), whole.sum());
  EXPECT_EQ(merged.min(), whole.min());
  EXPECT_EQ(merged.max(), whole.max());
  for (int i = 0; i <= 1000; ++i) {
    ASSERT_EQ(merged.quantile(i / 1000.0), whole.quantile(i / 1000.0));
  }
}

TEST(HistogramTest, ValuesBeyondTheRangeStillCount) {
  Histogram histogram;
  histogram.record(nanoseconds(-5));
  histogram.record(milliseconds(1));
  histogram.record(hours(5));
  EXPECT_EQ(histogram.count(), 3U);
  EXPECT_EQ(histogram.min(), nanoseconds(-5));
  EXPECT_EQ(histogram.max(), hours(5));
  EXPECT_EQ(histogram.quantile(1.0), hours(5));
}

TEST(HistogramTest, WhatTookNoTimeHasAQuantileOfZero) {
  Histogram histogram;
  histogram.record(nanoseconds(0), 9);
  histogram.record(milliseconds(1));
  EXPECT_EQ(histogram.quantile(0.5), nanoseconds(0));
}

TEST(HistogramTest, StepsFormTheDistributionFunction) {
  Histogram histogram;
  histogram.record(microseconds(10), 2);
  histogram.record(milliseconds(5), 6);
  histogram.record(milliseconds(900), 2);
  const std::vector<Histogram::Step> steps = histogram.steps();
  ASSERT_EQ(steps.size(), 3U);
  EXPECT_EQ(steps[0].cumulative, 2U);
  EXPECT_EQ(steps[1].cumulative, 8U);
  EXPECT_EQ(steps[2].cumulative, 10U);
  EXPECT_EQ(steps[2].upper, milliseconds(900));
  EXPECT_TRUE(std::is_sorted(steps.begin(), steps.end(),
                             [](const auto& a, const auto& b) { return a.upper < b.upper; }));
}

}  // namespace
}  // namespace isopop
