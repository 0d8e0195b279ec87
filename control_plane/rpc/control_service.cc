#include "control_plane/rpc/control_service.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "common/app/app.h"
#include "common/log/log.h"
#include "common/rpc/rpc.h"
#include "control_plane/registry/names.h"
#include "control_plane/rollout/plan.h"
#include "control_plane/rpc/download.h"
#include "control_plane/rpc/publish.h"
#include "control_plane/rpc/refusal.h"
#include "control_plane/rpc/upload.h"
#include "control_plane/rpc/watches.h"

namespace isopop::control {
namespace {

// What PoPs hold, of all of them together, up to which a list of PoPs says it; beyond that it is
// told of one PoP at a time (Operations.GetPop).
constexpr std::size_t kHeldListedMax = 20'000;

constexpr std::uint32_t kDeploymentsDefault = 100;
constexpr std::uint32_t kDeploymentsMax = 1'000;

ExpectedDeployment expected_of(std::uint64_t field) {
  return field == 0 ? ExpectedDeployment() : ExpectedDeployment(field - 1);
}

Result<NewDeployment> deployment_of(const v1::CreateDeploymentRequest& request,
                                    const Actor& actor) {
  ISOPOP_TRY(check_worker_name(request.worker()));
  ISOPOP_TRY(check_author(request.author()));
  ISOPOP_TRY(check_message(request.message()));
  ISOPOP_TRY(Plan::parse(request.plan()));
  return NewDeployment{.worker = request.worker(),
                       .shares = {request.shares().begin(), request.shares().end()},
                       .stickiness = request.stickiness(),
                       .plan = request.plan(),
                       .expected = expected_of(request.expected_deployment()),
                       .author = request.author().empty() ? actor.name : request.author(),
                       .message = request.message(),
                       .rolled_back_from = 0};
}

Result<Registry::RollbackTerms> terms_of(const v1::RollbackRequest& request, const Actor& actor) {
  ISOPOP_TRY(check_worker_name(request.worker()));
  ISOPOP_TRY(check_author(request.author()));
  ISOPOP_TRY(check_message(request.message()));
  return Registry::RollbackTerms{.worker = request.worker(),
                                 .version = request.version(),
                                 .expected = expected_of(request.expected_deployment()),
                                 .author = request.author().empty() ? actor.name : request.author(),
                                 .message = request.message()};
}

Write write_of(bool dry_run) {
  return dry_run ? Write::kDryRun : Write::kKeep;
}

}  // namespace

grpc::ServerUnaryReactor* ControlService::authorised(grpc::CallbackServerContext& context,
                                                     Permission permission,
                                                     const std::string& worker,
                                                     const ForActor& go_on) {
  const Result<Actor> actor = authorizer_.authorize(context, permission, worker);
  if (!actor.ok()) return refuse_call(context, actor.error());
  grpc::ServerUnaryReactor* call = context.DefaultReactor();
  go_on(*call, actor.value());
  return call;
}

void ControlService::on_store(grpc::ServerUnaryReactor& call, Store::Task task) {
  if (!loop_.store().post(std::move(task))) call.Finish(rpc::to_status(Store::busy_error()));
}

void ControlService::change_deployment(grpc::ServerUnaryReactor& call, v1::Deployment& response,
                                       Write write, const Change& change) {
  on_store(call, [this, &call, &response, write, change](Registry& registry) {
    Result<v1::Deployment> made = change(registry);
    if (!made.ok()) return call.Finish(rpc::to_status(made.error()));
    response = std::move(made).value();
    if (write == Write::kKeep) {
      log_info("{}: deployment {} by {}", response.worker(), response.number(), response.author());
      publish(loop_, registry, response.worker());
    }
    // The answer follows the news on the loop, so whoever gets it finds the deployment there.
    loop_.post([&call] { call.Finish(grpc::Status::OK); });
  });
}

grpc::ServerReadReactor<v1::DeployRequest>* ControlService::Deploy(
    grpc::CallbackServerContext* context, v1::DeployResponse* response) {
  return start_upload({.authorizer = authorizer_, .store = loop_.store(), .deployer = deployer_},
                      *context, *response);
}

grpc::ServerUnaryReactor* ControlService::ListWorkers(grpc::CallbackServerContext* context,
                                                      const v1::ListWorkersRequest* /*request*/,
                                                      v1::ListWorkersResponse* response) {
  return authorised(*context, Permission::kRead, {}, [&](auto& call, const Actor& /*actor*/) {
    on_store(call, [this, &call, response](Registry& registry) {
      Result<std::vector<Registry::Listed>> listed = registry.workers();
      if (!listed.ok()) return call.Finish(rpc::to_status(listed.error()));
      loop_.post([this, &call, response, workers = std::move(listed).value()] {
        const std::uint64_t connected = loop_.distributor().connected().size();
        for (const Registry::Listed& worker : workers) {
          v1::ListWorkersResponse::Worker& entry = *response->add_workers();
          *entry.mutable_live() = worker.live;
          entry.set_versions(worker.versions);
          if (worker.deployment) *entry.mutable_deployment() = *worker.deployment;
          entry.set_pops_live(loop_.distributor().pops_live(worker.live.worker()));
          entry.set_pops_total(connected);
        }
        call.Finish(grpc::Status::OK);
      });
    });
  });
}

grpc::ServerUnaryReactor* ControlService::ListVersions(grpc::CallbackServerContext* context,
                                                       const v1::ListVersionsRequest* request,
                                                       v1::ListVersionsResponse* response) {
  return authorised(*context, Permission::kRead, {}, [&](auto& call, const Actor& /*actor*/) {
    on_store(call, [&call, request, response](Registry& registry) {
      const Result<Registry::History> history = registry.versions(request->worker());
      if (!history.ok()) return call.Finish(rpc::to_status(history.error()));
      for (const v1::WorkerVersion& version : history.value().versions) {
        *response->add_versions() = version;
      }
      response->set_live_number(history.value().live_number);
      call.Finish(grpc::Status::OK);
    });
  });
}

grpc::ServerUnaryReactor* ControlService::GetVersion(grpc::CallbackServerContext* context,
                                                     const v1::GetVersionRequest* request,
                                                     v1::WorkerVersion* response) {
  return authorised(*context, Permission::kRead, {}, [&](auto& call, const Actor& /*actor*/) {
    on_store(call, [&call, request, response](Registry& registry) {
      Result<v1::WorkerVersion> version = registry.version(request->worker(), request->number());
      if (!version.ok()) return call.Finish(rpc::to_status(version.error()));
      *response = std::move(version).value();
      call.Finish(grpc::Status::OK);
    });
  });
}

grpc::ServerWriteReactor<v1::BundlePiece>* ControlService::DownloadVersion(
    grpc::CallbackServerContext* context, const v1::GetVersionRequest* request) {
  using Reactor = grpc::ServerWriteReactor<v1::BundlePiece>;
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kRead);
  if (!actor.ok()) return refuse_stream<Reactor>(actor.error());
  return start_download(loop_.store(), *request);
}

