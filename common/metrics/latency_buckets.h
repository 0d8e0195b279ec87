#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace isopop {

// The coarse histogram that crosses the wire every second (LatencyBucket in distribution.proto):
// eight buckets for each doubling above 50 us, so that a quantile is at most 9 % too high. Bucket i
// holds what is above the upper edge of i-1 and not above its own, 50 us * 2^(i/8); the last one
// (about 14 minutes) holds the rest.
inline constexpr std::size_t kLatencyBuckets = 192;

[[nodiscard]] std::size_t latency_bucket(std::chrono::nanoseconds latency);
// Of a bucket below kLatencyBuckets.
[[nodiscard]] std::chrono::nanoseconds latency_bucket_upper(std::size_t bucket);

// Counts by bucket. A value type; grows as far as the highest bucket that counted.
class LatencyBuckets {
 public:
  void record(std::chrono::nanoseconds latency) { add(latency_bucket(latency), 1); }
  // Buckets that there are not count as the last.
  void add(std::size_t bucket, std::uint64_t count);
  void merge(const LatencyBuckets& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  // The upper edge of the bucket in which the value lies that `ratio` (0..1) of all do not exceed
  // (nearest rank). 0 of nothing.
  [[nodiscard]] std::chrono::nanoseconds quantile(double ratio) const;
  // By bucket; those behind the end are 0.
  [[nodiscard]] const std::vector<std::uint64_t>& counts() const { return counts_; }

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
};

}  // namespace isopop
