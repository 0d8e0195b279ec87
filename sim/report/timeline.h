#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace isopop::sim {

// Answers over the time of a run, in at most 240 intervals of equal width: when a run outgrows
// them, two become one and the width doubles. A value type.
class Timeline final {
 public:
  struct Interval {
    std::uint64_t completed = 0;
    std::uint64_t failed = 0;
  };
  static constexpr std::size_t kIntervalsMax = 240;

  void add(std::chrono::nanoseconds at, const Interval& what);
  [[nodiscard]] std::chrono::nanoseconds width() const { return width_; }
  [[nodiscard]] const std::vector<Interval>& intervals() const { return intervals_; }

 private:
  void halve();

  std::chrono::nanoseconds width_ = std::chrono::milliseconds(100);
  std::vector<Interval> intervals_;
};

}  // namespace isopop::sim
