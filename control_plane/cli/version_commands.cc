#include <fmt/format.h>

#include <memory>

#include "common/units/units.h"
#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/json.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;
using enum Table::Align;
using enum Table::Shown;

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

}  // namespace

void add_version_commands(CommandLine& line) {
  CLI::App& versions = line.add_group("versions", "The immutable versions of a worker");
  CLI::App& list = line.add(versions, "list", "All versions of a worker");
  auto worker = std::make_shared<std::string>();
  list.add_option("name", *worker, "Worker name")->required();
  line.on_session(list, [worker](Session& session) { return run_list(session, *worker); });
}

}  // namespace isopop::control::cli
