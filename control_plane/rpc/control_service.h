#pragma once

#include "control_plane/rpc/control_loop.h"
#include "control_plane/rpc/deployer.h"
#include "isopop/v1/control.grpc.pb.h"

namespace isopop::control {

// gRPC's side of what popctl and routers ask. Each method converts and posts: to the store for what
// is on disk, to the loop for what is live, to the deployer for uploads. No call holds a thread.
class ControlService final : public v1::Control::CallbackService {
 public:
  ControlService(ControlLoop& loop, Deployer& deployer) : loop_(loop), deployer_(deployer) {}

  grpc::ServerReadReactor<v1::DeployRequest>* Deploy(grpc::CallbackServerContext* context,
                                                     v1::DeployResponse* response) override;
  grpc::ServerUnaryReactor* ListWorkers(grpc::CallbackServerContext* context,
                                        const v1::ListWorkersRequest* request,
                                        v1::ListWorkersResponse* response) override;
  grpc::ServerUnaryReactor* ListVersions(grpc::CallbackServerContext* context,
                                         const v1::ListVersionsRequest* request,
                                         v1::ListVersionsResponse* response) override;
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
  // Runs `task(registry)` on the store's thread, or ends the call when the store is overloaded.
  void on_store(grpc::ServerUnaryReactor& call, Store::Task task);

  ControlLoop& loop_;
  Deployer& deployer_;
};

}  // namespace isopop::control
