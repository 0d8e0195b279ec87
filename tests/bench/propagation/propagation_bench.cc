// Starts a network by the command people type and measures how fast what is deployed is live at
// every PoP, what a restart of the control plane costs, and what many subscribers do. Not a test:
// figures depend on the machine, so they are written down with it.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <exception>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/time/clock.h"
#include "tests/bench/propagation/bench_network.h"
#include "tests/bench/propagation/sections.h"
#include "tests/support/bench_report.h"

namespace isopop::test {
namespace {

using Json = nlohmann::ordered_json;

struct BenchOptions {
  std::size_t pops = 330;
  std::vector<std::string> only;  // empty: all
  std::string control_place = "Frankfurt";
  SectionOptions sections;
  bool json = false;
};

struct Section {
  std::string name;
  enum class Network { kNear, kFar, kNone } network;
  std::function<Figures(BenchNetwork*)> measure;
};

// Figures with what they are to reach beside them.
Figures with_aims(Figures figures, const Json& aims) {
  if (!figures.ok()) return figures;
  Json all = std::move(figures).value();
  all.update(aims);
  return all;
}

std::vector<Section> sections_of(const SectionOptions& options) {
  using enum Section::Network;
  const std::size_t few = std::max<std::size_t>(3, options.repetitions / 4);
  return {
      {"small", kNear,
       [=](BenchNetwork* network) {
         return with_aims(measure_deploys(*network, 10'000, options.repetitions),
                          {{"ack_p50_aim_ms", 500}, {"last_ack_max_aim_ms", 1'500}});
       }},
      {"large", kNear,
       [=](BenchNetwork* network) {
         return with_aims(measure_deploys(*network, 1'000'000, few),
                          {{"last_ack_max_aim_ms", 3'000}});
       }},
      {"rate", kNear, [=](BenchNetwork* network) { return measure_rate(*network, options); }},
      {"restart", kNear, [](BenchNetwork* network) { return measure_restart(*network); }},
      {"kv-readers", kNear, [](BenchNetwork* network) { return measure_kv_readers(*network); }},
      {"kv-writes", kNear,
       [=](BenchNetwork* network) { return measure_kv_writes(*network, options); }},
      {"memory", kNear, [=](BenchNetwork* network) { return measure_memory(*network, options); }},
      {"wan", kFar,
       [=](BenchNetwork* network) {
         return with_aims(measure_deploys(*network, 10'000, few), {{"last_ack_max_aim_ms", 5'000}});
       }},
      {"subscribers", kNone,
       [=](BenchNetwork* /*network*/) { return measure_subscribers(options); }},
  };
}

Result<void> bench(const BenchOptions& options) {
  const SystemClock clock;
  Json report = bench_report_head("propagation", clock);
  report["pops"] = options.pops;
  std::unique_ptr<BenchNetwork> network;
  auto running = Section::Network::kNone;
  for (const Section& section : sections_of(options.sections)) {
    if (!options.only.empty() &&
        std::find(options.only.begin(), options.only.end(), section.name) == options.only.end()) {
      continue;
    }
    if (section.network != running) {
      network.reset();
      running = section.network;
      std::vector<std::string> arguments;
      if (running == Section::Network::kFar) arguments = {"--control-place", options.control_place};
      if (running != Section::Network::kNone) {
        fmt::print(stderr, "isopop up --pops {} …\n", options.pops);
        ISOPOP_TRY_ASSIGN(network, BenchNetwork::up(options.pops, arguments));
      }
    }
    fmt::print(stderr, "{} …\n", section.name);
    ISOPOP_TRY_ASSIGN(report["figures"][section.name], section.measure(network.get()));
  }
  network.reset();
  if (options.json) {
    print_bench_report(report);
  } else {
    fmt::print("{}\n", report["figures"].dump(2));
  }
  return {};
}

}  // namespace
}  // namespace isopop::test

int main(int argc, char** argv) {
  try {
    isopop::test::BenchOptions options;
    isopop::test::SectionOptions& sections = options.sections;
    long rate_s = sections.rate_duration.count();
    CLI::App app("Measures how fast what is deployed is live at every PoP.",
                 "isopop_propagation_bench");
    app.add_option("--pops", options.pops)->capture_default_str();
    app.add_option("--only", options.only, "Sections to measure")
        ->check(CLI::IsMember({"small", "large", "rate", "restart", "kv-readers", "kv-writes",
                               "memory", "wan", "subscribers"}));
    app.add_option("--control-place", options.control_place, "Of the section wan")
        ->capture_default_str();
    app.add_option("--repetitions", sections.repetitions, "Of the section small")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    app.add_option("--rate-seconds", rate_s, "Of the section rate")
        ->check(CLI::Range(1, 3'600))
        ->capture_default_str();
    app.add_option("--workers", sections.workers, "Of the section memory")->capture_default_str();
    app.add_option("--subscribers", sections.subscribers)->capture_default_str();
    app.add_flag("--json", options.json, "One JSON object on standard output");
    CLI11_PARSE(app, argc, argv);
    sections.rate_duration = std::chrono::seconds(rate_s);
    const isopop::Result<void> outcome = isopop::test::bench(options);
    if (outcome.ok()) return 0;
    fmt::print(stderr, "error: {}\n", outcome.error().message);
    return 1;
  } catch (const std::exception& exception) {
    fmt::print(stderr, "error: {}\n", exception.what());
    return 1;
  }
}
