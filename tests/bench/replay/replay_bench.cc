// isopop_replay_bench: the figures of a replay. Starts a network of its own with `isopop up` in a
// temp folder, deploys workers/hello, replays the bundled log as fast as answers come, and takes
// all of it down again. Also: how many lines of a log are read in a second.

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/process/child.h"
#include "common/time/clock.h"
#include "sim/trace/trace_reader.h"
#include "tests/support/bench_report.h"

namespace isopop::sim {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::chrono::minutes kStepTimeout{15};

struct BenchOptions {
  bool json = false;
  std::size_t pops = 330;
  std::string topology = "world";
  std::string isolation = "pristine";
  std::string programs = ISOPOP_BIN_DIR;
  std::string trace =
      std::string(ISOPOP_SOURCE_DIR) + "/configs/traces/elastic_apache_2015-05.combined.log.gz";
};

// The inherited environment: the programs find their way by PATH, HOME and TMPDIR.
std::vector<std::string> environment() {
  std::vector<std::string> variables;
  for (const char* name : {"PATH", "HOME", "TMPDIR", "ISOPOP_CONFIGS"}) {
    if (const char* value = std::getenv(name))
      variables.push_back(fmt::format("{}={}", name, value));
  }
  return variables;
}

// Runs a program with its output on our standard error, so that standard output stays ours.
Result<void> run_step(const fs::path& program, const std::vector<std::string>& arguments) {
  Result<Child> child = Child::start({.program = program,
                                      .arguments = arguments,
                                      .environment = environment(),
                                      .standard_output = STDERR_FILENO,
                                      .standard_error = STDERR_FILENO});
  if (!child.ok()) return child.error();
  const std::optional<ExitStatus> status = child.value().wait_exit(kStepTimeout);
  const std::string name = program.filename().string() + " " + arguments.front();
  if (!status) return unavailable(name + ": did not end in time");
  if (!status->success()) return internal_error(name + ": " + status->describe());
  return {};
}

// The processor time that all processes of a network have used so far: those with its folder among
// their arguments, and their executors.
double network_cpu_s(const std::string& state) {
  double ticks = 0.0;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error)) {
    const std::string pid = entry.path().filename().string();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    const Result<std::string> command = read_file(entry.path() / "cmdline");
    if (!command.ok() || command.value().find(state) == std::string::npos) continue;
    const Result<std::string> stat = read_file(entry.path() / "stat");
    if (!stat.ok()) continue;
    // Behind the name in parentheses: fields 3 and on; utime and stime are 14 and 15.
    std::array<double, 2> times{};
    if (std::sscanf(stat.value().c_str() + stat.value().rfind(')') + 1,
                    " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lf %lf", &times[0],
                    &times[1]) == 2) {
      ticks += times[0] + times[1];
    }
  }
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

Result<Json> measure_parser(const BenchOptions& options, const Clock& clock) {
  constexpr int kRounds = 20;
  std::uint64_t lines = 0;
  const Instant begin = clock.now();
  for (int i = 0; i < kRounds; ++i) {
    ISOPOP_TRY_ASSIGN(const Trace trace, read_trace(options.trace));
    lines += trace.lines;
  }
  const double seconds = std::chrono::duration<double>(clock.now() - begin).count();
  return Json{{"trace_lines_per_s", std::llround(static_cast<double>(lines) / seconds)}};
}

Result<Json> measure_replay(const BenchOptions& options, const Clock& clock) {
  const fs::path programs(options.programs);
  ISOPOP_TRY_ASSIGN(const TempFolder folder, TempFolder::create("isopop-replay-bench"));
  const std::string state = (folder.path() / "state").string();
  const std::string report = (folder.path() / "report").string();
  const Instant begin = clock.now();
  ISOPOP_TRY(run_step(programs / "isopop",
                      {"up", "--topology", options.topology, "--pops", std::to_string(options.pops),
                       "--state", state, "--net", "account", "--isolation", options.isolation}));
  const double up_s = std::chrono::duration<double>(clock.now() - begin).count();

  const auto replay = [&]() -> Result<Json> {
    ISOPOP_TRY(
        run_step(programs / "popctl", {"deploy", std::string(ISOPOP_SOURCE_DIR) + "/workers/hello",
                                       "--name", "hello", "--wait", "--state", state}));
    const double network_before_s = network_cpu_s(state);
    ISOPOP_TRY(
        run_step(programs / "isopop", {"replay", "--trace", options.trace, "--speed", "max",
                                       "--worker", "hello", "--state", state, "--report", report}));
    const double network_s = network_cpu_s(state) - network_before_s;
    ISOPOP_TRY_ASSIGN(const std::string text, read_file(fs::path(report) / "run.json"));
    const Json run = Json::parse(text);
    const double issued = std::max(run.at("issued").get<double>(), 1.0);
    return Json{{"pops", options.pops},
                {"up_s", up_s},
                {"requests", run.at("issued")},
                {"requests_per_s", run.at("rate_per_s").at("completed")},
                {"failed", run.at("failed")},
                {"dropped", run.at("dropped")},
                {"latency_sent_p50_ms", run.at("latency_ms").at("sent").at("p50")},
                {"latency_sent_p99_ms", run.at("latency_ms").at("sent").at("p99")},
                {"pop_p50_ms", run.at("phases_ms").at("pop").at("p50")},
                {"pop_p99_ms", run.at("phases_ms").at("pop").at("p99")},
                {"schedule_slip_p99_ms", run.at("schedule_slip_ms").at("p99")},
                {"starts", run.at("starts")},
                {"sender_cpu_us_per_request", run.at("sender_cpu_s").get<double>() / issued * 1e6},
                {"network_cpu_us_per_request", network_s / issued * 1e6}};
  };
  Result<Json> figures = replay();
  const Result<void> down = run_step(programs / "isopop", {"down", "--state", state});
  if (figures.ok() && !down.ok()) return down.error();
  return figures;
}

int run(const BenchOptions& options) {
  const SystemClock clock;
  Result<Json> figures = measure_parser(options, clock);
  if (figures.ok()) {
    const Result<Json> replay = measure_replay(options, clock);
    if (replay.ok()) {
      figures.value().update(replay.value());
    } else {
      figures = replay.error();
    }
  }
  if (!figures.ok()) {
    std::fprintf(stderr, "error: %s\n", figures.error().message.c_str());
    return 1;
  }
  if (options.json) {
    Json report = test::bench_report_head("replay", clock);
    report["figures"] = std::move(figures).value();
    test::print_bench_report(report);
    return 0;
  }
  for (const auto& [name, value] : figures.value().items()) {
    std::printf("%-28s %s\n", name.c_str(), value.dump().c_str());
  }
  return 0;
}

}  // namespace
}  // namespace isopop::sim

int main(int argc, char** argv) {
  try {
    isopop::sim::BenchOptions options;
    CLI::App app("The bundled log through a whole network, as fast as answers come.");
    app.add_flag("--json", options.json, "One JSON object on standard output");
    app.add_option("--pops", options.pops, "How many PoPs")->capture_default_str();
    app.add_option("--topology", options.topology, "As `isopop up` takes it")
        ->capture_default_str();
    app.add_option("--isolation", options.isolation, "pristine, fresh, warm or container")
        ->capture_default_str();
    app.add_option("--programs", options.programs, "Folder of isopop and popctl")
        ->capture_default_str();
    app.add_option("--trace", options.trace, "Another trace");
    CLI11_PARSE(app, argc, argv);
    return isopop::sim::run(options);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "error: unexpected exception: %s\n", exception.what());
    return 70;
  }
}
