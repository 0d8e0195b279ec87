#include "control_plane/rpc/authorize.h"

#include <optional>
#include <string>

namespace isopop::control {
namespace {

constexpr std::string_view kScheme = "Bearer ";
// What gRPC calls the one URI in a verified certificate, when it is an identity.
constexpr const char* kIdentityProperty = "peer_spiffe_id";

std::optional<std::string> token_of(const grpc::CallbackServerContext& context) {
  const auto found = context.client_metadata().find("authorization");
  if (found == context.client_metadata().end()) return std::nullopt;
  const std::string_view value(found->second.data(), found->second.size());
  // Another scheme is no token either, and is said to be none.
  return std::string(value.starts_with(kScheme) ? value.substr(kScheme.size()) : value);
}

}  // namespace

std::optional<pki::ProgramIdentity> program_of(const grpc::CallbackServerContext& context) {
  const auto peer = context.auth_context();
  if (peer == nullptr || !peer->IsPeerAuthenticated()) return std::nullopt;
  const std::vector<grpc::string_ref> ids = peer->FindPropertyValues(kIdentityProperty);
  if (ids.size() != 1) return std::nullopt;
  const Result<pki::ProgramIdentity> identity =
      pki::parse_identity_uri({ids.front().data(), ids.front().size()});
  if (!identity.ok()) return std::nullopt;
  return identity.value();
}

Result<Caller> Authorizer::caller(const grpc::CallbackServerContext& context) const {
  if (book_ == nullptr) {
    return Caller{.actor = {"anonymous (--insecure)"},
                  .role = Role::kAdmin,
                  .workers = {},
                  .program = {},
                  .is_anonymous = true};
  }
  // A person may call from a program's machine: the token says more.
  if (const std::optional<std::string> token = token_of(context)) return book_->person(*token);
  if (const std::optional<pki::ProgramIdentity> program = program_of(context)) {
    return book_->program(*program);
  }
  return Error{ErrorCode::kUnauthenticated,
               "the control plane wants to know who calls: give a token (popctl: --token-file, "
               "POPCTL_TOKEN, or --state DIR of the network), or a program's certificate"};
}

Result<Actor> Authorizer::authorize(const grpc::CallbackServerContext& context,
                                    Permission permission, std::string_view worker) const {
  ISOPOP_TRY_ASSIGN(Caller who, caller(context));
  ISOPOP_TRY(check_permission(who, permission, worker));
  return std::move(who.actor);
}

Result<Actor> Authorizer::authorize_program_or_reader(
    const grpc::CallbackServerContext& context) const {
  ISOPOP_TRY_ASSIGN(Caller who, caller(context));
  ISOPOP_TRY(check_permission(who, who.program ? Permission::kProgram : Permission::kRead, {}));
  return std::move(who.actor);
}

Result<void> Authorizer::authorize_joining(const grpc::CallbackServerContext& context,
                                           std::string_view join_token) const {
  if (book_ == nullptr) return {};
  if (join_token.empty()) {
    ISOPOP_TRY(authorize(context, Permission::kProgram));
    return {};
  }
  ISOPOP_TRY(book_->may_join(join_token, nullptr));
  return {};
}

}  // namespace isopop::control