grpc::ServerUnaryReactor* ControlService::DeleteVersion(grpc::CallbackServerContext* context,
                                                        const v1::GetVersionRequest* request,
                                                        v1::DeleteVersionResponse* /*response*/) {
  return authorised(
      *context, Permission::kDeploy, request->worker(), [&](auto& call, const Actor& actor) {
        on_store(call, [&call, request, actor](Registry& registry) {
          const Result<void> removed =
              registry.remove_version(request->worker(), request->number(), actor);
          call.Finish(removed.ok() ? grpc::Status::OK : rpc::to_status(removed.error()));
        });
      });
}

grpc::ServerUnaryReactor* ControlService::CreateDeployment(
    grpc::CallbackServerContext* context, const v1::CreateDeploymentRequest* request,
    v1::Deployment* response) {
  return authorised(
      *context, Permission::kDeploy, request->worker(), [&](auto& call, const Actor& actor) {
        const Result<NewDeployment> wanted = deployment_of(*request, actor);
        if (!wanted.ok()) return call.Finish(rpc::to_status(wanted.error()));
        const Write write = write_of(request->dry_run());
        change_deployment(call, *response, write,
                          [write, actor, wanted = wanted.value()](Registry& registry) {
                            return registry.create_deployment(wanted, write, actor);
                          });
      });
}

grpc::ServerUnaryReactor* ControlService::Rollback(grpc::CallbackServerContext* context,
                                                   const v1::RollbackRequest* request,
                                                   v1::Deployment* response) {
  return authorised(*context, Permission::kDeploy, request->worker(),
                    [&](auto& call, const Actor& actor) {
                      const Result<Registry::RollbackTerms> terms = terms_of(*request, actor);
                      if (!terms.ok()) return call.Finish(rpc::to_status(terms.error()));
                      const Write write = write_of(request->dry_run());
                      change_deployment(call, *response, write,
                                        [write, actor, terms = terms.value()](Registry& registry) {
                                          return registry.rollback(terms, write, actor);
                                        });
                    });
}

grpc::ServerUnaryReactor* ControlService::ListDeployments(grpc::CallbackServerContext* context,
                                                          const v1::ListDeploymentsRequest* request,
                                                          v1::ListDeploymentsResponse* response) {
  return authorised(*context, Permission::kRead, {}, [&](auto& call, const Actor& /*actor*/) {
    const std::uint32_t limit =
        std::min(request->limit() == 0 ? kDeploymentsDefault : request->limit(), kDeploymentsMax);
    on_store(call, [&call, request, response, limit](Registry& registry) {
      Result<std::vector<v1::Deployment>> found = registry.deployments(request->worker(), limit);
      if (!found.ok()) return call.Finish(rpc::to_status(found.error()));
      for (v1::Deployment& deployment : found.value()) {
        *response->add_deployments() = std::move(deployment);
      }
      call.Finish(grpc::Status::OK);
    });
  });
}

