#include <fmt/format.h>

#include <map>
#include <memory>

#include "common/text/text.h"
#include "common/units/units.h"
#include "control_plane/cli/arguments.h"
#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/diff.h"
#include "control_plane/cli/downloads.h"
#include "control_plane/cli/json.h"
#include "control_plane/cli/worker_yaml.h"
#include "control_plane/registry/worker_limits.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;
using enum Table::Align;
using enum Table::Shown;

struct VersionOptions {
  std::string worker;
  std::string version;  // empty: the live one
  std::string other;
  std::string folder;
  bool names_only = false;
};

Result<std::uint64_t> number_of(const std::string& text) {
  if (text.empty()) return std::uint64_t{0};
  return parse_version(text);
}

v1::GetVersionRequest request_for(const std::string& worker, std::uint64_t number) {
  v1::GetVersionRequest request;
  request.set_worker(worker);
  request.set_number(number);
  return request;
}

ExitCode run_list(Session& session, const std::string& worker) {
  v1::ListVersionsRequest request;
  request.set_worker(worker);
  const auto response = session.client->call(&v1::Control::Stub::ListVersions, request);
  if (!response.ok()) return fail_about_worker(session, response.error(), worker);
  Table table({{"VERSION", kRight},
               {"LIVE"},
               {"TAG"},
               {"BUNDLE"},
               {"SIZE", kRight},
               {"CREATED (UTC)"},
               {"AUTHOR"},
               {"ID", kLeft, kWide},
               {"MESSAGE"}});
  Json list = Json::array();
  for (const v1::WorkerVersion& version : response.value().versions()) {
    const bool live = version.number() == response.value().live_number();
    table.add({fmt::format("v{}", version.number()), live ? "yes" : "", version.tag(),
               version.bundle_sha256().substr(0, 12), format_bytes(version.bundle_bytes()),
               format_time(version.created_at_ms()), version.author(), version.id(),
               first_line(version.message())});
    list.push_back(to_json(version));
    list.back()["live"] = live;
  }
  session.output.list(table, list);
  return ExitCode::kDone;
}

std::string describe(const v1::WorkerVersion& version) {
  std::string text = fmt::format("{} v{}\n", version.worker(), version.number());
  const auto add = [&text](const char* title, const std::string& value) {
    if (!value.empty()) text += fmt::format("{:9}  {}\n", title, value);
  };
  std::vector<std::string> limits;
  for (const LimitValue& limit : limits_set(version.settings().limits())) {
    limits.push_back(fmt::format("{} {}", limit.field, limit.value));
  }
  std::vector<std::string> variables;
  for (const auto& variable : version.settings().variables()) variables.push_back(variable.name());
  std::vector<std::string> spaces;
  for (const v1::KvBinding& binding : version.settings().kv()) {
    spaces.push_back(fmt::format("{} is {}", binding.name(), binding.namespace_()));
  }
  add("tag", version.tag());
  add("message", version.message());
  add("author", version.author());
  add("created", format_time(version.created_at_ms()) + " UTC");
  add("id", version.id());
  add("bundle",
      fmt::format("{}, {}", version.bundle_sha256(), format_bytes(version.bundle_bytes())));
  add("signed", version.signature().empty() ? "no" : "yes, Ed25519");
  add("routes", join({version.routes().begin(), version.routes().end()}, " "));
  add("isolation", isolation_name(version.settings().isolation()));
  add("limits", join(limits, ", "));
  add("variables", join(variables, ", "));
  add("kv", join(spaces, ", "));
  return text;
}

ExitCode run_view(Session& session, const VersionOptions& options) {
  const Result<std::uint64_t> number = number_of(options.version);
  if (!number.ok()) return fail_call(session.terminal, number.error());
  const auto version = session.client->call(&v1::Control::Stub::GetVersion,
                                            request_for(options.worker, number.value()));
  if (!version.ok()) return fail_about_worker(session, version.error(), options.worker);
  session.output.one(describe(version.value()), to_json(version.value()));
  return ExitCode::kDone;
}

ExitCode run_download(Session& session, const VersionOptions& options) {
  const Result<std::uint64_t> number = number_of(options.version);
  if (!number.ok()) return fail_call(session.terminal, number.error());
  const Result<Download> download =
      download_version(*session.client, options.worker, number.value());
  if (!download.ok()) return fail_about_worker(session, download.error(), options.worker);
  const v1::WorkerVersion& version = download.value().version;
  const std::string folder = options.folder.empty()
                                 ? fmt::format("{}-v{}", version.worker(), version.number())
                                 : options.folder;
  const Result<void> written = write_worker_folder(download.value(), folder);
  if (!written.ok()) return fail_call(session.terminal, written.error());
  Json json = to_json(version);
  json["folder"] = folder;
  session.output.one(
      fmt::format("{} v{}: {} module(s) in {}; `popctl deploy {}` makes it live again\n",
                  version.worker(), version.number(), download.value().bundle.modules_size(),
                  folder, folder),
      json);
  return ExitCode::kDone;
}

// worker.yaml and the modules, by name.
std::map<std::string, std::string> files_of(const Download& download) {
  std::map<std::string, std::string> files;
  for (const v1::Module& module : download.bundle.modules()) {
    files[module.name()] = module.content();
  }
  files["worker.yaml"] = worker_yaml(download.version, download.bundle.main_module());
  return files;
}

struct FileDiff {
  std::string name;
  std::string change;  // "added", "removed" or "changed"
  std::string text;
};

