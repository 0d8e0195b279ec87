#include "control_plane/rpc/identity_service.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "common/log/log.h"
#include "common/rpc/rpc.h"
#include "control_plane/access/access_table.h"
#include "control_plane/audit/audit_log.h"
#include "control_plane/rpc/behalf.h"
#include "control_plane/rpc/refusal.h"

namespace isopop::control {
namespace {

// A P-256 request with a hundred names is a few kilobytes.
constexpr std::size_t kRequestBytesMax = 64 * 1024;

}  // namespace

grpc::ServerUnaryReactor* IdentityService::Enroll(grpc::CallbackServerContext* context,
                                                  const v1::EnrollRequest* request,
                                                  v1::Credentials* response) {
  const pki::ProgramIdentity identity{.kind = request->kind(), .id = request->id()};
  if (const Result<void> checked = pki::check_identity(identity); !checked.ok()) {
    return refuse_call(*context, checked.error());
  }
  if (identity.kind == "control") {
    return refuse_call(
        *context, Error{ErrorCode::kPermissionDenied, "a control plane makes its own certificate"});
  }
  const Result<std::string> token = book_.may_join(request->join_token(), &identity);
  if (!token.ok()) {
    log_warning("{} asks to enroll as {}: {}", context->peer(), identity.name(),
                token.error().message);
    return refuse_call(*context, token.error());
  }
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  loop_.post([this, call, identity, token = token.value(), csr = request->csr(), response,
              peer = std::string(context->peer())] {
    const std::optional<v1::Pop> pop =
        identity.kind == "pop" ? loop_.distributor().pop(identity.id) : std::nullopt;
    if (pop && pop->state() != v1::POP_STATE_DOWN) {
      return call->Finish(
          {grpc::StatusCode::ALREADY_EXISTS,
           fmt::format("a PoP {} is connected already; wait until it is gone, or stop it",
                       identity.id)});
    }
    const bool taken = loop_.store().post([=, this](Registry& registry) {
      Result<v1::Credentials> credentials = issue(identity, csr);
      if (!credentials.ok()) return call->Finish(rpc::to_status(credentials.error()));
      const Result<void> noted = note_enrollment(registry, identity, token, peer);
      if (!noted.ok()) return call->Finish(rpc::to_status(noted.error()));
      *response = std::move(credentials).value();
      call->Finish(grpc::Status::OK);
    });
    if (!taken) call->Finish(rpc::to_status(Store::busy_error()));
  });
  return call;
}

Result<void> IdentityService::note_enrollment(Registry& registry,
                                              const pki::ProgramIdentity& identity,
                                              const std::string& token_id,
                                              const std::string& peer) {
  Database& database = registry.database();
  AccessTable table(database);
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(database));
  ISOPOP_TRY(table.take_use(token_id));
  const nlohmann::ordered_json detail = {{"token", token_id}, {"peer", peer}};
  ISOPOP_TRY(AuditLog(database, clock_)
                 .append({.actor = {identity.name()},
                          .action = "identity.enroll",
                          .object = "identity/" + identity.name(),
                          .detail_json = detail.dump()}));
  ISOPOP_TRY(transaction.commit());
  log_info("{} enrolled, from {}", identity.name(), peer);
  ISOPOP_TRY_ASSIGN(const std::vector<Token> tokens, table.tokens());
  ISOPOP_TRY_ASSIGN(const std::set<std::string> revoked, table.revoked_identities());
  book_.fill(tokens, revoked);
  return {};
}

grpc::ServerUnaryReactor* IdentityService::Renew(grpc::CallbackServerContext* context,
                                                 const v1::RenewRequest* request,
                                                 v1::Credentials* response) {
  const Result<Caller> caller = authorizer_.caller(*context);
  if (!caller.ok()) return refuse_call(*context, caller.error());
  if (!caller.value().program) {
    return refuse_call(*context, Error{ErrorCode::kPermissionDenied,
                                       "only a program with a certificate can renew one"});
  }
  const Result<pki::ProgramIdentity> renewing = renewing_program(*context, *caller.value().program);
  if (!renewing.ok()) return refuse_call(*context, renewing.error());
  Result<v1::Credentials> credentials = issue(renewing.value(), request->csr());
  if (!credentials.ok()) return refuse_call(*context, credentials.error());
  log_debug("the certificate of {} was renewed", renewing.value().name());
  *response = std::move(credentials).value();
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  call->Finish(grpc::Status::OK);
  return call;
}

// The caller, or the PoP whose certificate a relay has seen.
Result<pki::ProgramIdentity> IdentityService::renewing_program(
    const grpc::CallbackServerContext& context, const pki::ProgramIdentity& caller) const {
  const auto said = context.client_metadata().find(kOnBehalfOf);
  if (said == context.client_metadata().end()) return caller;
  ISOPOP_TRY_ASSIGN(const pki::ProgramIdentity identity,
                    pki::parse_identity({said->second.data(), said->second.size()}));
  if (caller.kind != "relay" || identity.kind != "pop") {
    return Error{ErrorCode::kPermissionDenied, fmt::format("{} cannot renew the certificate of {}",
                                                           caller.name(), identity.name())};
  }
  ISOPOP_TRY(book_.program(identity));
  return identity;
}

Result<v1::Credentials> IdentityService::issue(const pki::ProgramIdentity& identity,
                                               const std::string& csr) const {
  if (issuer_.authority == nullptr) {
    return Error{ErrorCode::kFailedPrecondition,
                 "this control plane has no CA of its own (--pki): certificates come from "
                 "elsewhere (--tls-cert)"};
  }
  if (csr.size() > kRequestBytesMax) return invalid_argument("the certificate request is too long");
  std::vector<std::string> names;
  // PoPs call a relay by name, and only it knows which.
  if (identity.kind == "relay") {
    ISOPOP_TRY_ASSIGN(names, pki::requested_names(csr));
  }
  const WallTime now = clock_.wall_now();
  ISOPOP_TRY_ASSIGN(const std::string certificate,
                    issuer_.authority->issue(csr, {.identity = identity, .names = names},
                                             {.now = now, .lifetime = issuer_.lifetime}));
  v1::Credentials credentials;
  credentials.set_certificate(certificate);
  credentials.set_ca(issuer_.authority->certificate_pem());
  credentials.set_bundle_key(issuer_.bundle_key_pem);
  ISOPOP_TRY_ASSIGN(const pki::CertificateFacts facts, pki::read_certificate(certificate));
  credentials.set_not_after_ms(to_unix_ms(facts.not_after));
  return credentials;
}

}  // namespace isopop::control
