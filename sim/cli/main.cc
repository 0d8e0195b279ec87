// isopop: starts and stops networks, and replays traffic through them. The list of its
// sub-commands.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "common/app/app.h"
#include "sim/cli/command.h"
#include "sim/cli/doctor_command.h"
#include "sim/cli/down_command.h"
#include "sim/cli/pop_command.h"
#include "sim/cli/replay_command.h"
#include "sim/cli/status_command.h"
#include "sim/cli/topology_command.h"
#include "sim/cli/up_command.h"

namespace isopop::sim {
namespace {

int run(int argc, char** argv) {
  CLI::App app("A whole edge network on your own machine.", "isopop");
  app.set_version_flag("--version", program_version());
  app.require_subcommand(1);
  Command chosen;
  add_doctor_command(app, chosen);
  add_up_command(app, chosen);
  add_status_command(app, chosen);
  add_down_command(app, chosen);
  add_pop_command(app, chosen);
  add_replay_command(app, chosen);
  add_topology_command(app, chosen);
  for (CLI::App* command : app.get_subcommands({})) {
    name_environment(*command, "isopop-" + command->get_name());
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitUsage;
  }
  return chosen.run();
}

}  // namespace
}  // namespace isopop::sim

int main(int argc, char** argv) {
  try {
    return isopop::sim::run(argc, argv);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "error: unexpected exception: %s\n", exception.what());
    return isopop::sim::kExitBug;
  }
}
