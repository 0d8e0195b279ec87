#include "sim/cli/up_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>

#include "common/files/files.h"
#include "common/text/text.h"
#include "common/units/units.h"
#include "sim/cli/bundled_files.h"
#include "sim/compose/compose_launcher.h"
#include "sim/launch/launcher.h"

namespace isopop::sim {
namespace {

struct UpOptions {
  std::string topology = "world";
  std::optional<std::size_t> pops;
  std::string state;
  std::optional<std::string> net;
  std::optional<std::string> isolation;
  std::optional<std::uint64_t> seed;
  std::string control_place;
  std::string mmdb;
  std::string engine = "processes";
  std::string image = "isopop:latest";
  std::uint16_t port = 8080;
  std::size_t pops_per_container = 1;
  std::optional<std::string> timeout;
  std::string log_level = "info";
  std::string log_format = "text";
  std::size_t starting_max = 0;
  bool is_quiet = false;
  bool insecure = false;
};

Result<Topology> read_topology(const UpOptions& options) {
  ISOPOP_TRY_ASSIGN(const std::filesystem::path file, find_topology(options.topology));
  ISOPOP_TRY_ASSIGN(Topology topology, load_topology(file.string()));
  if (options.net) topology.router.net = *options.net;
  if (options.isolation) topology.pop.isolation = *options.isolation;
  if (options.seed) topology.seed = *options.seed;
  return topology;
}

// A PoP's id or city in the topology, also one that --pops leaves out.
Result<PopSite> find_place(const UpOptions& options) {
  ISOPOP_TRY_ASSIGN(const Topology topology, read_topology(options));
  for (const PopSite& pop : topology.pops) {
    if (pop.id == options.control_place || pop.city == options.control_place) return pop;
  }
  return invalid_argument(fmt::format(
      "--control-place: no PoP of the topology has the id or city '{}'", options.control_place));
}

Result<LaunchSettings> settings_of(const UpOptions& options) {
  LaunchSettings settings;
  if (!options.control_place.empty()) {
    ISOPOP_TRY_ASSIGN(settings.control_place, find_place(options));
  }
  settings.programs = program_folder();
  ISOPOP_TRY_ASSIGN(const std::filesystem::path configs, configs_folder());
  settings.cities = configs / "data" / "cities.csv";
  if (!options.mmdb.empty()) {
    ISOPOP_TRY_ASSIGN(settings.mmdb, absolute_path(options.mmdb));
  }
  settings.log_level = options.log_level;
  settings.log_format = options.log_format;
  settings.insecure = options.insecure;
  return settings;
}

// What a person types before the name of a program to run the one beside this one: nothing when it
// is on the PATH.
std::string typed_prefix() {
  const std::filesystem::path folder = program_folder();
  const char* path = std::getenv("PATH");
  for (const std::string_view entry : split(path == nullptr ? "" : path, ':')) {
    if (entry == folder.string()) return {};
  }
  std::error_code ignored;
  return (std::filesystem::proximate(folder, ignored) / "").string();
}

Progress::Style progress_of(const UpOptions& options) {
  return options.is_quiet ? Progress::Style::kSilent : Progress::style_of_standard_error();
}

void print_outcome(const Topology& topology, const LaunchOutcome& outcome, const StateFolder& state,
                   const std::string& state_option) {
  const LaunchRecord& record = outcome.record;
  const std::size_t pops = topology.pops.size();
  if (outcome.was_running) {
    fmt::print("network '{}' is already running: {} PoPs ready\n", topology.name, pops);
  } else {
    fmt::print("network '{}' is up: {} PoPs ready in {}\n", topology.name, pops,
               format_duration(outcome.took));
  }
  fmt::print("\n  router         http://{}\n", record.router);
  fmt::print("  control plane  {} (gRPC), http://{}/metrics\n", record.control_rpc,
             record.control_http);
  if (record.engine == LaunchRecord::Engine::kCompose) {
    fmt::print("  state          {} (`docker compose ps` there shows the containers)\n\nnext:\n",
               state.path().string());
  } else {
    fmt::print("  first PoP      http://{} ({})\n", record.first_pop, topology.pops.front().id);
    fmt::print("  state, logs    {}\n\nnext:\n", state.path().string());
  }
  const std::string prefix = typed_prefix();
  fmt::print("  {}popctl deploy workers/hello --name hello --route 'hello.example/*' --wait{}\n",
             prefix, state_option);
  fmt::print("  curl -H 'Host: hello.example' -H 'isopop-client-city: Amsterdam' http://{}/\n",
             record.router);
  fmt::print("  {0}isopop status{1}\n  {0}isopop down{1}\n", prefix, state_option);
}

int exit_code_of(const Error& error) {
  return error.code == ErrorCode::kCancelled ? kExitInterrupted : kExitFailed;
}

Result<LaunchOutcome> launch_processes(const UpOptions& options, const Topology& topology,
                                       const StateFolder& state, std::chrono::nanoseconds timeout,
                                       Interrupt& interrupt, const Clock& clock) {
  ISOPOP_TRY_ASSIGN(const LaunchSettings settings, settings_of(options));
  return launch_network({.topology = topology,
                         .state = state,
                         .settings = settings,
                         .timeout = timeout,
                         .starting_max = options.starting_max,
                         .progress = progress_of(options)},
                        interrupt, clock);
}

Result<LaunchOutcome> launch_containers(const UpOptions& options, const Topology& topology,
                                        const StateFolder& state, std::chrono::nanoseconds timeout,
                                        Interrupt& interrupt, const Clock& clock) {
  if (!options.mmdb.empty()) {
    return invalid_argument("--mmdb is for --engine processes: containers have no such file");
  }
  if (options.insecure) {
    return invalid_argument("--insecure is for --engine processes: containers share a network");
  }
  ISOPOP_TRY_ASSIGN(const std::filesystem::path file, find_topology(options.topology));
  ISOPOP_TRY_ASSIGN(const std::filesystem::path absolute, absolute_path(file));
  return launch_compose({.topology = topology,
                         .state = state,
                         .image = options.image,
                         .port = options.port,
                         .pops_per_container = options.pops_per_container,
                         .topology_file = absolute.string(),
                         .log = {.level = options.log_level, .format = options.log_format},
                         .timeout = timeout,
                         .starting_max = options.starting_max,
                         .progress = progress_of(options)},
                        interrupt, clock);
}

int run_up(const UpOptions& options) {
  const bool is_compose = options.engine == "compose";
  // Containers take their time: about half a second of CPU each.
  const Result<std::chrono::nanoseconds> timeout =
      parse_duration(options.timeout.value_or(is_compose ? "10 min" : "3 min"));
  if (!timeout.ok()) return fail(timeout.error().with_context("--timeout"), kExitUsage);
  // Before any thread starts, so that they all leave the signals to it.
  Result<Interrupt> interrupt = Interrupt::create();
  if (!interrupt.ok()) return fail(interrupt.error(), kExitFailed);

  Result<Topology> topology = read_topology(options);
  if (!topology.ok()) return fail(topology.error(), kExitBadInput);
  if (options.pops) {
    topology = first_pops(std::move(topology).value(), *options.pops);
    if (!topology.ok()) return fail(topology.error().with_context("--pops"), kExitUsage);
  }
  const Result<StateFolder> state = StateFolder::at(options.state);
  if (!state.ok()) return fail(state.error(), kExitUsage);

  const SystemClock clock;
  const auto launch = is_compose ? launch_containers : launch_processes;
  const Result<LaunchOutcome> outcome =
      launch(options, topology.value(), state.value(), timeout.value(), interrupt.value(), clock);
  if (!outcome.ok()) return fail(outcome.error(), exit_code_of(outcome.error()));
  const std::string state_option =
      options.state == ".isopop" ? "" : " --state " + state.value().path().string();
  print_outcome(topology.value(), outcome.value(), state.value(), state_option);
  return kExitDone;
}

void add_engine_options(CLI::App& command, UpOptions& options) {
  command
      .add_option("--engine", options.engine,
                  "processes: plain ones on this machine; compose: containers, by Docker Compose")
      ->check(CLI::IsMember({"processes", "compose"}))
      ->capture_default_str();
  command.add_option("--image", options.image, "compose: the image; `./run image` builds it")
      ->capture_default_str();
  command.add_option("--port", options.port, "compose: of the router on this machine")
      ->check(CLI::Range(1, 65535))
      ->capture_default_str();
  command
      .add_option("--pops-per-container", options.pops_per_container,
                  "compose: more than one saves memory and time on small machines")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
}

}  // namespace

void add_up_command(CLI::App& app, Command& chosen) {
  CLI::App* command = app.add_subcommand("up", "Start a network and wait until it is ready");
  const auto options = std::make_shared<UpOptions>();
  command
      ->add_option("--topology", options->topology,
                   "YAML file, or the name of one that comes along: world, continents, tiny")
      ->capture_default_str();
  command->add_option("--pops", options->pops, "Only the first N PoPs of the topology");
  add_state_option(*command, options->state);
  command->add_option("--net", options->net, "real: delays are waited out; account: only told")
      ->check(CLI::IsMember({"real", "account"}));
  command
      ->add_option("--isolation", options->isolation,
                   "Of workers that do not say. Default: as the topology says")
      ->check(CLI::IsMember({"pristine", "fresh", "warm", "container"}));
  command->add_option("--seed", options->seed, "Root of everything the router draws");
  command->add_option(
      "--control-place", options->control_place,
      "A PoP's id or city: the control plane is as far from PoPs as if it were there. "
      "Default: not far from any");
  command->add_option("--mmdb", options->mmdb, "MaxMind database: client address to place");
  add_engine_options(*command, *options);
  command->add_option("--timeout", options->timeout,
                      "How long to wait until all is ready. Default: 3 min, of containers 10 min");
  command->add_option("--log-level", options->log_level, "Of the programs it starts")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  command->add_option("--log-format", options->log_format, "Of the programs it starts")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->add_option("--starting-max", options->starting_max,
                      "PoPs starting at the same time; 0: eight for each processor, containers 32");
  command->add_flag("--insecure", options->insecure,
                    "processes: no TLS and no tokens between the programs");
  command->add_flag("--quiet", options->is_quiet, "No progress");
  command->callback([options, &chosen] { chosen.run = [options] { return run_up(*options); }; });
}

}  // namespace isopop::sim
