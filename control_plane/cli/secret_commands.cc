#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <utility>

#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/secret_input.h"
#include "isopop/v1/access.grpc.pb.h"

namespace isopop::control::cli {
namespace {

struct SecretOptions {
  std::string name;
  std::string worker;
  std::string pops;
  std::string file;
  bool dry_run = false;
};

// Whether the worker has it already.
Result<bool> has_secret(Session& session, const SecretOptions& options) {
  v1::ListSecretsRequest request;
  request.set_worker(options.worker);
  ISOPOP_TRY_ASSIGN(const auto listed,
                    session.client->call(&v1::Secrets::Stub::ListSecrets, request));
  const auto& secrets = listed.secrets();
  return std::any_of(secrets.begin(), secrets.end(),
                     [&](const auto& secret) { return secret.name() == options.name; });
}

ExitCode say_would(const Session& session, const SecretOptions& options, const char* action) {
  session.output.one(
      fmt::format("would {} secret {} of {}\n", action, options.name, options.worker),
      {{"action", action}, {"worker", options.worker}, {"name", options.name}, {"dry_run", true}});
  return ExitCode::kDone;
}

ExitCode put_secret(Session& session, const SecretOptions& options) {
  Result<std::string> value = read_secret(options.file);
  if (!value.ok()) return session.terminal.fail(ExitCode::kUsage, value.error().message);
  if (options.dry_run) {
    const Result<bool> has = has_secret(session, options);
    if (!has.ok()) return fail_about_worker(session, has.error(), options.worker);
    return say_would(session, options, has.value() ? "replace" : "put");
  }
  v1::PutSecretRequest request;
  request.set_worker(options.worker);
  request.set_name(options.name);
  request.set_value(std::move(value).value());
  request.set_selector(options.pops);
  const auto put = session.client->call(&v1::Secrets::Stub::PutSecret, request);
  if (!put.ok()) return fail_call(session.terminal, put.error());
  session.terminal.note(fmt::format("{} secret {} of {}",
                                    put.value().replaced() ? "replaced" : "put", options.name,
                                    options.worker));
  return ExitCode::kDone;
}

ExitCode list_secrets(Session& session, const SecretOptions& options) {
  v1::ListSecretsRequest request;
  request.set_worker(options.worker);
  const auto listed = session.client->call(&v1::Secrets::Stub::ListSecrets, request);
  if (!listed.ok()) return fail_call(session.terminal, listed.error());
  Table table({{"NAME"}, {"POPS"}, {"CHANGED (UTC)"}, {"BY"}});
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const auto& secret : listed.value().secrets()) {
    table.add({secret.name(), secret.selector().empty() ? "all" : secret.selector(),
               format_time(secret.changed_at_ms()), secret.changed_by()});
    array.push_back({{"name", secret.name()},
                     {"pops", secret.selector()},
                     {"changed_at_ms", secret.changed_at_ms()},
                     {"changed_by", secret.changed_by()}});
  }
  session.output.list(table, array);
  return ExitCode::kDone;
}

ExitCode delete_secret(Session& session, const SecretOptions& options) {
  if (options.dry_run) {
    const Result<bool> has = has_secret(session, options);
    if (!has.ok()) return fail_about_worker(session, has.error(), options.worker);
    if (has.value()) return say_would(session, options, "delete");
    return session.terminal.fail(
        ExitCode::kNotFound, fmt::format("{} has no secret {}", options.worker, options.name),
        fmt::format("`popctl secret list --worker {}` shows what it has", options.worker));
  }
  if (!is_confirmed(session,
                    fmt::format("delete secret {} of {}?", options.name, options.worker))) {
    return ExitCode::kDone;
  }
  v1::DeleteSecretRequest request;
  request.set_worker(options.worker);
  request.set_name(options.name);
  const auto deleted = session.client->call(&v1::Secrets::Stub::DeleteSecret, request);
  if (!deleted.ok()) return fail_call(session.terminal, deleted.error());
  session.terminal.note(fmt::format("deleted secret {} of {}", options.name, options.worker));
  return ExitCode::kDone;
}

void add_worker_option(CLI::App& command, SecretOptions& options) {
  command.add_option("--worker", options.worker, "Whose it is")->required();
}

}  // namespace

void add_secret_commands(CommandLine& line) {
  CLI::App& secrets =
      line.add_group("secret", "Values that a worker gets in env and nobody sees again");
  const auto options = std::make_shared<SecretOptions>();
  CLI::App& put = line.add(secrets, "put", "Set one, from standard input or a file");
  put.add_option("NAME", options->name, "As code says it: env.NAME")->required();
  add_worker_option(put, *options);
  put.add_option("--pops", options->pops,
                 "PoPs that get it: AMS,FRA, region=eu, country=NL, near=52.4,4.9/1000km, 10%; "
                 "default: all");
  add_dry_run(put, options->dry_run);
  put.add_option("--from-file", options->file, "Read the value from this file");
  line.on_session(put, [options](Session& session) { return put_secret(session, *options); });
  CLI::App& list = line.add(secrets, "list", "Which a worker has, without values");
  add_worker_option(list, *options);
  line.on_session(list, [options](Session& session) { return list_secrets(session, *options); });
  CLI::App& remove = line.add(secrets, "delete", "Take one away");
  remove.add_option("NAME", options->name, "Which")->required();
  add_worker_option(remove, *options);
  add_dry_run(remove, options->dry_run);
  line.on_session(remove, [options](Session& session) { return delete_secret(session, *options); });
}

}  // namespace isopop::control::cli
