#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "common/time/clock.h"
#include "control_plane/access/pki_folder.h"
#include "control_plane/cli/command_line.h"
#include "control_plane/cli/commands.h"

namespace isopop::control::cli {
namespace {

struct PkiOptions {
  std::string out;
  std::string join;
};

// Without a control plane: for those who bring the folder to where one will run.
ExitCode init_pki(const GlobalOptions& global, const PkiOptions& options) {
  const Terminal terminal(global.notes);
  const SystemClock clock;
  const Result<PkiFolder> made =
      PkiFolder::open_or_create(options.out, PkiFolder::Authority::kOwn, clock.wall_now());
  if (!made.ok()) return terminal.fail(ExitCode::kUnexpected, made.error().message);
  if (!options.join.empty()) {
    const Result<void> written = write_join_folder(options.join, made.value());
    if (!written.ok()) return terminal.fail(ExitCode::kUnexpected, written.error().message);
  }
  terminal.note(
      fmt::format("{} has a CA, keys and tokens; keep it where you keep passwords, and "
                  "give it to isopop-control with --pki",
                  options.out));
  nlohmann::ordered_json json = {{"pki", options.out}, {"join", options.join}};
  Output(global.output).one(options.out + "\n", json);
  return ExitCode::kDone;
}

}  // namespace

void add_pki_commands(CommandLine& line) {
  CLI::App& pki = line.add_group("pki", "The keys of a network");
  const auto options = std::make_shared<PkiOptions>();
  CLI::App& init = line.add(pki, "init", "Make the folder that isopop-control takes with --pki");
  init.add_option("--out", options->out, "The folder; what is there already is kept")->required();
  init.add_option("--join", options->join,
                  "Also write here what PoPs, routers and relays take with --join");
  line.on_run(init, [options](const GlobalOptions& global) { return init_pki(global, *options); });
}

}  // namespace isopop::control::cli
