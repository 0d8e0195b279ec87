// Starts a network of containers by the commands people type, puts one worker on it, asks every PoP
// for it once, replays a trace, and measures start, memory, idle load and stop; before that the
// same number of empty containers. Not a test: figures depend on the machine, so they are written
// down with it.

#include <fmt/format.h>
#include <poll.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/time/clock.h"
#include "sim/compose/compose_launcher.h"
#include "sim/compose/container_engine.h"
#include "sim/launch/http_probe.h"
#include "tests/bench/compose/empty_containers.h"
#include "tests/bench/compose/machine_load.h"
#include "tests/support/bench_report.h"
#include "tests/support/command.h"

namespace isopop::test {
namespace {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

// The figures this project sets out to reach on two processors with 330 PoPs.
constexpr double kUpTargetS = 300;
constexpr double kTimesEmptyTarget = 3;
constexpr double kMemoryTargetBytes = 40e6;
constexpr double kIdleTargetCores = 0.30;
constexpr double kDeployTargetS = 5;
constexpr double kDownTargetS = 120;

struct BenchOptions {
  std::size_t pops = 330;
  std::string topology = "world";
  std::string image = "isopop:latest";
  std::uint16_t port = 8087;
  std::size_t pops_per_container = 1;
  double idle_s = 60;
  bool json = false;
};

double seconds_since(Instant start, const Clock& clock) {
  return std::chrono::duration<double>(clock.now() - start).count();
}

// One network from up to down; always taken down again.
class Run final {
 public:
  Run(const BenchOptions& options, std::filesystem::path folder)
      : options_(options), folder_(std::move(folder)) {}
  ~Run() {
    if (!is_up_) return;
    const CommandOutcome down = isopop({"down", "--purge", "--quiet"});
    if (!down.success()) fmt::print(stderr, "{}\n", down.describe());
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  Result<Json> measure() {
    Json figures;
    ISOPOP_TRY_ASSIGN(const std::uint64_t memory_before, memory_in_use_bytes());
    ISOPOP_TRY_ASSIGN(const double idle_before, idle_cores());
    is_up_ = true;
    const std::vector<std::string> up = {"up",
                                         "--engine",
                                         "compose",
                                         "--quiet",
                                         "--net",
                                         "account",
                                         "--topology",
                                         options_.topology,
                                         "--pops",
                                         std::to_string(options_.pops),
                                         "--image",
                                         options_.image,
                                         "--port",
                                         std::to_string(options_.port),
                                         "--pops-per-container",
                                         std::to_string(options_.pops_per_container)};
    ISOPOP_TRY_ASSIGN(figures["up_s"], timed("isopop up", "isopop", up));
    ISOPOP_TRY_ASSIGN(figures["deploy_wait_s"],
                      timed("popctl deploy", "popctl",
                            {"deploy", source("workers/hello"), "--name", "hello", "--route",
                             "hello.example/*", "--wait"}));
    ISOPOP_TRY_ASSIGN(figures["first_requests"], ask_every_pop());
    ISOPOP_TRY_ASSIGN(const std::uint64_t memory_after, memory_in_use_bytes());
    figures["memory_bytes_per_pop"] = (memory_after - memory_before) / options_.pops;
    ISOPOP_TRY_ASSIGN(const double idle, idle_cores());
    figures["idle_cores"] = std::max(0.0, idle - idle_before);
    ISOPOP_TRY_ASSIGN(figures["replay"], replay());
    ISOPOP_TRY_ASSIGN(figures["down_s"],
                      timed("isopop down", "isopop", {"down", "--purge", "--quiet"}));
    is_up_ = false;
    ISOPOP_TRY_ASSIGN(figures["left_behind"], left_behind());
    return figures;
  }

 private:
  static std::string source(const std::string& path) {
    return std::string(ISOPOP_SOURCE_DIR) + "/" + path;
  }
  [[nodiscard]] std::string state() const { return (folder_ / "state").string(); }
  CommandOutcome isopop(std::vector<std::string> arguments) const {
    return run("isopop", std::move(arguments));
  }
  CommandOutcome run(const std::string& program, std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--state", state()});
    CommandOptions command;
    command.timeout = 15min;
    return run_command(program_path(program), arguments, command);
  }

  Result<double> timed(std::string_view what, const std::string& program,
                       std::vector<std::string> arguments) const {
    fmt::print(stderr, "{} …\n", what);
    const Instant start = clock_.now();
    const CommandOutcome outcome = run(program, std::move(arguments));
    if (!outcome.success()) return internal_error(outcome.describe());
    return seconds_since(start, clock_);
  }

  // Of the whole machine, in processors that are busy all the time.
  Result<double> idle_cores() const {
    fmt::print(stderr, "idle for {} s …\n", options_.idle_s);
    ISOPOP_TRY_ASSIGN(const std::chrono::duration<double> before, cpu_time_used());
    ::poll(nullptr, 0, static_cast<int>(options_.idle_s * 1000));
    ISOPOP_TRY_ASSIGN(const std::chrono::duration<double> after, cpu_time_used());
    return (after - before).count() / options_.idle_s;
  }

  // One after the other, so that each has an executor.
  Result<Json> ask_every_pop() const {
    const CommandOutcome outcome = run("popctl", {"pops", "-o", "json"});
    const Json pops = Json::parse(outcome.output, nullptr, /*allow_exceptions=*/false);
    if (!pops.is_array()) return internal_error(outcome.describe());
    fmt::print(stderr, "one request to each of {} PoPs …\n", pops.size());
    std::size_t failed = 0;
    for (const Json& pop : pops) {
      const Result<unsigned> status = sim::probe_http({.address = pop.value("http_address", ""),
                                                       .path = "/",
                                                       .host = "hello.example",
                                                       .timeout = 30s});
      if (!status.ok() || status.value() != 200) ++failed;
    }
    return Json{{"requests", pops.size()}, {"failed", failed}};
  }

  Result<Json> replay() const {
    fmt::print(stderr, "replaying the Elastic log …\n");
    const std::string report = (folder_ / "report").string();
    const CommandOutcome outcome = isopop(
        {"replay", "--trace", source("configs/traces/elastic_apache_2015-05.combined.log.gz"),
         "--host", "hello.example", "--speed", "max", "--report", report, "--quiet"});
    if (!outcome.success()) return internal_error(outcome.describe());
    ISOPOP_TRY_ASSIGN(const std::string text, read_file(folder_ / "report" / "run.json"));
    const Json run = Json::parse(text);
    return Json{{"completed", run.at("completed")}, {"failed", run.at("failed")}};
  }

  // Containers, networks and volumes of this project that are still there.
  Result<std::size_t> left_behind() const {
    ISOPOP_TRY_ASSIGN(const sim::ContainerEngine engine, sim::ContainerEngine::find());
    ISOPOP_TRY_ASSIGN(const sim::StateFolder state_folder, sim::StateFolder::at(state()));
    const std::string label = sim::kProjectLabel + sim::compose_project_name(state_folder);
    std::size_t lines = 0;
    for (const std::vector<std::string>& list :
         {std::vector<std::string>{"ps", "-aq", "--filter", label},
          {"network", "ls", "-q", "--filter", label},
          {"volume", "ls", "-q", "--filter", label}}) {
      ISOPOP_TRY_ASSIGN(const std::string printed, engine.docker(list, 1min));
      lines += static_cast<std::size_t>(std::count(printed.begin(), printed.end(), '\n'));
    }
    return lines;
  }

  const BenchOptions& options_;
  std::filesystem::path folder_;
  SystemClock clock_;
  bool is_up_ = false;
};

Result<void> bench(const BenchOptions& options) {
  const SystemClock clock;
  ISOPOP_TRY_ASSIGN(const TempFolder folder, TempFolder::create("isopop-compose-bench-"));
  Json report = bench_report_head("compose", clock);
  report["pops"] = options.pops;
  report["pops_per_container"] = options.pops_per_container;
  report["targets"] = {{"up_s", kUpTargetS},
                       {"up_times_empty", kTimesEmptyTarget},
                       {"memory_bytes_per_pop", kMemoryTargetBytes},
                       {"idle_cores", kIdleTargetCores},
                       {"deploy_wait_s", kDeployTargetS},
                       {"down_s", kDownTargetS}};
  const std::size_t containers =
      (options.pops + options.pops_per_container - 1) / options.pops_per_container;
  fmt::print(stderr, "{} empty containers …\n", containers);
  ISOPOP_TRY_ASSIGN(report["empty"], measure_empty_containers(containers, options.image));
  ISOPOP_TRY_ASSIGN(report["figures"], Run(options, folder.path()).measure());
  Json& figures = report["figures"];
  figures["up_times_empty"] = figures["up_s"].get<double>() / report["empty"]["up_s"].get<double>();
  if (options.json) {
    print_bench_report(report);
    return {};
  }
  fmt::print(
      "{} PoPs: up {:.1f} s (target {}), {:.2f} times that of empty containers (target {}), {:.1f} "
      "MB each (target {}), idle {:.2f} cores (target {}), deploy {:.2f} s (target {}), replay {} "
      "failed of {}, down {:.1f} s (target {}), left behind {}\n",
      options.pops, figures["up_s"].get<double>(), kUpTargetS,
      figures["up_times_empty"].get<double>(), kTimesEmptyTarget,
      figures["memory_bytes_per_pop"].get<double>() / 1e6, kMemoryTargetBytes / 1e6,
      figures["idle_cores"].get<double>(), kIdleTargetCores, figures["deploy_wait_s"].get<double>(),
      kDeployTargetS, figures["replay"]["failed"].get<int>(),
      figures["replay"]["completed"].get<int>(), figures["down_s"].get<double>(), kDownTargetS,
      figures["left_behind"].get<int>());
  return {};
}

}  // namespace
}  // namespace isopop::test

int main(int argc, char** argv) {
  try {
    isopop::test::BenchOptions options;
    CLI::App app("Measures a network of containers, from up to down.", "isopop_compose_bench");
    app.add_option("--pops", options.pops)->capture_default_str();
    app.add_option("--topology", options.topology)->capture_default_str();
    app.add_option("--image", options.image)->capture_default_str();
    app.add_option("--port", options.port, "Of the router")->capture_default_str();
    app.add_option("--pops-per-container", options.pops_per_container)->capture_default_str();
    app.add_option("--idle", options.idle_s, "Seconds for which the idle load is measured")
        ->capture_default_str();
    app.add_flag("--json", options.json, "One JSON object on standard output");
    CLI11_PARSE(app, argc, argv);
    const isopop::Result<void> outcome = isopop::test::bench(options);
    if (outcome.ok()) return 0;
    fmt::print(stderr, "error: {}\n", outcome.error().message);
    return 1;
  } catch (const std::exception& exception) {
    fmt::print(stderr, "error: {}\n", exception.what());
    return 1;
  }
}
