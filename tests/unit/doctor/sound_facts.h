#pragma once

#include <string>
#include <vector>

#include "sim/doctor/finding.h"
#include "sim/doctor/host_facts.h"
#include "sim/doctor/plan.h"

namespace isopop::sim::doctor {

// A machine on which nothing is short for 330 PoPs, by whatever engine: each test takes one thing
// away from it.
[[nodiscard]] HostFacts sound_facts();

[[nodiscard]] Plan compose_plan(std::size_t pops);

// The finding of that name; fails the test and gives an empty one when there is none.
[[nodiscard]] Finding finding_named(const std::vector<Finding>& findings, const std::string& name);

[[nodiscard]] bool has_finding(const std::vector<Finding>& findings, const std::string& name);

}  // namespace isopop::sim::doctor
