#include "sim/cli/down_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <optional>

#include "common/units/units.h"
#include "sim/compose/compose_stopper.h"
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

struct Stopped {
  std::size_t count = 0;
  std::size_t killed = 0;
  std::string what;
  std::string kept;
};

Result<Stopped> stop_all(const DownOptions& options, const StateFolder& state, const Clock& clock) {
  const std::optional<LaunchRecord> record = state.read_record();
  const bool is_compose = record && record->engine == LaunchRecord::Engine::kCompose;
  std::optional<Progress> progress;
  const auto on_progress = [&](std::size_t done, std::size_t total) {
    if (options.is_quiet || total == 0) return;
    if (!progress) {
      progress.emplace(is_compose ? "stopping, containers ended" : "stopping, processes ended",
                       total, Progress::style_of_standard_error(), clock);
    }
    progress->update(done);
  };
  if (is_compose) {
    ISOPOP_TRY_ASSIGN(const ContainerEngine engine, ContainerEngine::find());
    ISOPOP_TRY_ASSIGN(const std::size_t count, stop_compose(engine, record->project,
                                                            {.removes_volumes = options.purges,
                                                             .on_progress = on_progress}));
    return Stopped{.count = count,
                   .what = "containers",
                   .kept = "the control plane's volume, and in case of another `up` the folder"};
  }
  StopOptions stop_options;
  stop_options.on_progress = on_progress;
  ISOPOP_TRY_ASSIGN(const StopOutcome outcome, stop_network(state, stop_options, clock));
  return Stopped{.count = outcome.stopped,
                 .killed = outcome.killed,
                 .what = "processes",
                 .kept = "database and logs in"};
}

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
  ISOPOP_TRY_ASSIGN(const Stopped stopped, stop_all(options, state, clock));
  ISOPOP_TRY(options.purges ? state.purge() : state.remove_run_files());
  const std::string folder = state.path().string();
  if (stopped.count == 0) {
    fmt::print("nothing is running in {}{}\n", folder,
               options.purges ? "; its state is removed" : "");
    return {};
  }
  fmt::print("stopped {} {} in {}{}\n", stopped.count, stopped.what,
             format_duration(clock.now() - start),
             stopped.killed == 0 ? "" : fmt::format(" ({} had to be killed)", stopped.killed));
  if (options.purges) {
    fmt::print("removed the state in {}\n", folder);
  } else {
    fmt::print("kept: {} {}\n", stopped.kept, folder);
  }
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
