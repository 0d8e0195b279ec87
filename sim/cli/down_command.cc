#include "sim/cli/down_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>

#include "common/units/units.h"
#include "sim/launch/process_table.h"
#include "sim/launch/progress.h"
#include "sim/launch/stopper.h"

namespace isopop::sim {
namespace {

struct DownOptions {
  std::string state;
  bool purges = false;
  bool is_quiet = false;
};

Result<void> stop(const DownOptions& options) {
  const SystemClock clock;
  ISOPOP_TRY_ASSIGN(const StateFolder state, StateFolder::at(options.state));
  // Without a folder there is nothing to lock, but processes may still run: somebody removed it.
  UniqueFd lock;
  if (state.exists()) {
    ISOPOP_TRY_ASSIGN(lock, lock_state(state));
  }
  raise_descriptor_limit();
  const Instant start = clock.now();
  std::optional<Progress> progress;
  StopOptions stop_options;
  stop_options.on_progress = [&](std::size_t done, std::size_t total) {
    if (options.is_quiet || total == 0) return;
    if (!progress) {
      progress.emplace("stopping, processes ended", total, Progress::style_of_standard_error(),
                       clock);
    }
    progress->update(done);
  };
  ISOPOP_TRY_ASSIGN(const StopOutcome outcome, stop_network(state, stop_options, clock));
  progress.reset();
  ISOPOP_TRY(options.purges ? state.purge() : state.remove_run_files());
  const std::string folder = state.path().string();
  if (outcome.stopped == 0) {
    fmt::print("nothing is running in {}{}\n", folder,
               options.purges ? "; its state is removed" : "");
    return {};
  }
  fmt::print("stopped {} processes in {}{}\n", outcome.stopped,
             format_duration(clock.now() - start),
             outcome.killed == 0 ? "" : fmt::format(" ({} had to be killed)", outcome.killed));
  fmt::print("{} {}\n", options.purges ? "removed the state in" : "kept: database and logs in",
             folder);
  return {};
}

}  // namespace

void add_down_command(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("down", "Stop the network");
  const auto options = std::make_shared<DownOptions>();
  add_state_option(*command, options->state);
  command->add_flag("--purge", options->purges,
                    "Also remove the database, the PoPs' stores and the logs");
  command->add_flag("--quiet", options->is_quiet, "No progress");
  command->callback([options, &chosen] {
    chosen.run = [options] {
      const Result<void> outcome = stop(*options);
      return outcome.ok() ? int{kExitDone} : fail(outcome.error(), kExitFailed);
    };
  });
}

}  // namespace isopop::sim
