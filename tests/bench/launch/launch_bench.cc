// Starts a network by the commands people type, puts one worker on it, asks every PoP for it once,
// and measures start, memory and stop. Not a test: figures depend on the machine, so they are
// written down with it.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/time/clock.h"
#include "sim/launch/http_probe.h"
#include "tests/support/bench_report.h"
#include "tests/support/command.h"

namespace isopop::test {
namespace {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;

// The figures this project sets out to reach on two processors.
constexpr double kUpTargetS = 60;
constexpr double kMemoryTargetBytes = 30e6;

struct BenchOptions {
  std::size_t pops = 330;
  std::string topology = "world";
  std::string worker = std::string(ISOPOP_SOURCE_DIR) + "/workers/hello";
  bool json = false;
};

double seconds_since(Instant start, const Clock& clock) {
  return std::chrono::duration<double>(clock.now() - start).count();
}

// One network from up to down; always taken down again.
class Run final {
 public:
  Run(const BenchOptions& options, std::string state)
      : options_(options), state_(std::move(state)) {}
  ~Run() {
    if (!is_up_) return;
    const CommandOutcome down = isopop({"down", "--purge", "--quiet"});
    if (!down.success()) fmt::print(stderr, "{}\n", down.describe());
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  Result<Json> measure() {
    Json figures;
    is_up_ = true;
    ISOPOP_TRY_ASSIGN(figures["up_s"],
                      timed("isopop up", isopop_path(),
                            {"up", "--topology", options_.topology, "--pops",
                             std::to_string(options_.pops), "--net", "account", "--quiet"}));
    ISOPOP_TRY_ASSIGN(figures["idle_memory_bytes"], memory());
    ISOPOP_TRY_ASSIGN(figures["deploy_wait_s"],
                      timed("popctl deploy", program_path("popctl"),
                            {"deploy", options_.worker, "--name", "hello", "--wait"}));
    ISOPOP_TRY_ASSIGN(figures["first_requests"], ask_every_pop());
    ISOPOP_TRY_ASSIGN(figures["memory_bytes"], memory());
    ISOPOP_TRY_ASSIGN(figures["down_s"], timed("isopop down", isopop_path(), {"down", "--quiet"}));
    is_up_ = false;
    figures["left_behind"] = processes_with_argument(state_).size();
    return figures;
  }

 private:
  static std::filesystem::path isopop_path() { return program_path("isopop"); }
  CommandOutcome isopop(std::vector<std::string> arguments) const {
    return run(isopop_path(), std::move(arguments));
  }
  CommandOutcome run(const std::filesystem::path& program,
                     std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--state", state_});
    CommandOptions command;
    command.timeout = 5min;
    return run_command(program, arguments, command);
  }

  Result<double> timed(std::string_view what, const std::filesystem::path& program,
                       std::vector<std::string> arguments) const {
    fmt::print(stderr, "{} …\n", what);
    const Instant start = clock_.now();
    const CommandOutcome outcome = run(program, std::move(arguments));
    if (!outcome.success()) return internal_error(outcome.describe());
    return seconds_since(start, clock_);
  }

  Result<Json> memory() const {
    const CommandOutcome outcome = isopop({"status", "-o", "json"});
    Json status = Json::parse(outcome.output, nullptr, /*allow_exceptions=*/false);
    if (!status.is_object()) return internal_error(outcome.describe());
    Json figures = status["memory_bytes"];
    figures["executor_processes"] = status["executors"];
    return figures;
  }

  // One after the other: what is measured is that each PoP starts an executor and answers.
  Result<Json> ask_every_pop() const {
    const CommandOutcome outcome = run(program_path("popctl"), {"pops", "-o", "json"});
    const Json pops = Json::parse(outcome.output, nullptr, /*allow_exceptions=*/false);
    if (!pops.is_array()) return internal_error(outcome.describe());
    fmt::print(stderr, "one request to each of {} PoPs …\n", pops.size());
    const Instant start = clock_.now();
    std::size_t failed = 0;
    for (const Json& pop : pops) {
      const Result<unsigned> status = sim::probe_http({.address = pop.value("http_address", ""),
                                                       .path = "/",
                                                       .host = "hello.isopop.test",
                                                       .timeout = 30s});
      if (!status.ok() || status.value() != 200) ++failed;
    }
    return Json{
        {"requests", pops.size()}, {"failed", failed}, {"seconds", seconds_since(start, clock_)}};
  }

  const BenchOptions& options_;
  std::string state_;
  SystemClock clock_;
  bool is_up_ = false;
};

Result<void> bench(const BenchOptions& options) {
  const SystemClock clock;
  ISOPOP_TRY_ASSIGN(const TempFolder folder, TempFolder::create("isopop-launch-bench"));
  Json report = bench_report_head("launch", clock);
  report["pops"] = options.pops;
  report["targets"] = {{"up_s", kUpTargetS}, {"memory_bytes_per_pop", kMemoryTargetBytes}};
  ISOPOP_TRY_ASSIGN(report["figures"], Run(options, (folder.path() / "state").string()).measure());
  if (options.json) {
    print_bench_report(report);
    return {};
  }
  const Json& figures = report["figures"];
  fmt::print(
      "{} PoPs: up {:.1f} s (target {} s), {:.1f} MB a PoP with an executor (target {} MB), "
      "{} of {} first requests failed, down {:.1f} s\n",
      options.pops, figures["up_s"].get<double>(), kUpTargetS,
      figures["memory_bytes"]["per_pop_with_executors"].get<double>() / 1e6,
      kMemoryTargetBytes / 1e6, figures["first_requests"]["failed"].get<int>(),
      figures["first_requests"]["requests"].get<int>(), figures["down_s"].get<double>());
  return {};
}

}  // namespace
}  // namespace isopop::test

int main(int argc, char** argv) {
  try {
    isopop::test::BenchOptions options;
    CLI::App app("Measures start, memory and stop of a whole network.", "isopop_launch_bench");
    app.add_option("--pops", options.pops)->capture_default_str();
    app.add_option("--topology", options.topology)->capture_default_str();
    app.add_option("--worker", options.worker, "Folder of the worker that is deployed")
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
