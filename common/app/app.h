#pragma once

#include <CLI/App.hpp>
#include <functional>
#include <string>

#include "common/log/log.h"
#include "common/result/result.h"

namespace isopop {

// The frame around every server program's main: flags, environment and YAML file (in that order of
// precedence), log options, the last catch. Exit codes: 0 done, 1 failed (one "error: ..." line on
// standard error), 2 usage, 70 a bug that surfaced as an exception.
//
//   int main(int argc, char** argv) {
//     isopop::pop::Options options;
//     return isopop::run_server_program(
//         {.name = "isopop-pop", .description = "One point of presence."}, argc, argv,
//         [&](CLI::App& app) { app.add_option("--id", options.id, "...")->required(); },
//         [&] { return isopop::pop::run(options); });
//   }
struct ProgramDescription {
  std::string name;
  std::string description;
};

int run_server_program(const ProgramDescription& program, int argc, char** argv,
                       const std::function<void(CLI::App&)>& add_options,
                       const std::function<Result<void>()>& run);

// Gives every option that has none an environment name: ISOPOP_POP_LISTEN for --listen of
// isopop-pop.
void name_environment(CLI::App& app, const std::string& program);

// Lets `--config FILE` name a YAML file whose keys are the options' long names.
void accept_yaml_config(CLI::App& app);

[[nodiscard]] std::string program_version();

}  // namespace isopop
