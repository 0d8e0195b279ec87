#pragma once

#include <string>
#include <string_view>

#include "common/process/command.h"
#include "sim/doctor/host_facts.h"

namespace isopop::sim::doctor {

// What the answers of `docker` mean. Pure; whatever a program prints may come in, and what is not
// understood leaves its fact absent.

// Of `docker version --format '{{json .}}'`: state, message and versions.
[[nodiscard]] EngineFacts read_version_answer(const CommandOutput& answer);

// Adds what `docker info --format '{{json .}}'` tells.
[[nodiscard]] EngineFacts with_info(EngineFacts engine, std::string_view printed);

// Of `docker image inspect --format …`: an image that is not there is told by an exit code and
// words; any other failure tells nothing.
[[nodiscard]] std::optional<bool> read_image_answer(const CommandOutput& answer);

// Whether it runs on another machine than `facts` were read on, or in a virtual one.
[[nodiscard]] bool is_elsewhere(const EngineFacts& engine, const HostFacts& facts);

}  // namespace isopop::sim::doctor
