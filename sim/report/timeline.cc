#include "sim/report/timeline.h"

#include <algorithm>

namespace isopop::sim {

void Timeline::add(std::chrono::nanoseconds at, const Interval& what) {
  at = std::max(at, std::chrono::nanoseconds(0));
  while (at / width_ >= static_cast<std::int64_t>(kIntervalsMax)) halve();
  const auto index = static_cast<std::size_t>(at / width_);
  if (index >= intervals_.size()) intervals_.resize(index + 1);
  intervals_[index].completed += what.completed;
  intervals_[index].failed += what.failed;
}

void Timeline::halve() {
  width_ *= 2;
  for (std::size_t i = 0; i < intervals_.size(); ++i) {
    const Interval interval = intervals_[i];
    if (i % 2 == 0) {
      intervals_[i / 2] = interval;
    } else {
      intervals_[i / 2].completed += interval.completed;
      intervals_[i / 2].failed += interval.failed;
    }
  }
  intervals_.resize((intervals_.size() + 1) / 2);
}

}  // namespace isopop::sim
