#include "control_plane/rpc/access_service.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "common/log/log.h"
#include "common/rpc/rpc.h"
#include "control_plane/registry/names.h"
#include "control_plane/rpc/refusal.h"

namespace isopop::control {
namespace {

constexpr std::size_t kNameBytesMax = 100;
constexpr std::size_t kPatternsMax = 100;
constexpr std::size_t kPatternBytesMax = 128;
constexpr std::size_t kTokensMax = 10'000;
constexpr std::int64_t kTtlMaxS = std::int64_t{100} * 365 * 24 * 3600;
constexpr std::uint32_t kAuditDefault = 100;
constexpr std::uint32_t kAuditMax = 1'000;

Result<void> check_name(const std::string& name) {
  const bool is_line = std::all_of(name.begin(), name.end(), [](char c) {
    return static_cast<unsigned char>(c) >= ' ' && c != '\x7f';
  });
  if (!name.empty() && name.size() <= kNameBytesMax && is_line) return {};
  return invalid_argument(
      fmt::format("a token's name is one line of 1 to {} bytes", kNameBytesMax));
}

// Of workers or programs: letters, digits and what else stands in their names, and '*'.
Result<void> check_patterns(const std::vector<std::string>& patterns) {
  constexpr std::string_view kAllowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./*";
  if (patterns.size() > kPatternsMax) {
    return invalid_argument(fmt::format("more than {} patterns in one token", kPatternsMax));
  }
  for (const std::string& pattern : patterns) {
    if (pattern.empty() || pattern.size() > kPatternBytesMax ||
        pattern.find_first_not_of(kAllowed) != std::string::npos) {
      return invalid_argument(
          fmt::format("{} is no pattern of names, as in shop-* or pop/*", in_quotes(pattern)));
    }
  }
  return {};
}

Result<std::int64_t> end_after(std::int64_t ttl_s, std::int64_t now_ms) {
  if (ttl_s < 0 || ttl_s > kTtlMaxS) {
    return invalid_argument("a token is good for 1 s to 100 years, or (0) for ever");
  }
  return ttl_s == 0 ? 0 : now_ms + ttl_s * 1000;
}

v1::Token to_proto(const Token& token) {
  v1::Token proto;
  proto.set_id(token.id);
  proto.set_name(token.name);
  proto.set_role(std::string(role_name(token.role)));
  for (const std::string& pattern : token.workers) proto.add_workers(pattern);
  for (const std::string& pattern : token.ids) proto.add_ids(pattern);
  proto.set_created_at_ms(token.created_at_ms);
  proto.set_created_by(token.created_by);
  proto.set_expires_at_ms(token.expires_at_ms);
  // One that is used up is as good as revoked; on the wire 0 uses left means any number.
  proto.set_revoked(token.revoked || token.uses_left == 0U);
  proto.set_uses_left(token.uses_left.value_or(0));
  proto.set_last_used_ms(token.last_used_ms);
  return proto;
}

Result<void> fill(AccessBook& book, AccessTable& table) {
  ISOPOP_TRY_ASSIGN(const std::vector<Token> tokens, table.tokens());
  ISOPOP_TRY_ASSIGN(const std::set<std::string> revoked, table.revoked_identities());
  book.fill(tokens, revoked);
  return {};
}

std::string describe(const Token& token) {
  nlohmann::ordered_json detail = {{"name", token.name}, {"role", role_name(token.role)}};
  if (!token.workers.empty()) detail["workers"] = token.workers;
  if (!token.ids.empty()) detail["ids"] = token.ids;
  if (token.expires_at_ms != 0) detail["expires_at_ms"] = token.expires_at_ms;
  if (token.uses_left) detail["uses"] = *token.uses_left;
  return detail.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

AuditEvent creation_of(const Actor& actor, const Token& token) {
  return {.actor = actor,
          .action = "token.create",
          .object = "token/" + token.id,
          .detail_json = describe(token)};
}

}  // namespace

Result<void> AccessService::commit(Registry& registry, const AuditEvent& event,
                                   const Change& change) {
  Database& database = registry.database();
  AccessTable table(database);
  ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(database));
  ISOPOP_TRY(change(table));
  ISOPOP_TRY(AuditLog(database, clock_).append(event));
  ISOPOP_TRY(transaction.commit());
  log_info("{} {} by {}", event.action, event.object, event.actor.name);
  return fill(book_, table);
}

grpc::ServerUnaryReactor* AccessService::create(grpc::CallbackServerContext& context,
                                                const Actor& actor, Token token,
                                                v1::CreateTokenResponse& response) {
  const std::string text = new_token_text();
  set_text(token, text);
  token.created_at_ms = to_unix_ms(clock_.wall_now());
  token.created_by = actor.name;
  grpc::ServerUnaryReactor* call = context.DefaultReactor();
  const bool taken = loop_.store().post([this, call, actor, token, text,
                                         &response](Registry& registry) {
    const Result<void> kept =
        commit(registry, creation_of(actor, token), [this, &token](AccessTable& table) {
          if (book_.tokens().size() >= kTokensMax) {
            return Result<void>(Error{ErrorCode::kResourceExhausted, "there are too many tokens"});
          }
          return table.add(token);
        });
    if (!kept.ok()) return call->Finish(rpc::to_status(kept.error()));
    *response.mutable_token() = to_proto(token);
    response.set_text(text);
    call->Finish(grpc::Status::OK);
  });
  if (!taken) call->Finish(rpc::to_status(Store::busy_error()));
  return call;
}

grpc::ServerUnaryReactor* AccessService::CreateToken(grpc::CallbackServerContext* context,
                                                     const v1::CreateTokenRequest* request,
                                                     v1::CreateTokenResponse* response) {
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kAdmin);
  if (!actor.ok()) return refuse_call(*context, actor.error());
  const std::optional<Role> role = parse_role(request->role());
  if (!role || *role == Role::kJoin) {
    return refuse_call(*context, invalid_argument("a role is admin, deployer or reader"));
  }
  Token token{.name = request->name(),
              .role = *role,
              .workers = {request->workers().begin(), request->workers().end()}};
  if (!token.workers.empty() && *role != Role::kDeployer) {
    return refuse_call(*context, invalid_argument("only a deployer's token is for some workers"));
  }
  const Result<std::int64_t> end = end_after(request->ttl_s(), to_unix_ms(clock_.wall_now()));
  Result<void> checked = check_name(token.name);
  if (checked.ok()) checked = check_patterns(token.workers);
  if (checked.ok() && !end.ok()) checked = end.error();
  if (!checked.ok()) return refuse_call(*context, checked.error());
  token.expires_at_ms = end.value();
  return create(*context, actor.value(), std::move(token), *response);
}

grpc::ServerUnaryReactor* AccessService::CreateJoinToken(grpc::CallbackServerContext* context,
                                                         const v1::CreateJoinTokenRequest* request,
                                                         v1::CreateTokenResponse* response) {
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kAdmin);
  if (!actor.ok()) return refuse_call(*context, actor.error());
  Token token{.name = request->name().empty() ? "join" : request->name(),
              .role = Role::kJoin,
              .ids = {request->ids().begin(), request->ids().end()}};
  if (request->uses() > 0) token.uses_left = request->uses();
  const Result<std::int64_t> end = end_after(request->ttl_s(), to_unix_ms(clock_.wall_now()));
  Result<void> checked = check_name(token.name);
  if (checked.ok()) checked = check_patterns(token.ids);
  if (checked.ok() && !end.ok()) checked = end.error();
  if (!checked.ok()) return refuse_call(*context, checked.error());
  token.expires_at_ms = end.value();
  return create(*context, actor.value(), std::move(token), *response);
}

grpc::ServerUnaryReactor* AccessService::ListTokens(grpc::CallbackServerContext* context,
                                                    const v1::ListTokensRequest* /*request*/,
                                                    v1::ListTokensResponse* response) {
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kAdmin);
  if (!actor.ok()) return refuse_call(*context, actor.error());
  for (const Token& token : book_.tokens()) *response->add_tokens() = to_proto(token);
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  call->Finish(grpc::Status::OK);
  return call;
}

grpc::ServerUnaryReactor* AccessService::RevokeToken(grpc::CallbackServerContext* context,
                                                     const v1::RevokeTokenRequest* request,
                                                     v1::RevokeTokenResponse* /*response*/) {
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kAdmin);
  if (!actor.ok()) return refuse_call(*context, actor.error());
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  const AuditEvent event{.actor = actor.value(),
                         .action = "token.revoke",
                         .object = "token/" + request->id(),
                         .detail_json = {}};
  const bool taken =
      loop_.store().post([this, call, event, id = request->id()](Registry& registry) {
        const Result<void> revoked =
            commit(registry, event, [&id](AccessTable& table) { return table.revoke(id); });
        call->Finish(revoked.ok() ? grpc::Status::OK : rpc::to_status(revoked.error()));
      });
  if (!taken) call->Finish(rpc::to_status(Store::busy_error()));
  return call;
}

