#include "sim/replay/replay_speed.h"

#include <fmt/format.h>

#include <optional>

#include "common/text/text.h"

namespace isopop::sim {
namespace {

// Beyond this a day takes less than a tenth of a second: that is `max`.
constexpr double kFactorMax = 1e6;

}  // namespace

Result<ReplaySpeed> parse_replay_speed(std::string_view text) {
  if (text == "max") return ReplaySpeed{.factor = 0.0};
  if (text.ends_with('x')) {
    const std::optional<double> factor = parse_double(text.substr(0, text.size() - 1));
    if (factor && *factor > 0.0 && *factor <= kFactorMax) return ReplaySpeed{.factor = *factor};
  }
  return invalid_argument(
      fmt::format("'{}' is not a speed; say 1x, 60x, any other factor up to {:.0f}x, or max", text,
                  kFactorMax));
}

std::string to_string(ReplaySpeed speed) {
  return speed.is_max() ? "max" : fmt::format("{}x", speed.factor);
}

}  // namespace isopop::sim
