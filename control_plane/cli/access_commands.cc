#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

#include "common/units/units.h"
#include "control_plane/cli/audit_text.h"
#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/identity_change.h"
#include "isopop/v1/access.grpc.pb.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;

struct TokenOptions {
  std::string name;
  std::string role;
  std::vector<std::string> workers;  // or, of a join token, ids
  std::string ttl;
  std::uint32_t uses = 0;
};

std::string state_of(const v1::Token& token) {
  return token.revoked() ? "revoked" : "good";
}

std::string time_or(std::int64_t ms, std::string_view otherwise) {
  return ms == 0 ? std::string(otherwise) : format_time(ms);
}

Json json_of(const v1::Token& token) {
  Json json = {{"id", token.id()},
               {"name", token.name()},
               {"role", token.role()},
               {"workers", Json::array()},
               {"ids", Json::array()},
               {"created_at_ms", token.created_at_ms()},
               {"created_by", token.created_by()},
               {"expires_at_ms", token.expires_at_ms()},
               {"revoked", token.revoked()},
               {"last_used_ms", token.last_used_ms()},
               {"uses_left", token.uses_left()}};
  for (const std::string& pattern : token.workers()) json["workers"].push_back(pattern);
  for (const std::string& pattern : token.ids()) json["ids"].push_back(pattern);
  return json;
}

Result<std::int64_t> seconds_of(const std::string& ttl) {
  if (ttl.empty()) return std::int64_t{0};
  ISOPOP_TRY_ASSIGN(const std::chrono::nanoseconds span, parse_duration(ttl).with_context("--ttl"));
  const auto seconds = std::chrono::floor<std::chrono::seconds>(span).count();
  if (seconds < 1) return invalid_argument("--ttl: at least 1 s");
  return std::int64_t{seconds};
}

// The text on standard output and nothing else there, so that it can go into a file.
ExitCode print_created(const Session& session, const Result<v1::CreateTokenResponse>& created) {
  if (!created.ok()) return fail_call(session.terminal, created.error());
  const v1::Token& token = created.value().token();
  session.terminal.note(fmt::format(
      "made {} token {} ('{}'), {}; it is not shown again", token.role(), token.id(), token.name(),
      token.expires_at_ms() == 0 ? "good until it is revoked"
                                 : "good until " + format_time(token.expires_at_ms())));
  Json json = json_of(token);
  json["text"] = created.value().text();
  session.output.one(created.value().text() + "\n", json);
  return ExitCode::kDone;
}

ExitCode create_token(Session& session, const TokenOptions& options) {
  const Result<std::int64_t> ttl_s = seconds_of(options.ttl);
  if (!ttl_s.ok()) return session.terminal.fail(ExitCode::kUsage, ttl_s.error().message);
  v1::CreateTokenRequest request;
  request.set_name(options.name);
  request.set_role(options.role);
  for (const std::string& pattern : options.workers) request.add_workers(pattern);
  request.set_ttl_s(ttl_s.value());
  return print_created(session, session.client->call(&v1::Access::Stub::CreateToken, request));
}

ExitCode create_join_token(Session& session, const TokenOptions& options) {
  const Result<std::int64_t> ttl_s = seconds_of(options.ttl);
  if (!ttl_s.ok()) return session.terminal.fail(ExitCode::kUsage, ttl_s.error().message);
  v1::CreateJoinTokenRequest request;
  request.set_name(options.name);
  for (const std::string& pattern : options.workers) request.add_ids(pattern);
  request.set_ttl_s(ttl_s.value());
  request.set_uses(options.uses);
  return print_created(session, session.client->call(&v1::Access::Stub::CreateJoinToken, request));
}

