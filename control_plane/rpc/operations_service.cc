#include "control_plane/rpc/operations_service.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <optional>
#include <utility>

#include "common/log/log.h"
#include "common/rpc/rpc.h"
#include "control_plane/audit/audit_log.h"
#include "control_plane/operations/pop_service_table.h"
#include "control_plane/registry/names.h"
#include "control_plane/rpc/backup_stream.h"
#include "control_plane/rpc/refusal.h"
#include "control_plane/rpc/tail_stream.h"

namespace isopop::control {
namespace {

constexpr std::size_t kIdsMax = 10'000;

std::string_view action_of(v1::PopService service) {
  switch (service) {
    case v1::POP_SERVICE_DRAINED:
      return "pop.drain";
    case v1::POP_SERVICE_FAILED:
      return "pop.fail";
    default:
      return "pop.restore";
  }
}

Error no_such_pops(const std::set<std::string>& ids) {
  return not_found(fmt::format("there is no PoP {}; `popctl pops list` shows which there are",
                               in_quotes(fmt::format("{}", fmt::join(ids, ", ")))));
}

}  // namespace

Result<void> OperationsService::load() {
  using Services = std::map<std::string, v1::PopService>;
  const Result<Services> services = loop_.store().call(
      [](Registry& registry) { return PopServiceTable(registry.database()).all(); });
  if (!services.ok()) return services.error();
  for (const auto& [pop, service] : services.value()) {
    loop_.distributor().set_service(pop, service);
  }
  return {};
}

grpc::ServerUnaryReactor* OperationsService::GetPop(grpc::CallbackServerContext* context,
                                                    const v1::GetPopRequest* request,
                                                    v1::Pop* response) {
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kRead);
  if (!actor.ok()) return refuse_call(*context, actor.error());
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  loop_.post([this, call, request, response] {
    std::optional<v1::Pop> pop = loop_.distributor().pop(request->id());
    if (!pop) return call->Finish(rpc::to_status(no_such_pops({request->id()})));
    *response = *std::move(pop);
    call->Finish(grpc::Status::OK);
  });
  return call;
}

grpc::ServerUnaryReactor* OperationsService::SetPopService(grpc::CallbackServerContext* context,
                                                           const v1::SetPopServiceRequest* request,
                                                           v1::SetPopServiceResponse* response) {
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kAdmin);
  if (!actor.ok()) return refuse_call(*context, actor.error());
  const std::set<std::string> ids(request->ids().begin(), request->ids().end());
  if (ids.empty() || ids.size() > kIdsMax) {
    return refuse_call(*context,
                       invalid_argument(fmt::format("name 1 to {} PoPs at a time", kIdsMax)));
  }
  const v1::PopService service = request->service();
  if (!v1::PopService_IsValid(service)) {
    return refuse_call(*context, invalid_argument("a PoP can be drained, failed or restored"));
  }
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  loop_.post([this, call, response, ids, service, actor = actor.value()] {
    std::set<std::string> unseen;
    for (const std::string& id : ids) {
      if (!loop_.distributor().pop(id)) unseen.insert(id);
    }
    const bool taken = loop_.store().post([=, this](Registry& registry) {
      const Result<void> kept = keep_service(registry, unseen, ids, service, actor);
      if (!kept.ok()) return call->Finish(rpc::to_status(kept.error()));
      loop_.post([=, this] {
        apply_service(ids, service, *response);
        log_info("{} by {}: {}", action_of(service), actor.name, fmt::join(ids, ", "));
        call->Finish(grpc::Status::OK);
      });
    });
    if (!taken) call->Finish(rpc::to_status(Store::busy_error()));
  });
  return call;
}

Result<void> OperationsService::keep_service(Registry& registry,
                                             const std::set<std::string>& unseen,
                                             const std::set<std::string>& ids,
                                             v1::PopService service, const Actor& actor) {
  Database& database = registry.database();
  PopServiceTable table(database);
  if (!unseen.empty()) {
    ISOPOP_TRY_ASSIGN(const auto services, table.all());
    ISOPOP_TRY_ASSIGN(const std::set<std::string> known, registry.known_pops());
    std::set<std::string> missing;
    for (const std::string& id : unseen) {
      if (!services.contains(id) && !known.contains(id)) missing.insert(id);
    }
    if (!missing.empty()) return no_such_pops(missing);
  }
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(database));
  AuditLog audit(database, clock_);
  for (const std::string& id : ids) {
    ISOPOP_TRY(table.set(id, service));
    ISOPOP_TRY(audit.append({.actor = actor,
                             .action = std::string(action_of(service)),
                             .object = "pop/" + id,
                             .detail_json = {}}));
  }
  return transaction.commit();
}

void OperationsService::apply_service(const std::set<std::string>& ids, v1::PopService service,
                                      v1::SetPopServiceResponse& response) {
  for (const std::string& id : ids) loop_.distributor().set_service(id, service);
  loop_.apply_effects();
  for (const std::string& id : ids) {
    v1::Pop& entry = *response.add_pops();
    if (std::optional<v1::Pop> pop = loop_.distributor().pop(id)) {
      entry = *std::move(pop);
    } else {
      entry.mutable_identity()->set_id(id);
      entry.set_service(service);
    }
  }
}

grpc::ServerWriteReactor<v1::TailBatch>* OperationsService::Tail(
    grpc::CallbackServerContext* context, const v1::TailRequest* request) {
  using Reactor = grpc::ServerWriteReactor<v1::TailBatch>;
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kRead);
  if (!actor.ok()) return refuse_stream<Reactor>(actor.error());
  return start_tail_stream(loop_, telemetry_, *request);
}

grpc::ServerWriteReactor<v1::Figures>* OperationsService::WatchFigures(
    grpc::CallbackServerContext* context, const v1::WatchFiguresRequest* request) {
  using Reactor = grpc::ServerWriteReactor<v1::Figures>;
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kRead);
  if (!actor.ok()) return refuse_stream<Reactor>(actor.error());
  return start_figures_stream(loop_, telemetry_, io_, clock_, *request);
}

grpc::ServerWriteReactor<v1::BackupPiece>* OperationsService::Backup(
    grpc::CallbackServerContext* context, const v1::BackupRequest* /*request*/) {
  using Reactor = grpc::ServerWriteReactor<v1::BackupPiece>;
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kAdmin);
  if (!actor.ok()) return refuse_stream<Reactor>(actor.error());
  log_info("{} takes a backup", actor.value().name);
  return start_backup_stream(loop_, state_);
}

}  // namespace isopop::control
