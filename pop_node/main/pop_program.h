#pragma once

#include "common/result/result.h"
#include "pop_node/main/options.h"

namespace isopop::pop {

// Runs one PoP until SIGTERM or SIGINT, then drains for at most five seconds. An error means that
// it could not start.
[[nodiscard]] Result<void> run_pop(const Options& options);

}  // namespace isopop::pop
