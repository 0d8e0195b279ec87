#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"
#include "control_plane/cli/completion.h"

namespace isopop::control::cli {

void add_completion_commands(CommandLine& line) {
  CLI::App& group = line.add_group("completion", "The script that completes popctl in your shell");
  const auto add = [&](const char* name, const char* description, Shell shell) {
    line.on_run(line.add(group, name, description), [&line, shell](const GlobalOptions& global) {
      Output(global.output).raw(completion_script(line.root(), shell));
      return ExitCode::kDone;
    });
  };
  add("bash", "source <(popctl completion bash)", Shell::kBash);
  add("zsh", "popctl completion zsh > a folder of $fpath/_popctl", Shell::kZsh);
  add("fish", "popctl completion fish > ~/.config/fish/completions/popctl.fish", Shell::kFish);
}

}  // namespace isopop::control::cli
