// `./run bench executor`: what an isolation mode costs, in an executor alone and through a whole
// PoP, each figure beside the one this project set out to reach. Real programs throughout. Not a
// test: figures depend on the machine, so they are written down with it.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "tests/bench/executor/executor_runs.h"
#include "tests/bench/executor/pop_runs.h"
#include "tests/bench/executor/section.h"
#include "tests/support/bench_report.h"

namespace isopop::test {
namespace {

using Json = nlohmann::ordered_json;

struct Section {
  const char* name;
  const char* title;
  Result<SectionReport> (*run)(const BenchRun&);
};

constexpr std::array kSections = {
    Section{"requests", "One executor, one request at a time over its socket", run_requests},
    Section{"first", "The first request of a worker: fork, load, answer", run_first_requests},
    Section{"memory", "Memory of one idle pristine executor more", run_memory},
    Section{"flat", "Many requests in one pristine executor", run_flatness},
    Section{"pop", "Through one PoP over HTTP, as many requests as it answers", run_pop_load},
    Section{"pop-first", "The first request of a worker at a PoP", run_pop_first_requests},
    Section{"budget", "Many workers at one PoP, within a budget of memory", run_pop_budget},
    Section{"container", "Cold starts of the container mode", run_pop_containers},
};

std::vector<std::string> section_names() {
  std::vector<std::string> names;
  for (const Section& section : kSections) names.emplace_back(section.name);
  return names;
}

void print_head(const Json& report) {
  const Json& machine = report["machine"];
  fmt::print("{}, commit {}\n{} x {}, Linux {}, load average {} at the start\n",
             report["date"].get<std::string>(), report["commit"].get<std::string>().substr(0, 10),
             machine["processors"].get<int>(), machine["processor"].get<std::string>(),
             machine["kernel"].get<std::string>(), machine["load_average"].get<double>());
}

Result<void> bench(const BenchOptions& options) {
  const SystemClock clock;
  Json report = bench_report_head("executor", clock);
  report["requests"] = options.requests;
  report["quick"] = options.quick;
  report["sections"] = Json::object();
  if (!options.json) print_head(report);
  std::size_t reached = 0;
  std::size_t held = 0;
  for (const Section& section : kSections) {
    if (!options.only.empty() && options.only != section.name) continue;
    const Result<SectionReport> outcome = section.run({.options = options, .clock = clock});
    if (!outcome.ok()) return outcome.error().with_context(section.name);
    const SectionReport& figures = outcome.value();
    held += figures.targets.size();
    reached +=
        static_cast<std::size_t>(std::count_if(figures.targets.begin(), figures.targets.end(),
                                               [](const Target& t) { return t.is_reached(); }));
    report["sections"][section.name] = figures.to_json();
    if (options.json) continue;
    fmt::print("\n{} ({})\n", section.title, section.name);
    figures.print();
  }
  report["targets"] = {{"held_against", held}, {"reached", reached}};
  if (options.json) {
    print_bench_report(report);
  } else if (held > 0) {
    fmt::print("\n{} of {} targets reached{}\n", reached, held,
               options.quick ? "; a quick run: too short to trust the 99th percentiles" : "");
  }
  return {};
}

}  // namespace
}  // namespace isopop::test

int main(int argc, char** argv) {
  try {
    isopop::test::BenchOptions options;
    CLI::App app("Measures executors alone and through a PoP, by isolation mode.",
                 "isopop_executor_bench");
    app.add_option("--requests", options.requests, "Requests of each mode, but of fresh")
        ->capture_default_str()
        ->check(CLI::Range(100, 10'000'000));
    app.add_flag("--quick", options.quick, "About a tenth of everything");
    app.add_option("--only", options.only, "One section of the report")
        ->check(CLI::IsMember(isopop::test::section_names()));
    app.add_flag("--json", options.json, "One JSON object on standard output");
    CLI11_PARSE(app, argc, argv);
    const isopop::Result<void> outcome = isopop::test::bench(options);
    if (outcome.ok()) return 0;
    fmt::print(stderr, "error: {}\n", outcome.error().message);
    return 1;
  } catch (const std::exception& exception) {
    fmt::print(stderr, "error: {}\n", exception.what());
    return 70;
  }
}
