#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "common/result/result.h"
#include "common/rpc/tls_files.h"
#include "control_plane/cli/exit_code.h"
#include "control_plane/cli/terminal.h"

namespace isopop::control::cli {

// popctl's subcommands: each asks the control plane, prints, and gives the exit code.

enum class OutputFormat { kTable, kJson };

struct GlobalOptions {
  std::string endpoint;  // empty: the file in `state` says
  std::string state = ".isopop";
  OutputFormat output = OutputFormat::kTable;
  rpc::TlsFiles tls;
};

// What is empty, the folder's worker.yaml may say.
struct DeployOptions {
  std::string path;
  std::string name;  // empty: the folder's
  std::vector<std::string> routes;
  std::string main_module;
  std::vector<std::string> variables;  // "NAME=text"
  std::vector<std::string> limits;     // "cpu=50ms"
  std::string isolation;               // empty: the PoPs' default
  std::string message;
  bool wait = false;
  bool dry_run = false;
  std::chrono::nanoseconds timeout = std::chrono::seconds(60);
};

struct InvokeOptions {
  std::string worker;
  std::string city;  // empty: the router draws one
  std::string path = "/";
  std::string method;  // empty: GET, or POST with data
  std::string data;
  std::vector<std::string> headers;  // "name: value"
  bool has_data = false;
  bool include_head = false;
  std::chrono::nanoseconds timeout = std::chrono::seconds(60);
};

[[nodiscard]] ExitCode run_deploy(const GlobalOptions& global, const DeployOptions& options);
[[nodiscard]] ExitCode run_list(const GlobalOptions& global);
[[nodiscard]] ExitCode run_versions(const GlobalOptions& global, const std::string& worker);
[[nodiscard]] ExitCode run_pops(const GlobalOptions& global);
[[nodiscard]] ExitCode run_status(const GlobalOptions& global);
[[nodiscard]] ExitCode run_delete(const GlobalOptions& global, const std::string& worker);
[[nodiscard]] ExitCode run_invoke(const GlobalOptions& global, const InvokeOptions& options);

}  // namespace isopop::control::cli
