#include <fmt/format.h>

#include "common/text/text.h"
#include "common/time/clock.h"
#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/json.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;

ExitCode run_status(Session& session) {
  const auto response = session.client->call(&v1::Control::Stub::GetStatus, {});
  if (!response.ok()) return fail_call(session.terminal, response.error());
  const auto pops = session.client->call(&v1::Control::Stub::ListPops, {});
  if (!pops.ok()) return fail_call(session.terminal, pops.error());
  const v1::Status& status = response.value();
  const std::vector<std::string> routers(status.router_addresses().begin(),
                                         status.router_addresses().end());
  const std::string text = fmt::format(
      "control plane  {} (isopop-control {}, since {} UTC)\n"
      "workers        {}\n"
      "pops           {} ready, {} starting, {} down\n"
      "routers        {}\n",
      session.client->address(), status.program_version(), format_time(status.started_at_ms()),
      status.workers(), status.pops_ready(), status.pops_starting(), status.pops_down(),
      routers.empty() ? "none" : join(routers, ", "));
  session.output.one(text, {{"endpoint", session.client->address()},
                            {"program_version", status.program_version()},
                            {"started_at", format_rfc3339(from_unix_ms(status.started_at_ms()))},
                            {"workers", status.workers()},
                            {"pops",
                             {{"ready", status.pops_ready()},
                              {"starting", status.pops_starting()},
                              {"down", status.pops_down()}}},
                            {"routers", routers},
                            {"sandbox", sandbox_of_all(pops.value())}});
  return ExitCode::kDone;
}

}  // namespace

void add_status_commands(CommandLine& line) {
  line.on_session(line.add("status", "The control plane in a few lines"), run_status);
}

}  // namespace isopop::control::cli
