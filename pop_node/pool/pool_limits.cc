#include "pop_node/pool/pool_limits.h"

#include <algorithm>
#include <cmath>

namespace isopop::pop {

std::chrono::nanoseconds draw(const ContainerStart& start, RandomStream& stream) {
  constexpr double kQuantile99 = 2.3263;  // of the standard normal distribution
  const auto median = static_cast<double>(start.p50.count());
  const double sigma = std::log(static_cast<double>(start.max.count()) / median) / kQuantile99;
  const double drawn = stream.log_normal(median, sigma);
  return std::clamp(std::chrono::nanoseconds(std::llround(drawn)), start.min, start.max);
}

}  // namespace isopop::pop
