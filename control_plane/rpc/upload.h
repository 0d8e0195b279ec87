#pragma once

#include <grpcpp/grpcpp.h>

#include "control_plane/rpc/deployer.h"

namespace isopop::control {

// The receiving end of Deploy: gathers the pieces, refuses early what cannot become a version (bad
// name, too large, not as long as announced), and hands the rest to the deployer. The reactor owns
// itself until gRPC is done with it.
[[nodiscard]] grpc::ServerReadReactor<v1::DeployRequest>* start_upload(
    Deployer& deployer, grpc::CallbackServerContext& context, v1::DeployResponse& response);

}  // namespace isopop::control
