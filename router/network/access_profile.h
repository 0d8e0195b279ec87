#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace isopop::router {

// One kind of last mile. Its round-trip time over all clients is log-normal.
struct AccessKind {
  std::string_view name;  // static text
  double rtt_median_ms = 0;
  double log_sigma = 0;
  double share = 0;  // of clients; the shares of a profile sum to 1
};

// How a population of clients is connected. A plain value.
struct AccessProfile {
  std::string_view name;  // static text
  std::vector<AccessKind> kinds;
};

// "default": today's mix, a judgement; "fcc2013": the published medians of fibre, cable and DSL
// only. Anything else is INVALID_ARGUMENT.
[[nodiscard]] Result<AccessProfile> find_access_profile(std::string_view name);

}  // namespace isopop::router