ExitCode list_tokens(Session& session) {
  const auto listed = session.client->call(&v1::Access::Stub::ListTokens, {});
  if (!listed.ok()) return fail_call(session.terminal, listed.error());
  Table table({{"ID"},
               {"NAME"},
               {"ROLE"},
               {"FOR"},
               {"STATE"},
               {"EXPIRES"},
               {"LAST USED"},
               {"CREATED", Table::Align::kLeft, Table::Shown::kWide},
               {"BY", Table::Align::kLeft, Table::Shown::kWide}});
  Json array = Json::array();
  for (const v1::Token& token : listed.value().tokens()) {
    const auto& patterns = token.role() == "join" ? token.ids() : token.workers();
    table.add({token.id(), token.name(), token.role(),
               patterns.empty() ? "all" : fmt::format("{}", fmt::join(patterns, ",")),
               state_of(token), time_or(token.expires_at_ms(), "never"),
               time_or(token.last_used_ms(), "never"), format_time(token.created_at_ms()),
               token.created_by()});
    array.push_back(json_of(token));
  }
  session.output.list(table, array);
  return ExitCode::kDone;
}

ExitCode revoke_token(Session& session, const std::string& id) {
  v1::RevokeTokenRequest request;
  request.set_id(id);
  const auto revoked = session.client->call(&v1::Access::Stub::RevokeToken, request);
  if (!revoked.ok()) {
    return session.terminal.fail(exit_code_of(revoked.error().code), revoked.error().message,
                                 "`popctl token list` shows the ids");
  }
  session.terminal.note(fmt::format("revoked token {}", id));
  return ExitCode::kDone;
}

ExitCode who_am_i(Session& session) {
  const auto who = session.client->call(&v1::Access::Stub::WhoAmI, {});
  if (!who.ok()) return fail_call(session.terminal, who.error());
  const v1::WhoAmIResponse& me = who.value();
  std::string text = fmt::format("{} ({})", me.actor(), me.role());
  if (!me.workers().empty()) text += fmt::format(", for {}", fmt::join(me.workers(), ", "));
  Json json = {{"actor", me.actor()},
               {"role", me.role()},
               {"workers", Json::array()},
               {"insecure", me.insecure()}};
  for (const std::string& pattern : me.workers()) json["workers"].push_back(pattern);
  session.output.one(text + "\n", json);
  return ExitCode::kDone;
}

struct AuditOptions {
  std::string worker;
  std::string actor;
  std::uint32_t limit = 0;
  std::uint64_t before = 0;
  bool verify = false;
};

ExitCode show_audit(Session& session, const AuditOptions& options) {
  v1::ListAuditRequest request;
  request.set_worker(options.worker);
  request.set_actor(options.actor);
  request.set_limit(options.limit);
  request.set_before(options.before);
  const auto listed = session.client->call(&v1::Access::Stub::ListAudit, request);
  if (!listed.ok()) return fail_call(session.terminal, listed.error());
  Table table({{"NO", Table::Align::kRight},
               {"TIME (UTC)"},
               {"ACTOR"},
               {"ACTION"},
               {"OBJECT"},
               {"DETAIL"},
               {"RECORD", Table::Align::kLeft, Table::Shown::kWide},
               {"HASH", Table::Align::kLeft, Table::Shown::kWide}});
  Json array = Json::array();
  for (const v1::AuditEntry& entry : listed.value().entries()) {
    // What is no JSON was not written by this control plane, and is shown as it is.
    Json detail = Json::parse(entry.detail(), nullptr, false);
    if (detail.is_discarded()) detail = entry.detail();
    table.add({std::to_string(entry.number()), format_time(entry.at_ms()), entry.actor(),
               entry.action(), entry.object(), summary_of_audit(detail), first_line(entry.detail()),
               entry.hash()});
    array.push_back({{"number", entry.number()},
                     {"at_ms", entry.at_ms()},
                     {"actor", entry.actor()},
                     {"action", entry.action()},
                     {"object", entry.object()},
                     {"detail", std::move(detail)},
                     {"hash", entry.hash()}});
  }
  session.output.list(table, array);
  if (!listed.value().intact()) {
    return session.terminal.fail(
        ExitCode::kUnexpected, "the audit log was changed outside of the control plane",
        "the control plane's log says which entry is the first that is not as it was written");
  }
  if (options.verify) session.terminal.note("the audit log is as it was written");
  return ExitCode::kDone;
}

