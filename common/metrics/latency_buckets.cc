#include "common/metrics/latency_buckets.h"

#include <algorithm>
#include <cmath>

namespace isopop {
namespace {

constexpr double kFirstUpperNs = 50'000.0;
constexpr double kBucketsPerDoubling = 8.0;

}  // namespace

std::chrono::nanoseconds latency_bucket_upper(std::size_t bucket) {
  const double doublings = static_cast<double>(bucket) / kBucketsPerDoubling;
  return std::chrono::nanoseconds(std::llround(kFirstUpperNs * std::exp2(doublings)));
}

std::size_t latency_bucket(std::chrono::nanoseconds latency) {
  const auto ns = static_cast<double>(latency.count());
  if (ns <= kFirstUpperNs) return 0;
  const double place = std::ceil(std::log2(ns / kFirstUpperNs) * kBucketsPerDoubling);
  auto bucket = std::min(static_cast<std::size_t>(place), kLatencyBuckets - 1);
  // The logarithm is off by a rounding error at an edge; the edges themselves say what is right.
  if (bucket > 0 && latency <= latency_bucket_upper(bucket - 1)) --bucket;
  if (bucket + 1 < kLatencyBuckets && latency > latency_bucket_upper(bucket)) ++bucket;
  return bucket;
}

void LatencyBuckets::add(std::size_t bucket, std::uint64_t count) {
  bucket = std::min(bucket, kLatencyBuckets - 1);
  if (counts_.size() <= bucket) counts_.resize(bucket + 1);
  counts_[bucket] += count;
  count_ += count;
}

void LatencyBuckets::merge(const LatencyBuckets& other) {
  for (std::size_t i = 0; i < other.counts_.size(); ++i) {
    if (other.counts_[i] > 0) add(i, other.counts_[i]);
  }
}

std::chrono::nanoseconds LatencyBuckets::quantile(double ratio) const {
  if (count_ == 0) return std::chrono::nanoseconds(0);
  const auto wanted = std::clamp<std::uint64_t>(
      static_cast<std::uint64_t>(std::ceil(ratio * static_cast<double>(count_))), 1, count_);
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  while (true) {
    seen += counts_[bucket];
    if (seen >= wanted) return latency_bucket_upper(bucket);
    ++bucket;
  }
}

}  // namespace isopop
