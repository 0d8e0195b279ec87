#pragma once

#include <string>
#include <string_view>

#include "common/result/result.h"

namespace isopop::sim {

// How fast a trace is played: its own time divided by a factor, or as fast as answers come.
struct ReplaySpeed {
  double factor = 1.0;  // 0: as fast as answers come

  [[nodiscard]] bool is_max() const { return factor == 0.0; }
};

// "1x", "60x", "0.5x" or "max".
[[nodiscard]] Result<ReplaySpeed> parse_replay_speed(std::string_view text);
[[nodiscard]] std::string to_string(ReplaySpeed speed);

}  // namespace isopop::sim
