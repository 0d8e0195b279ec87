#pragma once

#include "sim/doctor/host_facts.h"

namespace isopop::sim::doctor {

// Tries on this machine what pristine mode and the executor's sandbox will ask of the kernel, each
// as they do, and notes how it went: reading says what a kernel could do, only trying says what it
// grants here. What cannot be undone is tried in a child that ends at once. Fills the attempts of
// HostFacts and leaves the rest alone.
[[nodiscard]] HostFacts with_kernel_probes(HostFacts facts);

}  // namespace isopop::sim::doctor
