#include <fmt/format.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>

#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"

namespace isopop::control::cli {
namespace {

constexpr int kExitBug = 70;

void on_interrupt(int /*signal*/) {
  // Only what may be called from a handler. What was committed stays committed.
  constexpr char kText[] = "\ninterrupted\n";
  static_cast<void>(!write(STDERR_FILENO, kText, sizeof kText - 1));
  _exit(static_cast<int>(ExitCode::kInterrupted));
}

int run(int argc, char** argv) {
  CommandLine line;
  add_deploy_commands(line);
  add_version_commands(line);
  add_deployment_commands(line);
  add_rollout_commands(line);
  add_worker_commands(line);
  add_invoke_commands(line);
  add_kv_commands(line);
  add_pop_commands(line);
  add_telemetry_commands(line);
  add_secret_commands(line);
  add_access_commands(line);
  add_pki_commands(line);
  add_status_commands(line);
  add_backup_commands(line);
  add_context_commands(line);
  add_completion_commands(line);
  return line.run(argc, argv);
}

}  // namespace
}  // namespace isopop::control::cli

int main(int argc, char** argv) {
  static_cast<void>(std::signal(SIGINT, isopop::control::cli::on_interrupt));
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  try {
    return isopop::control::cli::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "error: unexpected: {}\n", error.what());
    return isopop::control::cli::kExitBug;
  }
}
