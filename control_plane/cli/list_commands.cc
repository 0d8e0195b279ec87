#include <fmt/format.h>

#include "common/text/text.h"
#include "common/time/clock.h"
#include "common/units/units.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/json.h"
#include "control_plane/cli/session.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;
using enum Table::Align;

std::string routes_of(const v1::WorkerVersion& version) {
  const std::vector<std::string> routes(version.routes().begin(), version.routes().end());
  return routes.empty() ? fmt::format("{}.isopop.test/*", version.worker()) : join(routes, " ");
}

std::string versions_at(const v1::Pop& pop) {
  std::vector<std::string> workers;
  for (const v1::HeldVersion& held : pop.workers()) {
    workers.push_back(fmt::format("{} v{}", held.worker(), held.number()));
  }
  constexpr std::size_t kShownMax = 3;
  if (workers.size() <= kShownMax) return join(workers, ", ");
  const std::size_t more = workers.size() - kShownMax;
  workers.resize(kShownMax);
  return fmt::format("{} and {} more", join(workers, ", "), more);
}

// One line of a message, so that a table stays a table.
std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

}  // namespace

ExitCode run_list(const GlobalOptions& global) {
  const Session session = open_session(global);
  if (session.client == nullptr) return session.failure;
  const Result<v1::ListWorkersResponse> response = session.client->list_workers();
  if (!response.ok()) return fail_call(session.terminal, response.error());
  if (global.output == OutputFormat::kJson) {
    Json list = Json::array();
    for (const v1::ListWorkersResponse::Worker& worker : response.value().workers()) {
      Json entry = to_json(worker.live());
      entry["versions"] = worker.versions();
      entry["pops_live"] = worker.pops_live();
      entry["pops_total"] = worker.pops_total();
      list.push_back(std::move(entry));
    }
    session.terminal.print_line(list.dump(2));
    return ExitCode::kDone;
  }
  Table table({{"NAME"},
               {"VERSION", kRight},
               {"POPS", kRight},
               {"SIZE", kRight},
               {"DEPLOYED (UTC)"},
               {"ROUTES"}});
  for (const v1::ListWorkersResponse::Worker& worker : response.value().workers()) {
    table.add({worker.live().worker(), fmt::format("v{}", worker.live().number()),
               fmt::format("{}/{}", worker.pops_live(), worker.pops_total()),
               format_bytes(worker.live().bundle_bytes()),
               format_time(worker.live().created_at_ms()), routes_of(worker.live())});
  }
  session.terminal.print(table.render());
  return ExitCode::kDone;
}

ExitCode run_versions(const GlobalOptions& global, const std::string& worker) {
  const Session session = open_session(global);
  if (session.client == nullptr) return session.failure;
  const Result<v1::ListVersionsResponse> response = session.client->list_versions(worker);
  if (!response.ok()) return fail_call(session.terminal, response.error());
  const std::uint64_t live = response.value().live_number();
  if (global.output == OutputFormat::kJson) {
    Json list = Json::array();
    for (const v1::WorkerVersion& version : response.value().versions()) {
      Json entry = to_json(version);
      entry["live"] = version.number() == live;
      list.push_back(std::move(entry));
    }
    session.terminal.print_line(list.dump(2));
    return ExitCode::kDone;
  }
  Table table({{"VERSION", kRight},
               {"LIVE"},
               {"BUNDLE"},
               {"SIZE", kRight},
               {"DEPLOYED (UTC)"},
               {"AUTHOR"},
               {"MESSAGE"}});
  for (const v1::WorkerVersion& version : response.value().versions()) {
    table.add({fmt::format("v{}", version.number()), version.number() == live ? "yes" : "",
               version.bundle_sha256().substr(0, 12), format_bytes(version.bundle_bytes()),
               format_time(version.created_at_ms()), version.author(),
               first_line(version.message())});
  }
  session.terminal.print(table.render());
  return ExitCode::kDone;
}

ExitCode run_pops(const GlobalOptions& global) {
  const Session session = open_session(global);
  if (session.client == nullptr) return session.failure;
  const Result<v1::ListPopsResponse> response = session.client->list_pops();
  if (!response.ok()) return fail_call(session.terminal, response.error());
  if (global.output == OutputFormat::kJson) {
    Json list = Json::array();
    for (const v1::Pop& pop : response.value().pops()) list.push_back(to_json(pop));
    session.terminal.print_line(list.dump(2));
    return ExitCode::kDone;
  }
  Table table({{"POP"},
               {"CITY"},
               {"COUNTRY"},
               {"STATE"},
               {"ADDRESS"},
               {"REQUESTS", kRight},
               {"ERRORS", kRight},
               {"WORKERS"}});
  for (const v1::Pop& pop : response.value().pops()) {
    table.add({pop.identity().id(), pop.identity().city(), pop.identity().country(),
               state_name(pop.state()), pop.http_address(), fmt::format("{}", pop.requests()),
               fmt::format("{}", pop.errors()), versions_at(pop)});
  }
  session.terminal.print(table.render());
  return ExitCode::kDone;
}

ExitCode run_status(const GlobalOptions& global) {
  const Session session = open_session(global);
  if (session.client == nullptr) return session.failure;
  const Result<v1::Status> response = session.client->status();
  if (!response.ok()) return fail_call(session.terminal, response.error());
  const v1::Status& status = response.value();
  const std::vector<std::string> routers(status.router_addresses().begin(),
                                         status.router_addresses().end());
  if (global.output == OutputFormat::kJson) {
    const Result<v1::ListPopsResponse> pops = session.client->list_pops();
    if (!pops.ok()) return fail_call(session.terminal, pops.error());
    const Json json = {{"endpoint", session.client->address()},
                       {"program_version", status.program_version()},
                       {"started_at", format_rfc3339(from_unix_ms(status.started_at_ms()))},
                       {"workers", status.workers()},
                       {"pops",
                        {{"ready", status.pops_ready()},
                         {"starting", status.pops_starting()},
                         {"down", status.pops_down()}}},
                       {"routers", routers},
                       {"sandbox", sandbox_of_all(pops.value())}};
    session.terminal.print_line(json.dump(2));
    return ExitCode::kDone;
  }
  session.terminal.print(fmt::format(
      "control plane  {} (isopop-control {}, since {} UTC)\n"
      "workers        {}\n"
      "pops           {} ready, {} starting, {} down\n"
      "routers        {}\n",
      session.client->address(), status.program_version(), format_time(status.started_at_ms()),
      status.workers(), status.pops_ready(), status.pops_starting(), status.pops_down(),
      routers.empty() ? "none" : join(routers, ", ")));
  return ExitCode::kDone;
}

ExitCode run_delete(const GlobalOptions& global, const std::string& worker) {
  const Session session = open_session(global);
  if (session.client == nullptr) return session.failure;
  const Result<void> deleted = session.client->delete_worker(worker);
  if (!deleted.ok()) return fail_call(session.terminal, deleted.error());
  if (global.output == OutputFormat::kJson) {
    session.terminal.print_line(Json({{"worker", worker}, {"deleted", true}}).dump(2));
  } else {
    session.terminal.print_line(fmt::format("{} deleted; PoPs are dropping it", worker));
  }
  return ExitCode::kDone;
}

}  // namespace isopop::control::cli
