#pragma once

#include <vector>

#include "sim/doctor/finding.h"
#include "sim/doctor/host_facts.h"
#include "sim/doctor/plan.h"

namespace isopop::sim::doctor {

// The core: what the facts mean for the plan. Pure. Each group is a file; judge() is all that
// matter for the plan's engine, in the order in which people should read them.
[[nodiscard]] std::vector<Finding> judge(const HostFacts& facts, const Plan& plan);

// rules.cc: memory, tasks, descriptors, disk, addresses.
[[nodiscard]] std::vector<Finding> judge_resources(const HostFacts& facts, const Plan& plan);
// engine_rules.cc: Docker, Compose, image, port, bridge, neighbours, inotify, cgroups.
[[nodiscard]] std::vector<Finding> judge_engine(const HostFacts& facts, const Plan& plan);
// kernel_rules.cc: what pristine mode and the sandbox want of the kernel.
[[nodiscard]] std::vector<Finding> judge_kernel(const HostFacts& facts, const Plan& plan);

}  // namespace isopop::sim::doctor