grpc::ServerUnaryReactor* AccessService::RevokeIdentity(grpc::CallbackServerContext* context,
                                                        const v1::RevokeIdentityRequest* request,
                                                        v1::RevokeIdentityResponse* /*response*/) {
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kAdmin);
  if (!actor.ok()) return refuse_call(*context, actor.error());
  const pki::ProgramIdentity identity{.kind = request->kind(), .id = request->id()};
  const Result<void> checked = pki::check_identity(identity);
  if (!checked.ok()) return refuse_call(*context, checked.error());
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  const bool restores = request->restore();
  const AuditEvent event{.actor = actor.value(),
                         .action = restores ? "identity.restore" : "identity.revoke",
                         .object = "identity/" + identity.name(),
                         .detail_json = {}};
  const bool taken = loop_.store().post([=, this](Registry& registry) {
    const Result<void> done = commit(registry, event, [&](AccessTable& table) {
      return restores ? table.restore_identity(identity.name())
                      : table.revoke_identity(identity.name(), to_unix_ms(clock_.wall_now()));
    });
    if (!done.ok()) return call->Finish(rpc::to_status(done.error()));
    if (restores || identity.kind != "pop") return call->Finish(grpc::Status::OK);
    loop_.post([this, call, identity] {
      loop_.distributor().cut_off(identity.id, "its identity was revoked");
      loop_.apply_effects();
      call->Finish(grpc::Status::OK);
    });
  });
  if (!taken) call->Finish(rpc::to_status(Store::busy_error()));
  return call;
}

