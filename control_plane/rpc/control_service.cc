#include "control_plane/rpc/control_service.h"

#include <memory>
#include <utility>

#include "common/app/app.h"
#include "common/log/log.h"
#include "common/rpc/rpc.h"
#include "control_plane/rpc/upload.h"
#include "control_plane/rpc/watches.h"

namespace isopop::control {

void ControlService::on_store(grpc::ServerUnaryReactor& call, Store::Task task) {
  if (!loop_.store().post(std::move(task))) call.Finish(rpc::to_status(Store::busy_error()));
}

grpc::ServerReadReactor<v1::DeployRequest>* ControlService::Deploy(
    grpc::CallbackServerContext* context, v1::DeployResponse* response) {
  return start_upload(deployer_, *context, *response);
}

grpc::ServerUnaryReactor* ControlService::ListWorkers(grpc::CallbackServerContext* context,
                                                      const v1::ListWorkersRequest* /*request*/,
                                                      v1::ListWorkersResponse* response) {
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  on_store(*call, [this, call, response](Registry& registry) {
    Result<std::vector<Registry::Listed>> listed = registry.workers();
    if (!listed.ok()) return call->Finish(rpc::to_status(listed.error()));
    loop_.post([this, call, response, workers = std::move(listed).value()] {
      const std::uint64_t connected = loop_.distributor().connected().size();
      for (const Registry::Listed& worker : workers) {
        v1::ListWorkersResponse::Worker& entry = *response->add_workers();
        *entry.mutable_live() = worker.live;
        entry.set_versions(worker.versions);
        entry.set_pops_live(loop_.distributor().pops_live(worker.live.worker()));
        entry.set_pops_total(connected);
      }
      call->Finish(grpc::Status::OK);
    });
  });
  return call;
}

grpc::ServerUnaryReactor* ControlService::ListVersions(grpc::CallbackServerContext* context,
                                                       const v1::ListVersionsRequest* request,
                                                       v1::ListVersionsResponse* response) {
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  on_store(*call, [call, worker = request->worker(), response](Registry& registry) {
    const Result<Registry::History> history = registry.versions(worker);
    if (!history.ok()) return call->Finish(rpc::to_status(history.error()));
    for (const v1::WorkerVersion& version : history.value().versions) {
      *response->add_versions() = version;
    }
    response->set_live_number(history.value().live_number);
    call->Finish(grpc::Status::OK);
  });
  return call;
}

grpc::ServerUnaryReactor* ControlService::DeleteWorker(grpc::CallbackServerContext* context,
                                                       const v1::DeleteWorkerRequest* request,
                                                       v1::DeleteWorkerResponse* /*response*/) {
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  on_store(*call, [this, call, worker = request->worker()](Registry& registry) {
    const Result<void> removed = registry.remove(worker, {});
    if (!removed.ok()) return call->Finish(rpc::to_status(removed.error()));
    loop_.post([this, call, worker] {
      log_info("{} was deleted", worker);
      loop_.distributor().remove(worker);
      loop_.apply_effects();
      call->Finish(grpc::Status::OK);
    });
  });
  return call;
}

grpc::ServerUnaryReactor* ControlService::ListPops(grpc::CallbackServerContext* context,
                                                   const v1::ListPopsRequest* /*request*/,
                                                   v1::ListPopsResponse* response) {
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  loop_.post([this, call, response] {
    for (v1::Pop& pop : loop_.distributor().pops()) *response->add_pops() = std::move(pop);
    call->Finish(grpc::Status::OK);
  });
  return call;
}

grpc::ServerUnaryReactor* ControlService::GetStatus(grpc::CallbackServerContext* context,
                                                    const v1::GetStatusRequest* /*request*/,
                                                    v1::Status* response) {
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  loop_.post([this, call, response] {
    response->set_program_version(program_version());
    response->set_started_at_ms(to_unix_ms(loop_.started_at()));
    response->set_workers(loop_.distributor().live().size());
    std::map<v1::PopState, std::uint64_t> by_state;
    for (const v1::Pop& pop : loop_.distributor().pops()) ++by_state[pop.state()];
    response->set_pops_ready(by_state[v1::POP_STATE_READY]);
    response->set_pops_starting(by_state[v1::POP_STATE_STARTING]);
    response->set_pops_down(by_state[v1::POP_STATE_DOWN]);
    for (const std::string& router : loop_.routers()) response->add_router_addresses(router);
    call->Finish(grpc::Status::OK);
  });
  return call;
}

grpc::ServerWriteReactor<v1::VersionProgress>* ControlService::WatchVersion(
    grpc::CallbackServerContext* /*context*/, const v1::WatchVersionRequest* request) {
  return start_version_watch(loop_, *request);
}

grpc::ServerWriteReactor<v1::PopsUpdate>* ControlService::WatchPops(
    grpc::CallbackServerContext* /*context*/, const v1::WatchPopsRequest* request) {
  return start_pops_watch(loop_, *request);
}

}  // namespace isopop::control
