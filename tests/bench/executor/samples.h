#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace isopop::test {

// What was measured of one thing, all of it kept, and its percentiles by nearest rank; 0 of none.
class Samples final {
 public:
  void add(double value) { values_.push_back(value); }

  [[nodiscard]] std::size_t size() const { return values_.size(); }
  [[nodiscard]] double percentile(double share) const {
    if (values_.empty()) return 0;
    std::vector<double> sorted = values_;
    std::sort(sorted.begin(), sorted.end());
    const auto rank =
        static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
    return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
  }
  [[nodiscard]] double p50() const { return percentile(0.5); }
  [[nodiscard]] double p99() const { return percentile(0.99); }
  [[nodiscard]] double min() const { return percentile(0); }
  [[nodiscard]] double max() const { return percentile(1); }

 private:
  std::vector<double> values_;
};

[[nodiscard]] inline double median_of(const std::vector<double>& values) {
  Samples samples;
  for (const double value : values) samples.add(value);
  return samples.p50();
}

// The median of a's rounds, each divided by b's: what slows a round down slows both.
[[nodiscard]] inline double median_ratio(const std::vector<double>& a,
                                         const std::vector<double>& b) {
  Samples ratios;
  for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) ratios.add(a[i] / b[i]);
  return ratios.p50();
}

}  // namespace isopop::test
