#pragma once

#include <filesystem>
#include <vector>

#include "common/result/result.h"
#include "sim/doctor/finding.h"
#include "sim/doctor/plan.h"

namespace isopop::sim::doctor {

struct DoctorOptions {
  Plan plan;
  std::filesystem::path state = ".isopop";  // the state folder; need not exist
};

// Looks at this machine before a network is started on it: reads the kernel's files, tries what
// executors will be confined by, and with containers asks Docker (at most 5 s a question; when it
// does not answer the first, no other is put). Changes nothing and leaves nothing behind. The
// findings are in the order in which people should read them. INVALID_ARGUMENT when the plan makes
// no sense. What a network that runs already has taken counts as taken, but for the published port
// of the one in the state folder: ask before a start, not when there is nothing to start.
[[nodiscard]] Result<std::vector<Finding>> examine(const DoctorOptions& options);

}  // namespace isopop::sim::doctor
