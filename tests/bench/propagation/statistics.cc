#include "tests/bench/propagation/statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace isopop::test {

nlohmann::ordered_json summary(std::vector<double> values) {
  if (values.empty()) return {{"count", 0}};
  std::sort(values.begin(), values.end());
  const auto rank = [&values](double ratio) {
    const auto place = std::ceil(ratio * static_cast<double>(values.size()));
    return values[static_cast<std::size_t>(std::max(1.0, place)) - 1];
  };
  return {
      {"count", values.size()}, {"p50", rank(0.5)}, {"p99", rank(0.99)}, {"max", values.back()}};
}

}  // namespace isopop::test
