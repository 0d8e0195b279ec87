#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <string>

#include "control_plane/rpc/authorize.h"
#include "control_plane/rpc/control_loop.h"
#include "control_plane/rpc/deployer.h"
#include "isopop/v1/control.grpc.pb.h"

namespace isopop::control {

// gRPC's side of what popctl and routers ask. Each method asks who calls, converts and posts: to
// the store for what is on disk, to the loop for what is live, to the deployer for uploads. No call
// holds a thread.
class ControlService final : public v1::Control::CallbackService {
 public:
  ControlService(ControlLoop& loop, Deployer& deployer, const Authorizer& authorizer)
      : loop_(loop), deployer_(deployer), authorizer_(authorizer) {}

  grpc::ServerReadReactor<v1::DeployRequest>* Deploy(grpc::CallbackServerContext* context,
                                                     v1::DeployResponse* response) override;
  grpc::ServerUnaryReactor* ListWorkers(grpc::CallbackServerContext* context,
                                        const v1::ListWorkersRequest* request,
                                        v1::ListWorkersResponse* response) override;
  grpc::ServerUnaryReactor* ListVersions(grpc::CallbackServerContext* context,
                                         const v1::ListVersionsRequest* request,
                                         v1::ListVersionsResponse* response) override;
  grpc::ServerUnaryReactor* GetVersion(grpc::CallbackServerContext* context,
                                       const v1::GetVersionRequest* request,
                                       v1::WorkerVersion* response) override;
  grpc::ServerWriteReactor<v1::BundlePiece>* DownloadVersion(
      grpc::CallbackServerContext* context, const v1::GetVersionRequest* request) override;
  grpc::ServerUnaryReactor* DeleteVersion(grpc::CallbackServerContext* context,
                                          const v1::GetVersionRequest* request,
                                          v1::DeleteVersionResponse* response) override;
  grpc::ServerUnaryReactor* CreateDeployment(grpc::CallbackServerContext* context,
                                             const v1::CreateDeploymentRequest* request,
                                             v1::Deployment* response) override;
  grpc::ServerUnaryReactor* ListDeployments(grpc::CallbackServerContext* context,
                                            const v1::ListDeploymentsRequest* request,
                                            v1::ListDeploymentsResponse* response) override;
  grpc::ServerUnaryReactor* GetDeployment(grpc::CallbackServerContext* context,
                                          const v1::GetDeploymentRequest* request,
                                          v1::Deployment* response) override;
  grpc::ServerUnaryReactor* Rollback(grpc::CallbackServerContext* context,
                                     const v1::RollbackRequest* request,
                                     v1::Deployment* response) override;
  grpc::ServerUnaryReactor* DeleteWorker(grpc::CallbackServerContext* context,
                                         const v1::DeleteWorkerRequest* request,
                                         v1::DeleteWorkerResponse* response) override;
  grpc::ServerWriteReactor<v1::VersionProgress>* WatchVersion(
      grpc::CallbackServerContext* context, const v1::WatchVersionRequest* request) override;
  grpc::ServerUnaryReactor* ListPops(grpc::CallbackServerContext* context,
                                     const v1::ListPopsRequest* request,
                                     v1::ListPopsResponse* response) override;
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest* request,
                                      v1::Status* response) override;
  grpc::ServerWriteReactor<v1::PopsUpdate>* WatchPops(grpc::CallbackServerContext* context,
                                                      const v1::WatchPopsRequest* request) override;

 private:
  // What a person may do whom the authorizer gave a name.
  using ForActor = std::function<void(grpc::ServerUnaryReactor& call, const Actor& actor)>;
  grpc::ServerUnaryReactor* authorised(grpc::CallbackServerContext& context, Permission permission,
                                       const std::string& worker, const ForActor& go_on);
  // Runs `task(registry)` on the store's thread, or ends the call when the store is overloaded.
  void on_store(grpc::ServerUnaryReactor& call, Store::Task task);

  using Change = std::function<Result<v1::Deployment>(Registry&)>;
  // Makes the change, and ends the call once the loop knows of it.
  void change_deployment(grpc::ServerUnaryReactor& call, v1::Deployment& response, Write write,
                         const Change& change);
  // On the loop.
  void describe_status(v1::Status& status);

  ControlLoop& loop_;
  Deployer& deployer_;
  const Authorizer& authorizer_;
};

}  // namespace isopop::control