grpc::ServerUnaryReactor* AccessService::ListAudit(grpc::CallbackServerContext* context,
                                                   const v1::ListAuditRequest* request,
                                                   v1::ListAuditResponse* response) {
  const Result<Actor> actor = authorizer_.authorize(*context, Permission::kAdmin);
  if (!actor.ok()) return refuse_call(*context, actor.error());
  const AuditLog::Filter filter{
      .object = request->worker().empty() ? "" : "worker/" + request->worker(),
      .actor = request->actor(),
      .before = request->before(),
      .limit = std::min(request->limit() == 0 ? kAuditDefault : request->limit(), kAuditMax)};
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  const bool taken = loop_.store().post([this, call, filter, response](Registry& registry) {
    AuditLog log(registry.database(), clock_);
    const Result<std::vector<AuditLog::Entry>> entries = log.list(filter);
    if (!entries.ok()) return call->Finish(rpc::to_status(entries.error()));
    const Result<std::uint64_t> damaged = log.first_damaged();
    if (!damaged.ok()) return call->Finish(rpc::to_status(damaged.error()));
    for (const AuditLog::Entry& entry : entries.value()) {
      v1::AuditEntry& proto = *response->add_entries();
      proto.set_number(entry.number);
      proto.set_at_ms(entry.at_ms);
      proto.set_actor(entry.event.actor.name);
      proto.set_action(entry.event.action);
      proto.set_object(entry.event.object);
      proto.set_detail(entry.event.detail_json);
      proto.set_hash(entry.hash);
    }
    response->set_intact(damaged.value() == 0);
    if (damaged.value() != 0) log_error("audit entry {} was changed", damaged.value());
    call->Finish(grpc::Status::OK);
  });
  if (!taken) call->Finish(rpc::to_status(Store::busy_error()));
  return call;
}

grpc::ServerUnaryReactor* AccessService::WhoAmI(grpc::CallbackServerContext* context,
                                                const v1::WhoAmIRequest* /*request*/,
                                                v1::WhoAmIResponse* response) {
  const Result<Caller> caller = authorizer_.caller(*context);
  if (!caller.ok()) return refuse_call(*context, caller.error());
  response->set_actor(caller.value().actor.name);
  response->set_role(
      std::string(caller.value().program ? "program" : role_name(caller.value().role)));
  for (const std::string& pattern : caller.value().workers) response->add_workers(pattern);
  response->set_insecure(caller.value().is_anonymous);
  grpc::ServerUnaryReactor* call = context->DefaultReactor();
  call->Finish(grpc::Status::OK);
  return call;
}

Result<void> load_access(Store& store, AccessBook& book, const Clock& clock,
                         const std::string& admin_token, const std::string& join_token) {
  return store.call([&](Registry& registry) -> Result<void> {
    Database& database = registry.database();
    AccessTable table(database);
    // A damaged database serves with the tokens that it has.
    if (!registry.fault().empty()) return fill(book, table);
    ISOPOP_TRY_ASSIGN(const std::vector<Token> present, table.tokens());
    ISOPOP_TRY_ASSIGN(Transaction transaction, Transaction::begin(database));
    for (const auto& [role, text] :
         {std::pair(Role::kAdmin, &admin_token), std::pair(Role::kJoin, &join_token)}) {
      Token token{.name = std::string(role_name(role)), .role = role};
      set_text(token, *text);
      const bool is_there = std::any_of(present.begin(), present.end(),
                                        [&token](const Token& it) { return it.id == token.id; });
      if (is_there) continue;
      token.created_at_ms = to_unix_ms(clock.wall_now());
      token.created_by = control_plane_actor().name;
      ISOPOP_TRY(table.add(token));
      ISOPOP_TRY(AuditLog(database, clock).append(creation_of(control_plane_actor(), token)));
    }
    ISOPOP_TRY(transaction.commit());
    return fill(book, table);
  });
}

}  // namespace isopop::control
