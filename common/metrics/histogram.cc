#include "common/metrics/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "common/result/assert.h"

namespace isopop {
namespace {

// HdrHistogram's parameters for lowest discernible value 1 µs, greatest 1 h, three significant
// digits.
constexpr unsigned kUnitBits = 9;        // 512 ns: the greatest power of two not above 1 µs
constexpr unsigned kSubBucketBits = 11;  // 2048 >= 2 * 10^3
constexpr std::uint64_t kSubBuckets = 1ULL << kSubBucketBits;
constexpr std::uint64_t kHalfSubBuckets = kSubBuckets / 2;
constexpr std::int64_t kGreatestNs = 3'600'000'000'000;

std::size_t bucket_of(std::int64_t value_ns) {
  const auto clamped =
      static_cast<std::uint64_t>(std::clamp(value_ns, std::int64_t{0}, kGreatestNs));
  const std::uint64_t units = clamped >> kUnitBits;
  if (units < kSubBuckets) return units;
  // The doubling the value lies in, counted from the linear part, and the sub-bucket inside it.
  const unsigned doubling = static_cast<unsigned>(std::bit_width(units)) - kSubBucketBits;
  const std::uint64_t sub_bucket = units >> doubling;
  return doubling * kHalfSubBuckets + sub_bucket;
}

// The greatest whole number of nanoseconds that falls into the bucket; 0 for the first, so that
// what took no time is not shown as half a microsecond.
std::int64_t upper_edge_ns(std::size_t bucket) {
  if (bucket == 0) return 0;
  if (bucket < kSubBuckets) return static_cast<std::int64_t>(((bucket + 1) << kUnitBits) - 1);
  const auto doubling = static_cast<unsigned>(bucket / kHalfSubBuckets - 1);
  const std::uint64_t sub_bucket = bucket - doubling * kHalfSubBuckets;
  return static_cast<std::int64_t>(((sub_bucket + 1) << (doubling + kUnitBits)) - 1);
}

}  // namespace

void Histogram::record(std::chrono::nanoseconds value, std::uint64_t times) {
  if (times == 0) return;
  const std::int64_t value_ns = value.count();
  const std::size_t bucket = bucket_of(value_ns);
  if (bucket >= counts_.size()) {
    counts_.resize((bucket / kHalfSubBuckets + 1) * kHalfSubBuckets);
  }
  counts_[bucket] += times;
  min_ns_ = count_ == 0 ? value_ns : std::min(min_ns_, value_ns);
  max_ns_ = count_ == 0 ? value_ns : std::max(max_ns_, value_ns);
  sum_ns_ += value_ns * static_cast<std::int64_t>(times);
  count_ += times;
}

void Histogram::merge(const Histogram& other) {
  if (other.count_ == 0) return;
  if (other.counts_.size() > counts_.size()) counts_.resize(other.counts_.size());
  for (std::size_t i = 0; i < other.counts_.size(); ++i) counts_[i] += other.counts_[i];
  min_ns_ = count_ == 0 ? other.min_ns_ : std::min(min_ns_, other.min_ns_);
  max_ns_ = count_ == 0 ? other.max_ns_ : std::max(max_ns_, other.max_ns_);
  sum_ns_ += other.sum_ns_;
  count_ += other.count_;
}

std::chrono::nanoseconds Histogram::min() const {
  return std::chrono::nanoseconds(min_ns_);
}

std::chrono::nanoseconds Histogram::max() const {
  return std::chrono::nanoseconds(max_ns_);
}

std::chrono::nanoseconds Histogram::mean() const {
  if (count_ == 0) return std::chrono::nanoseconds(0);
  return std::chrono::nanoseconds(
      std::llround(static_cast<double>(sum_ns_) / static_cast<double>(count_)));
}

std::chrono::nanoseconds Histogram::quantile(double ratio) const {
  ISOPOP_ASSERT(ratio >= 0.0 && ratio <= 1.0, "a ratio between 0 and 1");
  if (count_ == 0) return std::chrono::nanoseconds(0);
  const double exact_rank = ratio * static_cast<double>(count_);
  // The small slack keeps 0.07 * 100 = 7.000000000000001 from asking for the eighth value.
  const double rank = std::max(1.0, std::ceil(exact_rank - 1e-9 * std::max(1.0, exact_rank)));
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    seen += counts_[bucket];
    if (static_cast<double>(seen) < rank) continue;
    // The greatest bucket also holds what was clamped to one hour.
    if (seen == count_) return max();
    return std::chrono::nanoseconds(std::clamp(upper_edge_ns(bucket), min_ns_, max_ns_));
  }
  return max();
}

std::vector<Histogram::Step> Histogram::steps() const {
  std::vector<Step> steps;
  std::uint64_t cumulative = 0;
  for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
    if (counts_[bucket] == 0) continue;
    cumulative += counts_[bucket];
    const std::int64_t upper_ns =
        cumulative == count_ ? max_ns_ : std::clamp(upper_edge_ns(bucket), min_ns_, max_ns_);
    steps.push_back({std::chrono::nanoseconds(upper_ns), counts_[bucket], cumulative});
  }
  return steps;
}

}  // namespace isopop
