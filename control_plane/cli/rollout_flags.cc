#include "control_plane/cli/rollout_flags.h"

#include "control_plane/cli/command_line.h"

namespace isopop::control::cli {

void add_rollout_options(CLI::App& command, RolloutOptions& options) {
  command.add_option("--waves", options.waves,
                     "Waves one after the other: by their names in worker.yaml, as canary,eu,all, "
                     "or with their PoPs, as 'canary=AMS,FRA; eu=region=eu'");
  add_repeated(command, "--wave", options.wave,
               "NAME=SELECTOR, the next wave. Selectors: AMS,FRA  region=eu  country=BR  "
               "near=52.4,4.9/1000km  10%  all");
  add_repeated(command, "--abort-on", options.abort_on,
               "What takes it back everywhere, separated by commas: nack, crashes>0, "
               "error-rate>1%, p99>+20%, cpu>50ms; or none (default with waves: nack,crashes>0)");
  command.add_option("--bake", options.bake, "How long each wave is watched (default: 10s)")
      ->check(check_duration);
  command.add_flag("--at-once", options.at_once,
                   "To all PoPs at the same time, whatever worker.yaml says");
}

}  // namespace isopop::control::cli
