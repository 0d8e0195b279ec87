#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "common/files/files.h"
#include "common/time/clock.h"
#include "common/units/units.h"
#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/json.h"
#include "control_plane/cli/kv_bulk.h"
#include "isopop/v1/kv.grpc.pb.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;
using enum Table::Align;

// Values may be large, and the line slow.
constexpr std::chrono::seconds kValueTimeout{60};
constexpr std::uint64_t kValueFileBytesMax = std::uint64_t{26} << 20U;
constexpr std::uint64_t kBulkFileBytesMax = std::uint64_t{100} << 20U;

struct KvOptions {
  std::string space;
  std::string key;
  bool force = false;
  bool dry_run = false;
  // put
  std::optional<std::string> value;
  std::string path;
  std::string ttl;
  std::int64_t expiration = 0;
  std::string metadata;
  // list
  std::string prefix;
  std::string cursor;
  std::uint32_t limit = 0;
};
using SharedOptions = std::shared_ptr<KvOptions>;

ExitCode run_create(Session& session, const KvOptions& options) {
  v1::KvNamespaceRequest request;
  request.set_name(options.space);
  const auto created = session.client->call(&v1::Kv::Stub::CreateNamespace, request);
  if (!created.ok()) return fail_call(session.terminal, created.error());
  session.output.one(
      fmt::format("namespace {} created; bind it in worker.yaml: kv: {{ NAME: {} }}\n",
                  options.space, options.space),
      {{"namespace", options.space},
       {"created_at", time_or_null(created.value().created_at_ms())}});
  return ExitCode::kDone;
}

ExitCode run_list_namespaces(Session& session, const KvOptions& /*options*/) {
  const auto response = session.client->call(&v1::Kv::Stub::ListNamespaces, {});
  if (!response.ok()) return fail_call(session.terminal, response.error());
  Table table({{"NAMESPACE"}, {"KEYS", kRight}, {"SIZE", kRight}, {"CREATED (UTC)"}});
  Json list = Json::array();
  for (const v1::KvNamespace& space : response.value().namespaces()) {
    table.add({space.name(), fmt::format("{}", space.keys()), format_bytes(space.bytes()),
               format_time(space.created_at_ms())});
    list.push_back({{"namespace", space.name()},
                    {"keys", space.keys()},
                    {"bytes", space.bytes()},
                    {"created_at", time_or_null(space.created_at_ms())}});
  }
  session.output.list(table, list);
  return ExitCode::kDone;
}

ExitCode run_delete_namespace(Session& session, const KvOptions& options) {
  if (!is_confirmed(session, fmt::format("delete namespace {} and all its keys?", options.space))) {
    return ExitCode::kDone;
  }
  v1::KvNamespaceRequest request;
  request.set_name(options.space);
  request.set_force(options.force);
  const auto deleted = session.client->call(&v1::Kv::Stub::DeleteNamespace, request, kValueTimeout);
  if (!deleted.ok()) return fail_call(session.terminal, deleted.error());
  session.output.one(fmt::format("namespace {} deleted\n", options.space),
                     {{"namespace", options.space}, {"deleted", true}});
  return ExitCode::kDone;
}

Result<v1::KvWriteRequest::Write> read_put(const KvOptions& options) {
  v1::KvWriteRequest::Write write;
  write.set_namespace_(options.space);
  write.set_key(options.key);
  if (options.value.has_value() == !options.path.empty()) {
    return invalid_argument("give the value either as an argument or with --path FILE");
  }
  if (options.value) {
    write.set_value(*options.value);
  } else {
    ISOPOP_TRY_ASSIGN(*write.mutable_value(), read_file(options.path, kValueFileBytesMax));
  }
  if (!options.ttl.empty() && options.expiration != 0) {
    return invalid_argument("give either --ttl or --expiration");
  }
  write.set_expires_at_s(options.expiration);
  if (!options.ttl.empty()) {
    ISOPOP_TRY_ASSIGN(const auto ttl, parse_duration(options.ttl).with_context("--ttl"));
    const WallTime end = SystemClock().wall_now() + ttl;
    write.set_expires_at_s(to_unix_ms(end) / 1000);
  }
  if (!options.metadata.empty() && !Json::accept(options.metadata)) {
    return invalid_argument("--metadata must be JSON, such as '{\"from\": \"ci\"}'");
  }
  write.set_metadata(options.metadata);
  return write;
}

ExitCode run_put(Session& session, const KvOptions& options) {
  Result<v1::KvWriteRequest::Write> write = read_put(options);
  if (!write.ok()) return session.terminal.fail(ExitCode::kUsage, write.error().message);
  v1::KvWriteRequest request;
  *request.add_writes() = std::move(write).value();
  const auto written = session.client->call(&v1::Kv::Stub::Write, request, kValueTimeout);
  if (!written.ok()) return fail_call(session.terminal, written.error());
  session.output.one(
      fmt::format("{} written ({})\n", options.key, format_bytes(request.writes(0).value().size())),
      {{"namespace", options.space},
       {"key", options.key},
       {"stamp", written.value().stamps(0)},
       {"committed_at", time_or_null(written.value().committed_at_ms())}});
  return ExitCode::kDone;
}

