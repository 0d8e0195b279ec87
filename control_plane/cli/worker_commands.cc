#include <fmt/format.h>

#include <memory>

#include "common/text/text.h"
#include "common/units/units.h"
#include "control_plane/cli/arguments.h"
#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/json.h"
#include "control_plane/cli/rollout_json.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;
using enum Table::Align;
using enum Table::Shown;

std::string routes_of(const v1::WorkerVersion& version) {
  const std::vector<std::string> routes(version.routes().begin(), version.routes().end());
  return routes.empty() ? fmt::format("{}.isopop.test/*", version.worker()) : join(routes, " ");
}

// Of what is live; what rolls out has its own commands.
std::string versions_of(const v1::ListWorkersResponse::Worker& worker) {
  return worker.deployment().state() == v1::DEPLOYMENT_STATE_LIVE
             ? format_shares(worker.deployment())
             : fmt::format("v{}", worker.live().number());
}

ExitCode run_list(Session& session) {
  const auto response = session.client->call(&v1::Control::Stub::ListWorkers, {});
  if (!response.ok()) return fail_call(session.terminal, response.error());
  Table table({{"NAME"},
               {"VERSIONS"},
               {"STATE"},
               {"POPS", kRight},
               {"SIZE", kRight},
               {"DEPLOYED (UTC)"},
               {"AUTHOR", kLeft, kWide},
               {"BUNDLE", kLeft, kWide},
               {"ROUTES"}});
  Json list = Json::array();
  for (const v1::ListWorkersResponse::Worker& worker : response.value().workers()) {
    const v1::WorkerVersion& live = worker.live();
    if (live.number() == 0) {
      table.add({live.worker(), "", "not live", "", "", "", "", "", ""});
    } else {
      table.add({live.worker(), versions_of(worker), state_name(worker.deployment().state()),
                 fmt::format("{}/{}", worker.pops_live(), worker.pops_total()),
                 format_bytes(live.bundle_bytes()), format_time(live.created_at_ms()),
                 live.author(), live.bundle_sha256().substr(0, 12), routes_of(live)});
    }
    Json entry =
        live.number() == 0 ? Json{{"worker", live.worker()}, {"number", nullptr}} : to_json(live);
    entry["deployment"] = live.number() == 0 ? Json() : to_json(worker.deployment());
    entry["versions"] = worker.versions();
    entry["pops_live"] = worker.pops_live();
    entry["pops_total"] = worker.pops_total();
    list.push_back(std::move(entry));
  }
  session.output.list(table, list);
  return ExitCode::kDone;
}

// What a deletion would take away.
ExitCode run_dry_delete(Session& session, const std::string& worker) {
  const auto response = session.client->call(&v1::Control::Stub::ListWorkers, {});
  if (!response.ok()) return fail_call(session.terminal, response.error());
  for (const v1::ListWorkersResponse::Worker& entry : response.value().workers()) {
    if (entry.live().worker() != worker) continue;
    const std::string live = entry.live().number() == 0
                                 ? std::string("not live")
                                 : fmt::format("live at {} PoPs", entry.pops_live());
    session.output.one(fmt::format("would delete {}: {} version{}, {}\n", worker, entry.versions(),
                                   entry.versions() == 1 ? "" : "s", live),
                       {{"worker", worker},
                        {"versions", entry.versions()},
                        {"pops_live", entry.pops_live()},
                        {"dry_run", true}});
    return ExitCode::kDone;
  }
  return fail_about_worker(session, not_found(fmt::format("there is no worker '{}'", worker)),
                           worker);
}

ExitCode run_delete(Session& session, const std::string& worker) {
  if (!is_confirmed(session, fmt::format("delete worker {} and all its versions?", worker))) {
    return ExitCode::kDone;
  }
  v1::DeleteWorkerRequest request;
  request.set_worker(worker);
  const auto deleted = session.client->call(&v1::Control::Stub::DeleteWorker, request);
  if (!deleted.ok()) return fail_about_worker(session, deleted.error(), worker);
  session.output.one(fmt::format("{} deleted; PoPs are dropping it\n", worker),
                     {{"worker", worker}, {"deleted", true}});
  return ExitCode::kDone;
}

}  // namespace

void add_worker_commands(CommandLine& line) {
  line.on_session(line.add("list", "The workers and what of them is live"), run_list);
  CLI::App& remove = line.add("delete", "Take a worker off every PoP, and all its versions");
  auto worker = std::make_shared<std::string>();
  remove.add_option("name", *worker, "Worker name")->required();
  auto dry_run = std::make_shared<bool>(false);
  add_dry_run(remove, *dry_run);
  line.on_session(remove, [worker, dry_run](Session& session) {
    return *dry_run ? run_dry_delete(session, *worker) : run_delete(session, *worker);
  });
}

}  // namespace isopop::control::cli
