#pragma once

#include <grpcpp/grpcpp.h>

#include <optional>

#include "common/result/result.h"
#include "isopop/v1/control.pb.h"

namespace isopop::control {

// A status that says where in a worker's code the error is: the WorkerError rides in the status
// details, packed as google.rpc.Status packs it, so that any gRPC tool can show it.
[[nodiscard]] grpc::Status to_status(const Error& error,
                                     const std::optional<v1::WorkerError>& fault);

// Nothing when the status carries none.
[[nodiscard]] std::optional<v1::WorkerError> worker_error_of(const grpc::Status& status);

}  // namespace isopop::control
