#pragma once

#include <string>

#include "isopop/v1/worker.pb.h"

namespace isopop::control {

// What the control plane's bundle key signs of a version: "isopop worker version 1\n" and the
// deterministic serialisation of the message without its signature.
[[nodiscard]] std::string signed_bytes_of(const v1::WorkerVersion& version);

}  // namespace isopop::control
