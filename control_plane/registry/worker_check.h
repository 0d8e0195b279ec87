#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "common/result/result.h"
#include "isopop/v1/control.pb.h"

namespace isopop::control {

// Whether a worker compiles and its top level runs, found out by running it where a PoP would: in
// `isopop-executor --check`, a sandboxed process of its own that is killed when it takes too long.
// Nothing of the worker runs in the control plane.
struct WorkerCheckOptions {
  std::filesystem::path executor;
  // For all of it: starting the process, reading, compiling, the top level (400 ms CPU by itself).
  std::chrono::milliseconds timeout{10'000};
  // When asked to stop, a check ends at once with UNAVAILABLE.
  std::stop_token stop;
};

// Nothing: the worker is valid. A WorkerError: it is not, and why. An Error: the check itself did
// not work. Blocks for at most the timeout; safe to call from several threads at once.
[[nodiscard]] Result<std::optional<v1::WorkerError>> check_worker(const WorkerCheckOptions& options,
                                                                  std::string_view bundle);

}  // namespace isopop::control