void add_token_commands(CommandLine& line) {
  CLI::App& tokens = line.add_group("token", "Tokens for people and their scripts");
  const auto options = std::make_shared<TokenOptions>();
  CLI::App& create = line.add(tokens, "create", "Make one; its text is printed, once");
  create.add_option("NAME", options->name, "What to call it: ci-of-the-shop")->required();
  create.add_option("--role", options->role, "admin, deployer or reader")
      ->required()
      ->check(CLI::IsMember({"admin", "deployer", "reader"}));
  add_repeated(create, "--worker", options->workers,
               "Of a deployer: pattern of the workers it may change, shop-*; default: all");
  create.add_option("--ttl", options->ttl, "How long it is good, 30 d; default: until revoked")
      ->check(check_duration);
  line.on_session(create, [options](Session& session) { return create_token(session, *options); });
  line.on_session(line.add(tokens, "list", "All of them, without their texts"), list_tokens);
  const auto id = std::make_shared<std::string>();
  CLI::App& revoke = line.add(tokens, "revoke", "From now on it is worth nothing");
  revoke.add_option("ID", *id, "The token's id, as `token list` shows it")->required();
  line.on_session(revoke, [id](Session& session) { return revoke_token(session, *id); });
}

void add_join_token_commands(CommandLine& line) {
  CLI::App& tokens =
      line.add_group("join-token", "Tokens with which PoPs, routers and relays enroll");
  const auto options = std::make_shared<TokenOptions>();
  CLI::App& create = line.add(tokens, "create", "Make one; its text is printed, once");
  create.add_option("--name", options->name, "What to call it");
  add_repeated(create, "--id", options->workers,
               "Pattern of whom it is good for: pop/AMS, pop/*, router/*; default: everybody");
  create.add_option("--ttl", options->ttl, "How long it is good, 1 h; default: until revoked")
      ->check(check_duration);
  create.add_option("--uses", options->uses, "How many may enroll; default: any number");
  line.on_session(create,
                  [options](Session& session) { return create_join_token(session, *options); });
}

void add_identity_commands(CommandLine& line) {
  CLI::App& identities = line.add_group("identity", "Programs' identities");
  const auto name = std::make_shared<std::string>();
  CLI::App& revoke = line.add(identities, "revoke", "Cut a program off at once, for good");
  revoke.add_option("KIND/ID", *name, "pop/AMS, router/edge-1, relay/eu")->required();
  line.on_session(revoke, [name](Session& session) {
    return change_identity(session, *name, IdentityChange::kRevoke);
  });
  CLI::App& restore = line.add(identities, "restore", "Let one that was cut off come back");
  restore.add_option("KIND/ID", *name, "pop/AMS, router/edge-1, relay/eu")->required();
  line.on_session(restore, [name](Session& session) {
    return change_identity(session, *name, IdentityChange::kRestore);
  });
}

}  // namespace

void add_access_commands(CommandLine& line) {
  add_token_commands(line);
  add_join_token_commands(line);
  add_identity_commands(line);
  line.on_session(line.add("whoami", "Who the control plane takes you for"), who_am_i);
  const auto options = std::make_shared<AuditOptions>();
  CLI::App& audit = line.add("audit", "Who changed what, newest first");
  audit.add_option("--worker", options->worker, "Only what is about this worker");
  audit.add_option("--actor", options->actor, "Only by this one: token:ci, pop/AMS");
  audit.add_option("-n,--limit", options->limit, "How many; default: 100")
      ->check(CLI::Range(1, 1000));
  audit.add_option("--before", options->before, "Only entries with a lower number");
  audit.add_flag("--verify", options->verify, "Say so when the whole log is as it was written");
  line.on_session(audit, [options](Session& session) { return show_audit(session, *options); });
}

}  // namespace isopop::control::cli
