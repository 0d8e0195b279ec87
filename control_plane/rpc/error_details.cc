#include "control_plane/rpc/error_details.h"

#include "common/rpc/rpc.h"

namespace isopop::control {

grpc::Status to_status(const Error& error, const std::optional<v1::WorkerError>& fault) {
  grpc::Status status = rpc::to_status(error);
  if (!fault) return status;
  v1::StatusDetails details;
  details.set_code(static_cast<int>(error.code));
  details.set_message(error.message);
  details.add_details()->PackFrom(*fault);
  return {status.error_code(), status.error_message(), details.SerializeAsString()};
}

std::optional<v1::WorkerError> worker_error_of(const grpc::Status& status) {
  v1::StatusDetails details;
  if (!details.ParseFromString(status.error_details())) return std::nullopt;
  for (const google::protobuf::Any& detail : details.details()) {
    v1::WorkerError fault;
    if (detail.UnpackTo(&fault)) return fault;
  }
  return std::nullopt;
}

}  // namespace isopop::control
