#include <fmt/format.h>

#include "common/text/text.h"
#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/json.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;
using enum Table::Align;
using enum Table::Shown;

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

ExitCode run_list(Session& session) {
  const auto response = session.client->call(&v1::Control::Stub::ListPops, {});
  if (!response.ok()) return fail_call(session.terminal, response.error());
  Table table({{"POP"},
               {"CITY"},
               {"COUNTRY"},
               {"REGION", kLeft, kWide},
               {"STATE"},
               {"ADDRESS"},
               {"HOST", kLeft, kWide},
               {"REQUESTS", kRight},
               {"ERRORS", kRight},
               {"WORKERS"}});
  Json list = Json::array();
  for (const v1::Pop& pop : response.value().pops()) {
    const v1::PopIdentity& identity = pop.identity();
    table.add({identity.id(), identity.city(), identity.country(), identity.region(),
               state_name(pop.state()), pop.http_address(), pop.host(),
               fmt::format("{}", pop.requests()), fmt::format("{}", pop.errors()),
               versions_at(pop)});
    list.push_back(to_json(pop));
  }
  session.output.list(table, list);
  return ExitCode::kDone;
}

}  // namespace

void add_pop_commands(CommandLine& line) {
  CLI::App& pops = line.add_group("pops", "The PoPs and what they run");
  line.on_session(pops, run_list);
  line.on_session(line.add(pops, "list", "All PoPs, as `popctl pops` alone"), run_list);
}

}  // namespace isopop::control::cli
