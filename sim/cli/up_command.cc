#include "sim/cli/up_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>

#include "common/files/files.h"
#include "common/text/text.h"
#include "common/units/units.h"
#include "sim/cli/bundled_files.h"
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
  std::string mmdb;
  std::string timeout = "3 min";
  std::string log_level = "info";
  std::string log_format = "text";
  std::size_t starting_max = 0;
  bool is_quiet = false;
};

Result<Topology> read_topology(const UpOptions& options) {
  ISOPOP_TRY_ASSIGN(const std::filesystem::path file, find_topology(options.topology));
  ISOPOP_TRY_ASSIGN(Topology topology, load_topology(file.string()));
  if (options.net) topology.router.net = *options.net;
  if (options.isolation) topology.pop.isolation = *options.isolation;
  if (options.seed) topology.seed = *options.seed;
  return topology;
}

Result<LaunchSettings> settings_of(const UpOptions& options) {
  LaunchSettings settings;
  settings.programs = program_folder();
  ISOPOP_TRY_ASSIGN(const std::filesystem::path configs, configs_folder());
  settings.cities = configs / "data" / "cities.csv";
  if (!options.mmdb.empty()) {
    ISOPOP_TRY_ASSIGN(settings.mmdb, absolute_path(options.mmdb));
  }
  settings.log_level = options.log_level;
  settings.log_format = options.log_format;
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

void print_outcome(const LaunchOptions& launch, const LaunchOutcome& outcome,
                   const std::string& state_option) {
  const AddressBlock& block = outcome.block;
  const std::size_t pops = launch.topology.pops.size();
  if (outcome.was_running) {
    fmt::print("network '{}' is already running: {} PoPs ready\n", launch.topology.name, pops);
  } else {
    fmt::print("network '{}' is up: {} PoPs ready in {}\n", launch.topology.name, pops,
               format_duration(outcome.took));
  }
  fmt::print("\n  router         http://{}\n", block.router());
  fmt::print("  control plane  {} (gRPC), http://{}/metrics\n", block.control_rpc(),
             block.control_http());
  fmt::print("  first PoP      http://{} ({})\n", block.pop(0), launch.topology.pops.front().id);
  fmt::print("  state, logs    {}\n\nnext:\n", launch.state.path().string());
  const std::string prefix = typed_prefix();
  fmt::print("  {}popctl deploy workers/hello --name hello --route 'hello.example/*' --wait{}\n",
             prefix, state_option);
  fmt::print("  curl -H 'Host: hello.example' -H 'isopop-client-city: Amsterdam' http://{}/\n",
             block.router());
  fmt::print("  {0}isopop status{1}\n  {0}isopop down{1}\n", prefix, state_option);
}

int exit_code_of(const Error& error) {
  return error.code == ErrorCode::kCancelled ? kExitInterrupted : kExitFailed;
}

int run_up(const UpOptions& options) {
  const Result<std::chrono::nanoseconds> timeout = parse_duration(options.timeout);
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
  const Result<LaunchSettings> settings = settings_of(options);
  if (!settings.ok()) return fail(settings.error(), kExitFailed);

  const LaunchOptions launch{
      .topology = std::move(topology).value(),
      .state = state.value(),
      .settings = settings.value(),
      .timeout = timeout.value(),
      .starting_max = options.starting_max,
      .progress = options.is_quiet ? Progress::Style::kSilent : Progress::style_of_standard_error(),
  };
  const SystemClock clock;
  const Result<LaunchOutcome> outcome = launch_network(launch, interrupt.value(), clock);
  if (!outcome.ok()) return fail(outcome.error(), exit_code_of(outcome.error()));
  const std::string state_option =
      options.state == ".isopop" ? "" : " --state " + launch.state.path().string();
  print_outcome(launch, outcome.value(), state_option);
  return kExitDone;
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
  command->add_option("--mmdb", options->mmdb, "MaxMind database: client address to place");
  command->add_option("--timeout", options->timeout, "How long to wait until all is ready")
      ->capture_default_str();
  command->add_option("--log-level", options->log_level, "Of the programs it starts")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}))
      ->capture_default_str();
  command->add_option("--log-format", options->log_format, "Of the programs it starts")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  command->add_option("--starting-max", options->starting_max,
                      "PoPs starting at the same time; 0: eight for each processor");
  command->add_flag("--quiet", options->is_quiet, "No progress");
  command->callback([options, &chosen] { chosen.run = [options] { return run_up(*options); }; });
}

}  // namespace isopop::sim
