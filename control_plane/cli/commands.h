#pragma once

namespace CLI {
class App;
}

namespace isopop::control::cli {

class CommandLine;

// popctl's commands, one file a group: each function adds its own to the command line.
void add_access_commands(CommandLine& line);
void add_backup_commands(CommandLine& line);
void add_completion_commands(CommandLine& line);
void add_context_commands(CommandLine& line);
void add_deploy_commands(CommandLine& line);
void add_deployment_commands(CommandLine& line);
void add_invoke_commands(CommandLine& line);
void add_pki_commands(CommandLine& line);
void add_kv_commands(CommandLine& line);
void add_pop_commands(CommandLine& line);
void add_rollout_commands(CommandLine& line);
void add_secret_commands(CommandLine& line);
void add_status_commands(CommandLine& line);
void add_telemetry_commands(CommandLine& line);
void add_version_commands(CommandLine& line);
void add_worker_commands(CommandLine& line);

// `popctl versions upload` and `popctl versions deploy`, to the group of versions.
void add_upload_command(CommandLine& line, CLI::App& versions);
void add_versions_deploy_command(CommandLine& line, CLI::App& versions);

}  // namespace isopop::control::cli
