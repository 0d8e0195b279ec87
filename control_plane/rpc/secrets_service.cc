#include "control_plane/rpc/secrets_service.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "common/log/log.h"
#include "common/rpc/rpc.h"
#include "control_plane/audit/audit_log.h"
#include "control_plane/registry/names.h"
#include "control_plane/rollout/selector.h"
#include "control_plane/rpc/refusal.h"
#include "control_plane/secrets/secret_table.h"

namespace isopop::control {
namespace {

using Secrets = std::vector<SecretTable::Secret>;

Result<void> check(const v1::PutSecretRequest& request) {
  ISOPOP_TRY(check_worker_name(request.worker()));
  ISOPOP_TRY(check_secret_name(request.name()));
  if (request.value().empty() || request.value().size() > kSecretBytesMax) {
    return invalid_argument(
        fmt::format("a secret's value is 1 to {} bytes of text", kSecretBytesMax));
  }
  // It becomes a property of env, and C++ and JavaScript agree on text only without it.
  if (request.value().find('\0') != std::string::npos) {
    return invalid_argument("a secret's value is text and has no NUL in it");
  }
  if (!request.selector().empty()) ISOPOP_TRY(Selector::parse(request.selector()));
  return {};
}

// What was checked when it was put. One that is not understood any more is for nobody.
std::vector<ScopedSecret> scoped(Secrets secrets) {
  std::vector<ScopedSecret> scoped;
  for (SecretTable::Secret& secret : secrets) {
    Selector selector;
    if (!secret.selector.empty()) {
      Result<Selector> parsed = Selector::parse(secret.selector);
      if (!parsed.ok()) {
        log_error("secret {} of {} goes to no PoP: {}", secret.name, secret.worker,
                  parsed.error().message);
        continue;
      }
      selector = std::move(parsed).value();
    }
    scoped.push_back({.name = std::move(secret.name),
                      .value = std::move(secret.value),
                      .selector = std::move(selector)});
  }
  return scoped;
}

AuditEvent event_of(const Actor& actor, std::string_view action, const std::string& worker,
                    const nlohmann::ordered_json& detail) {
  return {.actor = actor,
          .action = std::string(action),
          .object = "worker/" + worker,
          .detail_json = detail.dump()};
}

}  // namespace

Result<void> SecretsService::load() {
  Result<Secrets> all = loop_.store().call(
      [this](Registry& registry) { return SecretTable(registry.database(), key_).all(); });
  if (!all.ok()) {
    return Error{ErrorCode::kFailedPrecondition,
                 fmt::format("{}; put back the secrets.key that this state folder was used with",
                             all.error().message)};
  }
  std::map<std::string, Secrets> by_worker;
  for (SecretTable::Secret& secret : all.value()) {
    by_worker[secret.worker].push_back(std::move(secret));
  }
  for (auto& [worker, secrets] : by_worker) {
    loop_.distributor().set_secrets(worker, scoped(std::move(secrets)));
  }
  return {};
}

grpc::ServerUnaryReactor* SecretsService::PutSecret(grpc::CallbackServerContext* context,
                                                    const v1::PutSecretRequest* request,
                                                    v1::PutSecretResponse* response) {
  const Result<Actor> actor =
      authorizer_.authorize(*context, Permission::kDeploy, request->worker());
  if (!actor.ok()) return refuse_call(*context, actor.error());
  if (const Result<void> checked = check(*request); !checked.ok()) {
    return refuse_call(*context, checked.error());
  }
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  const bool taken = loop_.store().post(
      [this, call, request, response, actor = actor.value()](Registry& registry) {
        const Result<bool> replaced = put(registry, *request, actor);
        if (!replaced.ok()) return call->Finish(rpc::to_status(replaced.error()));
        response->set_replaced(replaced.value());
        distribute(registry, request->worker(), *call);
      });
  if (!taken) call->Finish(rpc::to_status(Store::busy_error()));
  return call;
}

Result<bool> SecretsService::put(Registry& registry, const v1::PutSecretRequest& request,
                                 const Actor& actor) {
  Database& database = registry.database();
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(database));
  ISOPOP_TRY_ASSIGN(const bool replaced, SecretTable(database, key_)
                                             .put({.worker = request.worker(),
                                                   .name = request.name(),
                                                   .selector = request.selector(),
                                                   .value = request.value()},
                                                  {.name = request.name(),
                                                   .selector = request.selector(),
                                                   .changed_at_ms = to_unix_ms(clock_.wall_now()),
                                                   .changed_by = actor.name}));
  nlohmann::ordered_json detail = {{"name", request.name()}, {"replaced", replaced}};
  if (!request.selector().empty()) detail["pops"] = request.selector();
  ISOPOP_TRY(
      AuditLog(database, clock_).append(event_of(actor, "secret.put", request.worker(), detail)));
  ISOPOP_TRY(transaction.commit());
  log_info("secret {} of {} was put by {}", request.name(), request.worker(), actor.name);
  return replaced;
}

