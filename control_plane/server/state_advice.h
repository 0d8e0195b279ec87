#pragma once

#include <filesystem>

#include "common/result/result.h"

namespace isopop::control {

// Why a control plane did not start, and what to do about it where its state folder is the cause:
// a file system that is full or read-only. Other errors stay as they are.
[[nodiscard]] Error with_state_advice(Error error, const std::filesystem::path& state);

}  // namespace isopop::control
