#pragma once

#include <string>

#include "sim/doctor/host_facts.h"

namespace isopop::sim::doctor {

// Asks Docker and Compose by their own command lines, so that contexts and DOCKER_HOST hold. Each
// question has 5 s; a daemon that is silent on the first is asked nothing else.
[[nodiscard]] EngineFacts ask_engine(const std::string& image);

}  // namespace isopop::sim::doctor