grpc::ServerUnaryReactor* ControlService::GetDeployment(grpc::CallbackServerContext* context,
                                                        const v1::GetDeploymentRequest* request,
                                                        v1::Deployment* response) {
  return authorised(*context, Permission::kRead, {}, [&](auto& call, const Actor& /*actor*/) {
    on_store(call, [&call, request, response](Registry& registry) {
      Result<v1::Deployment> found = registry.deployment(request->worker(), request->number());
      if (!found.ok()) return call.Finish(rpc::to_status(found.error()));
      *response = std::move(found).value();
      call.Finish(grpc::Status::OK);
    });
  });
}

grpc::ServerUnaryReactor* ControlService::DeleteWorker(grpc::CallbackServerContext* context,
                                                       const v1::DeleteWorkerRequest* request,
                                                       v1::DeleteWorkerResponse* /*response*/) {
  return authorised(*context, Permission::kDeploy, request->worker(),
                    [&](auto& call, const Actor& actor) {
                      on_store(call, [this, &call, request, actor](Registry& registry) {
                        const Result<void> removed = registry.remove(request->worker(), actor);
                        if (!removed.ok()) return call.Finish(rpc::to_status(removed.error()));
                        log_info("{} was deleted by {}", request->worker(), actor.name);
                        publish(loop_, registry, request->worker());
                        loop_.post([&call] { call.Finish(grpc::Status::OK); });
                      });
                    });
}

grpc::ServerUnaryReactor* ControlService::ListPops(grpc::CallbackServerContext* context,
                                                   const v1::ListPopsRequest* /*request*/,
                                                   v1::ListPopsResponse* response) {
  return authorised(*context, Permission::kRead, {}, [&](auto& call, const Actor& /*actor*/) {
    loop_.post([this, &call, response] {
      const Distributor& distributor = loop_.distributor();
      std::vector<v1::Pop> pops = distributor.pops();
      const bool with_workers = pops.size() * distributor.live().size() <= kHeldListedMax;
      for (v1::Pop& pop : pops) {
        std::optional<v1::Pop> whole;
        if (with_workers) whole = distributor.pop(pop.identity().id());
        *response->add_pops() = whole ? std::move(*whole) : std::move(pop);
      }
      call.Finish(grpc::Status::OK);
    });
  });
}

grpc::ServerUnaryReactor* ControlService::GetStatus(grpc::CallbackServerContext* context,
                                                    const v1::GetStatusRequest* /*request*/,
                                                    v1::Status* response) {
  return authorised(*context, Permission::kRead, {}, [&](auto& call, const Actor& /*actor*/) {
    const auto finish = [this, &call, response] {
      describe_status(*response);
      call.Finish(grpc::Status::OK);
    };
    const bool asked = loop_.store().post([this, response, finish](Registry& registry) {
      const Result<std::uint64_t> bytes = registry.database_bytes();
      if (bytes.ok()) response->set_database_bytes(bytes.value());
      loop_.post(finish);
    });
    // A control plane that is overloaded has a status all the same.
    if (!asked) loop_.post(finish);
  });
}

void ControlService::describe_status(v1::Status& status) {
  status.set_program_version(program_version());
  status.set_started_at_ms(to_unix_ms(loop_.started_at()));
  status.set_workers(loop_.distributor().live().size());
  std::map<v1::PopState, std::uint64_t> by_state;
  for (const v1::Pop& pop : loop_.distributor().pops()) ++by_state[pop.state()];
  status.set_pops_ready(by_state[v1::POP_STATE_READY]);
  status.set_pops_starting(by_state[v1::POP_STATE_STARTING]);
  status.set_pops_down(by_state[v1::POP_STATE_DOWN]);
  for (const std::string& router : loop_.routers()) status.add_router_addresses(router);
  status.set_relays(loop_.relays().size());
  status.set_insecure(authorizer_.is_insecure());
  status.set_read_only(loop_.store().fault());
}

grpc::ServerWriteReactor<v1::VersionProgress>* ControlService::WatchVersion(
    grpc::CallbackServerContext* context, const v1::WatchVersionRequest* request) {
  using Reactor = grpc::ServerWriteReactor<v1::VersionProgress>;
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kRead);
  if (!actor.ok()) return refuse_stream<Reactor>(actor.error());
  return start_version_watch(loop_, *request);
}

grpc::ServerWriteReactor<v1::PopsUpdate>* ControlService::WatchPops(
    grpc::CallbackServerContext* context, const v1::WatchPopsRequest* request) {
  using Reactor = grpc::ServerWriteReactor<v1::PopsUpdate>;
  const Result<Actor> actor = authorizer_.authorize_program_or_reader(*context);
  if (!actor.ok()) return refuse_stream<Reactor>(actor.error());
  return start_pops_watch(loop_, *request);
}

}  // namespace isopop::control
