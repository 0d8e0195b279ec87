#pragma once

#include "common/result/result.h"

namespace isopop::control::cli {

// What popctl's exit status tells a script. Part of its interface: never renumbered.
enum class ExitCode {
  kDone = 0,
  kUnexpected = 1,
  kUsage = 2,
  kNotFound = 3,
  kConflict = 4,
  kNotAllowed = 5,
  kUnreachable = 6,
  kTimedOut = 7,  // --wait ran out of time; the rollout goes on
  kRejected = 8,  // PoPs rejected the version
  kWorkerInvalid = 9,
  kAborted = 10,  // another version took its place, or the worker was deleted
  kInterrupted = 130,
};

// Of a call to the control plane.
[[nodiscard]] ExitCode exit_code_of(ErrorCode code);

}  // namespace isopop::control::cli
