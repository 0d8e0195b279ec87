#pragma once

#include <grpcpp/grpcpp.h>

#include "control_plane/registry/store.h"
#include "control_plane/rpc/authorize.h"
#include "control_plane/rpc/deployer.h"

namespace isopop::control {

struct UploadParts {
  const Authorizer& authorizer;
  Store& store;
  Deployer& deployer;
};

// The receiving end of Deploy: asks who it is, remembers which deployment is the newest, gathers
// the pieces, refuses early what cannot become a version (bad name, too large, not as long as
// announced), and hands the rest to the deployer. The reactor owns itself until gRPC is done with
// it.
[[nodiscard]] grpc::ServerReadReactor<v1::DeployRequest>* start_upload(
    const UploadParts& parts, grpc::CallbackServerContext& context, v1::DeployResponse& response);

}  // namespace isopop::control
