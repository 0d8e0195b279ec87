#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace isopop {

// How often each duration occurred, in log-linear buckets: every value from 1 µs to 1 h is kept
// with three significant digits (relative error of a quantile below 0.1 %; below 1 ms the error is
// at most 0.5 µs, and what is below 0.5 µs counts as 0), while count, sum, least and greatest are
// exact. Two histograms merge into precisely what one would have been, so quantiles of a whole
// follow from its parts. A value type, not thread-safe; memory grows with the greatest value, 8 kB
// per doubling above 1 ms (90 kB at one second, 200 kB at most).
//
// The bucketing is HdrHistogram's (Gil Tene, public domain; hdrhistogram.org): 2048 linear
// sub-buckets of 512 ns, then 1024 more for each doubling.
class Histogram {
 public:
  // Values below 0 count as 0, values above 1 h as 1 h in quantiles; min, max and mean keep the
  // truth.
  void record(std::chrono::nanoseconds value) { record(value, 1); }
  void record(std::chrono::nanoseconds value, std::uint64_t times);
  void merge(const Histogram& other);

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  // Exact; 0 when nothing was recorded.
  [[nodiscard]] std::chrono::nanoseconds min() const;
  [[nodiscard]] std::chrono::nanoseconds max() const;
  [[nodiscard]] std::chrono::nanoseconds mean() const;
  [[nodiscard]] std::chrono::nanoseconds sum() const { return std::chrono::nanoseconds(sum_ns_); }

  // The least value that at least `ratio` (0..1) of all recorded values do not exceed, rounded up
  // to the edge of its bucket but never above max(). 0 when nothing was recorded.
  [[nodiscard]] std::chrono::nanoseconds quantile(double ratio) const;

  // One step of the distribution function: `count` values lie in the bucket whose upper edge is
  // `upper`; `cumulative` do not exceed that edge.
  struct Step {
    std::chrono::nanoseconds upper;
    std::uint64_t count = 0;
    std::uint64_t cumulative = 0;
  };
  // The buckets that are not empty, ascending.
  [[nodiscard]] std::vector<Step> steps() const;

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::int64_t sum_ns_ = 0;
  std::int64_t min_ns_ = 0;
  std::int64_t max_ns_ = 0;
};

}  // namespace isopop
