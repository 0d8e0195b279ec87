#pragma once

#include <grpcpp/grpcpp.h>

#include "control_plane/rpc/authorize.h"
#include "control_plane/rpc/control_loop.h"
#include "isopop/v1/rollout.grpc.pb.h"

namespace isopop::control {

// gRPC's side of rollouts: what people ask of them and change. Each method asks who calls; the
// registry says which deployment is meant, the loop how far it has come.
class RolloutService final : public v1::Rollouts::CallbackService {
 public:
  RolloutService(ControlLoop& loop, const Authorizer& authorizer)
      : loop_(loop), authorizer_(authorizer) {}

  grpc::ServerUnaryReactor* GetRollout(grpc::CallbackServerContext* context,
                                       const v1::GetDeploymentRequest* request,
                                       v1::Rollout* response) override;
  grpc::ServerWriteReactor<v1::Rollout>* WatchRollout(
      grpc::CallbackServerContext* context, const v1::GetDeploymentRequest* request) override;
  grpc::ServerUnaryReactor* PauseRollout(grpc::CallbackServerContext* context,
                                         const v1::ChangeRolloutRequest* request,
                                         v1::Rollout* response) override;
  grpc::ServerUnaryReactor* ResumeRollout(grpc::CallbackServerContext* context,
                                          const v1::ChangeRolloutRequest* request,
                                          v1::Rollout* response) override;
  grpc::ServerUnaryReactor* AbortRollout(grpc::CallbackServerContext* context,
                                         const v1::ChangeRolloutRequest* request,
                                         v1::Rollout* response) override;
  grpc::ServerUnaryReactor* GetConvergence(grpc::CallbackServerContext* context,
                                           const v1::GetDeploymentRequest* request,
                                           v1::Convergence* response) override;

 private:
  grpc::ServerUnaryReactor* change(grpc::CallbackServerContext& context,
                                   const v1::ChangeRolloutRequest& request, v1::Rollout& response,
                                   v1::DeploymentState state);

  ControlLoop& loop_;
  const Authorizer& authorizer_;
};

}  // namespace isopop::control
