#pragma once

namespace isopop::control::cli {

class CommandLine;

// popctl's commands, one file a group: each function adds its own to the command line.
void add_context_commands(CommandLine& line);
void add_deploy_commands(CommandLine& line);
void add_invoke_commands(CommandLine& line);
void add_pop_commands(CommandLine& line);
void add_status_commands(CommandLine& line);
void add_version_commands(CommandLine& line);
void add_worker_commands(CommandLine& line);

}  // namespace isopop::control::cli
