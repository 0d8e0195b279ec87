#pragma once

#include <string>

#include "isopop/v1/worker.pb.h"

namespace isopop::control::cli {

// The worker.yaml with which a folder of this version's modules deploys as the same version again.
[[nodiscard]] std::string worker_yaml(const v1::WorkerVersion& version,
                                      const std::string& main_module);

}  // namespace isopop::control::cli
