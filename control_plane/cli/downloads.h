#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "common/result/result.h"
#include "control_plane/cli/control_client.h"
#include "isopop/v1/worker.pb.h"

namespace isopop::control::cli {

// A version with its code, as the control plane keeps it.
struct Download {
  v1::WorkerVersion version;
  v1::Bundle bundle;
};

// `number` 0: the live one. The code is checked against its hash; DATA_LOSS when it is another.
[[nodiscard]] Result<Download> download_version(ControlClient& client, const std::string& worker,
                                                std::uint64_t number);

// The modules and a worker.yaml, so that the folder deploys again. The folder must be empty or not
// there: ALREADY_EXISTS.
[[nodiscard]] Result<void> write_worker_folder(const Download& download,
                                               const std::filesystem::path& folder);

}  // namespace isopop::control::cli