std::vector<FileDiff> compare(const Download& before, const Download& after) {
  const auto files_before = files_of(before);
  const auto files_after = files_of(after);
  std::map<std::string, std::string> names = files_before;
  names.insert(files_after.begin(), files_after.end());
  std::vector<FileDiff> diffs;
  for (const auto& [name, content] : names) {
    const auto old_file = files_before.find(name);
    const auto new_file = files_after.find(name);
    const bool was = old_file != files_before.end();
    const bool is = new_file != files_after.end();
    const std::string path_before = fmt::format("v{}/{}", before.version.number(), name);
    const std::string path_after = fmt::format("v{}/{}", after.version.number(), name);
    std::string text = unified_diff(
        {.before = was ? path_before : "/dev/null", .after = is ? path_after : "/dev/null"},
        was ? old_file->second : "", is ? new_file->second : "");
    // An empty file that came or went has no lines to show.
    if (text.empty() && was != is)
      text = fmt::format("{} is empty\n", was ? path_before : path_after);
    if (text.empty()) continue;
    diffs.push_back({name, was == is ? "changed" : (is ? "added" : "removed"), std::move(text)});
  }
  return diffs;
}

std::string in_colour(const std::string& diff) {
  std::string text;
  for (const std::string_view line :
       split(std::string_view(diff).substr(0, diff.size() - 1), '\n')) {
    if (line.starts_with('+')) {
      text += coloured(Colour::kGreen, line);
    } else if (line.starts_with('-')) {
      text += coloured(Colour::kRed, line);
    } else if (line.starts_with('@')) {
      text += coloured(Colour::kDim, line);
    } else {
      text += line;
    }
    text += '\n';
  }
  return text;
}

ExitCode run_diff(Session& session, const VersionOptions& options) {
  const Result<std::uint64_t> before = parse_version(options.version);
  if (!before.ok()) return fail_call(session.terminal, before.error());
  const Result<std::uint64_t> after = number_of(options.other);
  if (!after.ok()) return fail_call(session.terminal, after.error());
  const Result<Download> old_version =
      download_version(*session.client, options.worker, before.value());
  if (!old_version.ok()) return fail_about_worker(session, old_version.error(), options.worker);
  const Result<Download> new_version =
      download_version(*session.client, options.worker, after.value());
  if (!new_version.ok()) return fail_about_worker(session, new_version.error(), options.worker);
  const std::vector<FileDiff> diffs = compare(old_version.value(), new_version.value());
  std::string text;
  Json files = Json::array();
  for (const FileDiff& diff : diffs) {
    text += options.names_only ? fmt::format("{}  {}\n", diff.change, diff.name)
                               : (session.output.has_colour() ? in_colour(diff.text) : diff.text);
    files.push_back({{"name", diff.name}, {"change", diff.change}, {"diff", diff.text}});
  }
  if (diffs.empty()) session.terminal.note("no difference");
  session.output.one(text, {{"worker", options.worker},
                            {"before", old_version.value().version.number()},
                            {"after", new_version.value().version.number()},
                            {"files", files}});
  return ExitCode::kDone;
}

ExitCode run_delete(Session& session, const VersionOptions& options) {
  const Result<std::uint64_t> number = parse_version(options.version);
  if (!number.ok()) return fail_call(session.terminal, number.error());
  const std::string what = fmt::format("{} v{}", options.worker, number.value());
  if (!is_confirmed(session, fmt::format("delete {} and its code?", what))) return ExitCode::kDone;
  const auto deleted = session.client->call(&v1::Control::Stub::DeleteVersion,
                                            request_for(options.worker, number.value()));
  if (!deleted.ok()) return fail_about_worker(session, deleted.error(), options.worker);
  session.output.one(what + " deleted\n",
                     {{"worker", options.worker}, {"number", number.value()}, {"deleted", true}});
  return ExitCode::kDone;
}

}  // namespace

void add_version_commands(CommandLine& line) {
  CLI::App& versions = line.add_group("versions", "The immutable versions of a worker");
  const auto add = [&](const char* name, const char* description, auto run) {
    CLI::App& command = line.add(versions, name, description);
    auto options = std::make_shared<VersionOptions>();
    command.add_option("name", options->worker, "Worker name")->required();
    line.on_session(command, [options, run](Session& session) { return run(session, *options); });
    return std::pair(&command, options);
  };
  add_upload_command(line, versions);
  add_versions_deploy_command(line, versions);
  add("list", "All versions of a worker, the newest first",
      [](Session& session, const VersionOptions& options) {
        return run_list(session, options.worker);
      });
  const auto [view, view_options] = add("view", "One version: who, when, what", run_view);
  view->add_option("version", view_options->version, "As v3 (default: the live one)");
  const auto [download, download_options] =
      add("download", "Its code and settings, as a folder that deploys again", run_download);
  download->add_option("version", download_options->version, "As v3 (default: the live one)");
  download->add_option("--out", download_options->folder,
                       "Folder to make, empty if it is there (default: NAME-vN)");
  const auto [diff, diff_options] =
      add("diff", "What changed between two versions, in code and settings", run_diff);
  diff->add_option("before", diff_options->version, "As v2")->required();
  diff->add_option("after", diff_options->other, "As v3 (default: the live one)");
  diff->add_flag("--names-only", diff_options->names_only, "Only which files");
  const auto [remove, remove_options] =
      add("delete", "Forget a version that no deployment needs", run_delete);
  remove->add_option("version", remove_options->version, "As v2")->required();
}

}  // namespace isopop::control::cli
