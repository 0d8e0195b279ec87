#include "sim/cli/status_command.h"

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>

#include "common/rpc/tls_options.h"
#include "sim/compose/compose_status.h"
#include "sim/launch/network_status.h"

namespace isopop::sim {
namespace {

struct StatusOptions {
  std::string state;
  std::string output = "table";
  rpc::TlsFiles tls;
};

int run_status(const StatusOptions& options) {
  const Result<StateFolder> state = StateFolder::at(options.state);
  if (!state.ok()) return fail(state.error(), kExitUsage);
  const Result<void> tls = rpc::check_tls_files(options.tls);
  if (!tls.ok()) return fail(tls.error(), kExitFailed);
  const SystemClock clock;
  const ControlAccess access = access_of(state.value().path(), options.tls);
  const std::optional<LaunchRecord> record = state.value().read_record();
  const bool is_compose = record && record->engine == LaunchRecord::Engine::kCompose;
  const Result<NetworkStatus> status = is_compose
                                           ? inspect_compose(state.value(), *record, clock, access)
                                           : inspect_network(state.value(), clock, access);
  if (!status.ok()) return fail(status.error(), kExitFailed);
  const std::string text =
      options.output == "json" ? format_json(status.value()) : format_table(status.value());
  std::fputs(text.c_str(), stdout);
  return status.value().state == NetworkStatus::State::kReady ? kExitDone : kExitFailed;
}

}  // namespace

void add_status_command(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("status", "Say how the network is");
  const auto options = std::make_shared<StatusOptions>();
  add_state_option(*command, options->state);
  command->add_option("-o,--output", options->output, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  rpc::add_tls_options(*command, options->tls, "ISOPOP");
  command->callback(
      [options, &chosen] { chosen.run = [options] { return run_status(*options); }; });
}

}  // namespace isopop::sim
