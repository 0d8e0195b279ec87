#include "control_plane/cli/exit_code.h"

namespace isopop::control::cli {

ExitCode exit_code_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kOutOfRange:
      return ExitCode::kUsage;
    case ErrorCode::kNotFound:
      return ExitCode::kNotFound;
    case ErrorCode::kAlreadyExists:
    case ErrorCode::kAborted:
    case ErrorCode::kFailedPrecondition:
      return ExitCode::kConflict;
    case ErrorCode::kPermissionDenied:
    case ErrorCode::kUnauthenticated:
      return ExitCode::kNotAllowed;
    case ErrorCode::kUnavailable:
    case ErrorCode::kDeadlineExceeded:
      return ExitCode::kUnreachable;
    default:
      return ExitCode::kUnexpected;
  }
}

}  // namespace isopop::control::cli
