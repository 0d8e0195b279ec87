#include "sim/cli/topology_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/app/app.h"
#include "common/files/files.h"
#include "sim/cli/bundled_files.h"
#include "sim/export/compose.h"
#include "sim/export/kubernetes.h"
#include "sim/export/swarm.h"
#include "sim/topology/further_sites.h"

namespace isopop::sim {
namespace {

namespace fs = std::filesystem;

struct ExportOptions {
  std::string target;
  std::string topology = "world";
  std::optional<std::size_t> pops;
  std::optional<std::size_t> pops_per_container;
  bool is_scaled = false;
  std::string output = "-";
};

// Whether the file is one of those that the image holds too.
bool is_bundled(const fs::path& file) {
  const Result<fs::path> configs = configs_folder();
  std::error_code ignored;
  return configs.ok() && fs::equivalent(file.parent_path().empty() ? "." : file.parent_path(),
                                        configs.value() / "topologies", ignored);
}

// What a person would type to get the same file again, whatever it was written to.
std::string made_by(const ExportOptions& options) {
  std::string command = fmt::format("isopop topology export --target {} --topology {}",
                                    options.target, options.topology);
  if (options.pops) command += fmt::format(" --pops {}", *options.pops);
  if (options.pops_per_container) {
    command += fmt::format(" --pops-per-container {}", *options.pops_per_container);
  }
  if (options.is_scaled) command += " --scaled";
  return command;
}

Result<void> write_output(const std::string& output, const std::string& text) {
  if (output != "-") {
    const Result<void> written = write_file_atomically(output, text, Durability::kProcessCrash);
    return written.ok() ? Result<void>() : unavailable("--output: " + written.error().message);
  }
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0) {
    return unavailable("standard output cannot be written");
  }
  return {};
}

// The folder that relative paths in the written file start from.
fs::path folder_of(const std::string& output) {
  std::error_code ignored;
  const fs::path here = fs::current_path(ignored);
  return output == "-" ? here : (here / output).lexically_normal().parent_path();
}

Result<void> export_compose(const ExportOptions& options, const Topology& topology,
                            const fs::path& file) {
  ComposeOptions compose{.pops_per_container = options.pops_per_container.value_or(1),
                         .scaled = options.is_scaled,
                         .topology = options.topology,
                         .made_by = made_by(options)};
  if (is_bundled(file)) {
    compose.topology = file.stem().string();
  } else {
    ISOPOP_TRY_ASSIGN(const fs::path absolute, absolute_path(file));
    compose.topology = absolute.string();
  }
  ISOPOP_TRY_ASSIGN(const std::string text, compose_file(topology, compose));
  return write_output(options.output, text);
}

Result<void> export_swarm(const ExportOptions& options, const Topology& topology,
                          const fs::path& file) {
  SwarmOptions swarm{.topology_file = {}, .topology_text = {}, .made_by = made_by(options)};
  ISOPOP_TRY_ASSIGN(const fs::path absolute, absolute_path(file));
  ISOPOP_TRY_ASSIGN(const fs::path folder, absolute_path(folder_of(options.output)));
  swarm.topology_file = absolute.lexically_relative(folder).string();
  ISOPOP_TRY_ASSIGN(swarm.topology_text, read_file(file));
  ISOPOP_TRY_ASSIGN(const std::string text, swarm_stack(topology, swarm));
  return write_output(options.output, text);
}

// The base that every overlay builds on is not written but comes with the project, so an overlay
// has its place beside the others.
Result<void> export_kubernetes(const ExportOptions& options, const Topology& topology) {
  const KubernetesOptions kubernetes{.made_by = made_by(options)};
  const fs::path folder = options.output;
  const fs::path base = fs::path(folder / kubernetes.base).lexically_normal();
  std::error_code ignored;
  if (!fs::exists(base / "kustomization.yaml", ignored)) {
    return not_found(
        fmt::format("{} is not there, on which the overlay builds: copy docker/k8s, and let "
                    "--output be a folder in "
                    "its `overlays`",
                    (base / "kustomization.yaml").string()));
  }
  ISOPOP_TRY_ASSIGN(const std::vector<ExportedFile> files,
                    kubernetes_overlay(topology, kubernetes));
  ISOPOP_TRY(create_folders(folder));
  for (const ExportedFile& file : files) {
    ISOPOP_TRY(write_output((folder / file.name).string(), file.text));
  }
  return {};
}

// What does not go together, before anything is read.
Result<void> check(const ExportOptions& options) {
  if (options.target != "compose" && (options.is_scaled || options.pops_per_container)) {
    return invalid_argument(fmt::format("{} is for --target compose only: {} gives every PoP a {}",
                                        options.is_scaled ? "--scaled" : "--pops-per-container",
                                        options.target, options.target == "k8s" ? "pod" : "task"));
  }
  if (options.target == "k8s" && options.output == "-") {
    return invalid_argument(
        "--target k8s writes several files: name a folder with --output, as "
        "docker/k8s/overlays/mine");
  }
  return {};
}

int exit_code_of(const Error& error) {
  const bool is_usage =
      error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kOutOfRange;
  return is_usage ? kExitUsage : kExitFailed;
}

int run_export(const ExportOptions& options) {
  if (const Result<void> fits = check(options); !fits.ok()) return fail(fits.error(), kExitUsage);
  const Result<fs::path> file = find_topology(options.topology);
  if (!file.ok()) return fail(file.error(), kExitBadInput);
  Result<Topology> topology = load_topology(file.value().string());
  if (!topology.ok()) return fail(topology.error(), kExitBadInput);
  if (options.pops) {
    topology = with_pops(std::move(topology).value(), *options.pops);
    if (!topology.ok()) return fail(topology.error().with_context("--pops"), kExitUsage);
  }
  Result<void> written;
  if (options.target == "compose") {
    written = export_compose(options, topology.value(), file.value());
  } else if (options.target == "swarm") {
    written = export_swarm(options, topology.value(), file.value());
  } else {
    written = export_kubernetes(options, topology.value());
  }
  return written.ok() ? int{kExitDone} : fail(written.error(), exit_code_of(written.error()));
}

}  // namespace

void add_topology_command(CLI::App& app, Command& chosen) {
  CLI::App* topology = app.add_subcommand("topology", "Topologies and other engines");
  topology->require_subcommand(1);
  CLI::App* command = topology->add_subcommand(
      "export", "Write a topology as the files of an engine that runs containers");
  const auto options = std::make_shared<ExportOptions>();
  command->add_option("--target", options->target, "compose, swarm or k8s")
      ->required()
      ->check(CLI::IsMember({"compose", "swarm", "k8s"}));
  command
      ->add_option("--topology", options->topology,
                   "YAML file, or the name of one that comes along: world, continents, tiny")
      ->capture_default_str();
  command->add_option("--pops", options->pops,
                      "So many PoPs; beyond the end of the list further ones in the same cities");
  command->add_option("--pops-per-container", options->pops_per_container,
                      "PoPs in one container, for small machines (compose)");
  command->add_flag("--scaled", options->is_scaled,
                    "One service for `up --scale pop=N`: PoPs ask the control plane who they are "
                    "(compose)");
  command
      ->add_option("--output", options->output,
                   "File to write, or - for standard output; for k8s a folder")
      ->capture_default_str();
  name_environment(*command, "isopop-topology-export");
  command->callback(
      [options, &chosen] { chosen.run = [options] { return run_export(*options); }; });
}

}  // namespace isopop::sim