ExitCode run_get(Session& session, const KvOptions& options) {
  v1::KvReadRequest request;
  request.set_namespace_(options.space);
  request.set_key(options.key);
  const auto read = session.client->call(&v1::Kv::Stub::Read, request, kValueTimeout);
  if (!read.ok()) return fail_call(session.terminal, read.error());
  if (!read.value().found()) {
    return session.terminal.fail(
        ExitCode::kNotFound,
        fmt::format("there is no key {} in namespace {}", options.key, options.space));
  }
  session.output.raw(read.value().value());
  return ExitCode::kDone;
}

ExitCode run_list(Session& session, const KvOptions& options) {
  Table table({{"KEY"}, {"EXPIRES (UTC)"}, {"METADATA"}});
  Json list = Json::array();
  v1::KvListRequest request;
  request.set_namespace_(options.space);
  request.set_prefix(options.prefix);
  request.set_cursor(options.cursor);
  // Page by page until there are no more, or as many as were asked for.
  while (true) {
    const auto left = options.limit - static_cast<std::uint32_t>(list.size());
    request.set_limit(options.limit == 0 ? 0 : std::min<std::uint32_t>(left, 1'000));
    const auto response = session.client->call(&v1::Kv::Stub::List, request);
    if (!response.ok()) return fail_call(session.terminal, response.error());
    for (const v1::KvListResponse::Key& key : response.value().keys()) {
      const std::int64_t expires_at_ms = key.expires_at_s() * 1000;
      table.add({key.name(), expires_at_ms == 0 ? "" : format_time(expires_at_ms), key.metadata()});
      Json entry = {{"name", key.name()}, {"expires_at", time_or_null(expires_at_ms)}};
      entry["metadata"] =
          key.metadata().empty() ? Json() : Json::parse(key.metadata(), nullptr, false);
      list.push_back(std::move(entry));
    }
    request.set_cursor(response.value().cursor());
    if (request.cursor().empty() || (options.limit != 0 && list.size() >= options.limit)) break;
  }
  session.output.list(table, list);
  if (!request.cursor().empty()) {
    session.terminal.note(
        fmt::format("there are more; go on with --cursor '{}'", request.cursor()));
  }
  return ExitCode::kDone;
}

// The first of the namespace's keys from `key` on, if there is one; NOT_FOUND: no such namespace.
Result<std::string> first_key(Session& session, const std::string& space, const std::string& key) {
  v1::KvListRequest request;
  request.set_namespace_(space);
  request.set_prefix(key);
  request.set_limit(1);
  ISOPOP_TRY_ASSIGN(const auto listed, session.client->call(&v1::Kv::Stub::List, request));
  return listed.keys().empty() ? std::string() : listed.keys(0).name();
}

ExitCode run_dry_delete(Session& session, const KvOptions& options) {
  const Result<std::string> first = first_key(session, options.space, options.key);
  if (!first.ok()) return fail_call(session.terminal, first.error());
  if (first.value() != options.key) {
    return session.terminal.fail(
        ExitCode::kNotFound,
        fmt::format("there is no key {} in namespace {}", options.key, options.space));
  }
  session.output.one(fmt::format("would delete {}\n", options.key),
                     {{"namespace", options.space}, {"key", options.key}, {"dry_run", true}});
  return ExitCode::kDone;
}

ExitCode run_delete(Session& session, const KvOptions& options) {
  if (options.dry_run) return run_dry_delete(session, options);
  v1::KvWriteRequest request;
  v1::KvWriteRequest::Write& write = *request.add_writes();
  write.set_namespace_(options.space);
  write.set_key(options.key);
  write.set_deleted(true);
  const auto written = session.client->call(&v1::Kv::Stub::Write, request);
  if (!written.ok()) return fail_call(session.terminal, written.error());
  session.output.one(fmt::format("{} deleted\n", options.key),
                     {{"namespace", options.space}, {"key", options.key}, {"deleted", true}});
  return ExitCode::kDone;
}

ExitCode run_bulk(Session& session, const KvOptions& options, BulkKind kind) {
  const Result<std::string> text = read_file(options.path, kBulkFileBytesMax);
  if (!text.ok()) return session.terminal.fail(ExitCode::kUsage, text.error().message);
  const Result<std::vector<v1::KvWriteRequest>> requests = read_bulk(
      text.value(), {.space = options.space, .kind = kind, .now = SystemClock().wall_now()});
  if (!requests.ok()) {
    return session.terminal.fail(ExitCode::kUsage,
                                 fmt::format("{}: {}", options.path, requests.error().message));
  }
  const char* what = kind == BulkKind::kPut ? "written" : "deleted";
  if (options.dry_run) {
    if (const Result<std::string> space = first_key(session, options.space, ""); !space.ok()) {
      return fail_call(session.terminal, space.error());
    }
    std::size_t keys = 0;
    for (const auto& request : requests.value()) {
      keys += static_cast<std::size_t>(request.writes_size());
    }
    session.output.one(fmt::format("{} keys would be {}\n", keys, what),
                       {{"namespace", options.space}, {what, keys}, {"dry_run", true}});
    return ExitCode::kDone;
  }
  std::size_t done = 0;
  for (const v1::KvWriteRequest& request : requests.value()) {
    const auto written = session.client->call(&v1::Kv::Stub::Write, request, kValueTimeout);
    if (!written.ok()) {
      if (done > 0) session.terminal.note(fmt::format("{} keys were done before that", done));
      return fail_call(session.terminal, written.error());
    }
    done += static_cast<std::size_t>(request.writes_size());
  }
  session.output.one(fmt::format("{} keys {}\n", done, what),
                     {{"namespace", options.space}, {what, done}});
  return ExitCode::kDone;
}

using Action = ExitCode (*)(Session&, const KvOptions&);

void add_namespace_commands(CommandLine& line, CLI::App& kv) {
  CLI::App& spaces = line.add_group(kv, "namespace", "What keys are kept in");
  const auto add = [&](const char* name, const char* description, Action action) {
    auto options = std::make_shared<KvOptions>();
    CLI::App& command = line.add(spaces, name, description);
    line.on_session(command,
                    [options, action](Session& session) { return action(session, *options); });
    return std::pair<CLI::App&, SharedOptions>(command, options);
  };
  const auto [create, created] = add("create", "Make a namespace", run_create);
  create.add_option("name", created->space, "1 to 64 of a-z, 0-9, '-' and '_'")->required();
  add("list", "All namespaces", run_list_namespaces);
  const auto [remove, removed] =
      add("delete", "Delete a namespace and all its keys", run_delete_namespace);
  remove.add_option("name", removed->space, "Its name")->required();
  remove.add_flag("--force", removed->force, "Also when a live worker is bound to it");
}

void add_put_options(CLI::App& put, KvOptions& options) {
  put.add_option("value", options.value, "The value; or --path");
  put.add_option("--path", options.path, "A file with the value");
  put.add_option("--ttl", options.ttl, "How long it stays: 60 s or more")->check(check_duration);
  put.add_option("--expiration", options.expiration, "When it goes: seconds of Unix time");
  put.add_option("--metadata", options.metadata, "JSON of up to 1,024 bytes");
}

}  // namespace

void add_kv_commands(CommandLine& line) {
  CLI::App& kv = line.add_group("kv", "Key-value namespaces that workers read and write");
  add_namespace_commands(line, kv);
  const auto add = [&](const char* name, const char* description, Action action) {
    auto options = std::make_shared<KvOptions>();
    CLI::App& command = line.add(kv, name, description);
    command.add_option("namespace", options->space, "Namespace")->required();
    line.on_session(command,
                    [options, action](Session& session) { return action(session, *options); });
    return std::pair<CLI::App&, SharedOptions>(command, options);
  };
  const auto [put, put_options] = add("put", "Write a key", run_put);
  put.add_option("key", put_options->key, "Key of up to 512 bytes")->required();
  add_put_options(put, *put_options);
  const auto [get, get_options] = add("get", "A key's value, its bytes as they are", run_get);
  get.add_option("key", get_options->key, "Key")->required();
  const auto [remove, removed] = add("delete", "Delete a key", run_delete);
  remove.add_option("key", removed->key, "Key")->required();
  add_dry_run(remove, removed->dry_run);
  const auto [list, listed] = add("list", "Keys in their order", run_list);
  list.add_option("--prefix", listed->prefix, "Only keys that begin so");
  list.add_option("--limit", listed->limit, "At most so many (default: all)");
  list.add_option("--cursor", listed->cursor, "Go on after this key");
  CLI::App& bulk = line.add_group(kv, "bulk", "Many keys at once, from a file");
  for (const BulkKind kind : {BulkKind::kPut, BulkKind::kDelete}) {
    const bool is_put = kind == BulkKind::kPut;
    auto options = std::make_shared<KvOptions>();
    CLI::App& command =
        line.add(bulk, is_put ? "put" : "delete",
                 is_put ? "Write the keys of a JSON file: [{\"key\": …, \"value\": …}]"
                        : "Delete the keys of a JSON file: [\"key\"]");
    command.add_option("namespace", options->space, "Namespace")->required();
    command.add_option("file", options->path, "The file")->required();
    add_dry_run(command, options->dry_run);
    line.on_session(
        command, [options, kind](Session& session) { return run_bulk(session, *options, kind); });
  }
}

}  // namespace isopop::control::cli
