#include "common/metrics/latency_buckets.h"

#include <gtest/gtest.h>

namespace isopop {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;

TEST(LatencyBucketsTest, EachEdgeBelongsToItsOwnBucket) {
  for (std::size_t i = 0; i + 1 < kLatencyBuckets; ++i) {
    const nanoseconds upper = latency_bucket_upper(i);
    EXPECT_EQ(latency_bucket(upper), i);
    EXPECT_EQ(latency_bucket(upper + nanoseconds(1)), i + 1);
  }
}

TEST(LatencyBucketsTest, WhatIsOutsideGoesToTheEnds) {
  EXPECT_EQ(latency_bucket(nanoseconds(-5)), 0U);
  EXPECT_EQ(latency_bucket(nanoseconds(0)), 0U);
  EXPECT_EQ(latency_bucket(hours(1000)), kLatencyBuckets - 1);
  LatencyBuckets buckets;
  buckets.add(100'000, 3);
  EXPECT_EQ(buckets.counts().size(), kLatencyBuckets);
}

TEST(LatencyBucketsTest, QuantileIsAtMostNinePercentTooHigh) {
  LatencyBuckets buckets;
  for (int ms = 1; ms <= 1000; ++ms) buckets.record(milliseconds(ms));
  for (const double ratio : {0.01, 0.5, 0.9, 0.99, 1.0}) {
    const double exact = ratio * 1e9;
    const auto found = static_cast<double>(buckets.quantile(ratio).count());
    EXPECT_GE(found, exact);
    EXPECT_LE(found, exact * 1.0906);
  }
}

TEST(LatencyBucketsTest, PartsMergeIntoTheWhole) {
  LatencyBuckets whole;
  LatencyBuckets left;
  LatencyBuckets right;
  for (int i = 1; i < 500; ++i) {
    const microseconds value(i * i);
    whole.record(value);
    (i % 3 == 0 ? left : right).record(value);
  }
  left.merge(right);
  EXPECT_EQ(left.counts(), whole.counts());
  EXPECT_EQ(left.count(), whole.count());
  EXPECT_EQ(LatencyBuckets().quantile(0.99), nanoseconds(0));
}

}  // namespace
}  // namespace isopop