grpc::ServerUnaryReactor* SecretsService::DeleteSecret(grpc::CallbackServerContext* context,
                                                       const v1::DeleteSecretRequest* request,
                                                       v1::DeleteSecretResponse* /*response*/) {
  const Result<Actor> actor =
      authorizer_.authorize(*context, Permission::kDeploy, request->worker());
  if (!actor.ok()) return refuse_call(*context, actor.error());
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  const bool taken =
      loop_.store().post([this, call, request, actor = actor.value()](Registry& registry) {
        const Result<void> removed = remove(registry, *request, actor);
        if (!removed.ok()) return call->Finish(rpc::to_status(removed.error()));
        distribute(registry, request->worker(), *call);
      });
  if (!taken) call->Finish(rpc::to_status(Store::busy_error()));
  return call;
}

Result<void> SecretsService::remove(Registry& registry, const v1::DeleteSecretRequest& request,
                                    const Actor& actor) {
  Database& database = registry.database();
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(database));
  ISOPOP_TRY(SecretTable(database, key_).remove(request.worker(), request.name()));
  ISOPOP_TRY(
      AuditLog(database, clock_)
          .append(event_of(actor, "secret.delete", request.worker(), {{"name", request.name()}})));
  ISOPOP_TRY(transaction.commit());
  log_info("secret {} of {} was deleted by {}", request.name(), request.worker(), actor.name);
  return {};
}

void SecretsService::distribute(Registry& registry, const std::string& worker,
                                grpc::ServerUnaryReactor& call) {
  Result<Secrets> secrets = SecretTable(registry.database(), key_).of(worker);
  if (!secrets.ok()) return call.Finish(rpc::to_status(secrets.error()));
  loop_.post([this, worker, &call, secrets = scoped(std::move(secrets).value())]() mutable {
    loop_.distributor().set_secrets(worker, std::move(secrets));
    loop_.apply_effects();
    call.Finish(grpc::Status::OK);
  });
}

grpc::ServerUnaryReactor* SecretsService::ListSecrets(grpc::CallbackServerContext* context,
                                                      const v1::ListSecretsRequest* request,
                                                      v1::ListSecretsResponse* response) {
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kRead);
  if (!actor.ok()) return refuse_call(*context, actor.error());
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  const bool taken = loop_.store().post([this, call, request, response](Registry& registry) {
    const Result<std::vector<SecretTable::Described>> secrets =
        SecretTable(registry.database(), key_).list(request->worker());
    if (!secrets.ok()) return call->Finish(rpc::to_status(secrets.error()));
    for (const SecretTable::Described& secret : secrets.value()) {
      v1::ListSecretsResponse::Entry& entry = *response->add_secrets();
      entry.set_name(secret.name);
      entry.set_selector(secret.selector);
      entry.set_changed_at_ms(secret.changed_at_ms);
      entry.set_changed_by(secret.changed_by);
    }
    call->Finish(grpc::Status::OK);
  });
  if (!taken) call->Finish(rpc::to_status(Store::busy_error()));
  return call;
}

}  // namespace isopop::control
