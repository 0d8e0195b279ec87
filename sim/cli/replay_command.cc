#include "sim/cli/replay_command.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "common/files/files.h"
#include "common/http/header_names.h"
#include "common/rpc/tls_options.h"
#include "common/text/text.h"
#include "common/units/units.h"
#include "sim/launch/http_probe.h"
#include "sim/launch/interrupt.h"
#include "sim/launch/state_folder.h"
#include "sim/replay/replay_run.h"
#include "sim/report/summary_text.h"
#include "sim/rpc/control_client.h"
#include "sim/trace/trace_reader.h"

namespace isopop::sim {
namespace {

// At speed max: enough to keep every core busy, and few enough that requests wait for the network
// and the isolate, not for each other.
// A PoP beats once a second; one that does not is not waited for longer than three.
constexpr int kHeartbeatPolls = 30;
constexpr auto kHeartbeatPoll = std::chrono::milliseconds(100);
constexpr std::size_t kWindowPerCore = 8;
constexpr std::size_t kInFlightMax = 1024;
constexpr std::chrono::seconds kControlTimeout{5};

struct ReplayCommandOptions {
  std::string trace;
  std::optional<std::string> format;
  std::string speed = "1x";
  std::uint64_t seed = 1;
  std::string report;
  std::string state;
  std::optional<std::string> router;
  std::string host = "hello.isopop.test";
  std::optional<std::string> worker;
  std::optional<std::size_t> in_flight_max;
  std::optional<std::string> duration;
  std::string timeout = "30 s";
  std::uint32_t clients = 1000;
  rpc::TlsFiles tls;
  bool is_strict = false;
  bool is_as_written = false;
  bool is_quiet = false;
};

std::size_t window_at_max_speed() {
  return kWindowPerCore * std::max(std::thread::hardware_concurrency(), 1U);
}

Result<ReplayRunOptions> run_options_of(const ReplayCommandOptions& given) {
  ReplayRunOptions options;
  ISOPOP_TRY_ASSIGN(options.plan.speed, parse_replay_speed(given.speed));
  options.plan.seed = given.seed;
  if (given.duration) {
    Result<std::chrono::nanoseconds> duration = parse_duration(*given.duration);
    if (!duration.ok()) return duration.error().with_context("--duration");
    options.plan.duration = duration.value();
  }
  options.plan.default_host = given.worker ? *given.worker + ".isopop.test" : given.host;
  options.plan.override_host = given.worker.has_value();
  if (given.is_as_written) options.plan.spread = PlanOptions::Spread::kAsWritten;
  options.plan.anonymous_clients = given.clients;
  const Result<std::chrono::nanoseconds> timeout = parse_duration(given.timeout);
  if (!timeout.ok()) return timeout.error().with_context("--timeout");
  options.send.request_timeout = std::chrono::ceil<std::chrono::milliseconds>(timeout.value());
  options.send.in_flight_max = given.in_flight_max.value_or(
      options.plan.speed.is_max() ? window_at_max_speed() : kInFlightMax);
  options.report_folder = given.report;
  options.progress =
      given.is_quiet ? ReplayProgress::Style::kSilent : ReplayProgress::style_of_standard_error();
  return options;
}

Result<Trace> read_trace_of(const ReplayCommandOptions& given) {
  TraceReadOptions options;
  if (given.format) {
    ISOPOP_TRY_ASSIGN(options.format, parse_trace_format(*given.format));
  }
  if (given.is_strict) options.broken_lines = TraceReadOptions::BrokenLines::kRefused;
  return read_trace(given.trace, options);
}

void print_trace(const Trace& trace, const ReplayPlan& plan) {
  std::fputs(
      fmt::format("trace        {}: {} requests, format {}, {} to {}\n", trace.source,
                  trace.requests.size(), to_string(trace.format), format_rfc3339(trace.time(0)),
                  format_rfc3339(trace.time(trace.requests.size() - 1)))
          .c_str(),
      stdout);
  if (trace.broken_lines > 0) {
    fmt::print(stderr, "warning: {} of {} lines are broken and left out:\n", trace.broken_lines,
               trace.lines);
    for (const BrokenLine& broken : trace.broken) {
      fmt::print(stderr, "  {}:{}: {}\n", trace.source, broken.line, broken.reason);
    }
    if (trace.broken_lines > trace.broken.size()) {
      fmt::print(stderr, "  … and {} more\n", trace.broken_lines - trace.broken.size());
    }
  }
  if (plan.options().speed.is_max()) {
    fmt::print("replay       {} requests as fast as answers come\n", plan.size());
  } else {
    fmt::print("replay       {} requests at {}, which takes {}\n", plan.size(),
               to_string(plan.options().speed), format_duration(plan.length()));
  }
  std::fflush(stdout);
}

// The router's address: as given, else as the network in the state folder noted it.
Result<std::string> find_router(const ReplayCommandOptions& given, const StateFolder& state) {
  if (given.router) return *given.router;
  const Result<std::string> endpoint = read_file(state.path() / "router.endpoint");
  if (endpoint.ok()) return std::string(trim(endpoint.value()));
  return unavailable(
      fmt::format("no network runs in {}: start one with `isopop up`, or name a "
                  "router with --router",
                  state.path().string()));
}

Result<void> check_router(const std::string& router) {
  const HttpProbe probe{.address = router, .path = std::string(http::own_paths::kReady)};
  const Result<unsigned> status = probe_http(probe);
  if (!status.ok()) {
    return unavailable(
        fmt::format("the router at {} does not answer: {}. Is the network up? "
                    "`isopop status` tells",
                    router, status.error().message));
  }
  // Another server than the router may stand there and know nothing of the path.
  if (status.value() == 503) {
    return unavailable(
        fmt::format("the router at {} has no PoP yet; `isopop status` tells", router));
  }
  return {};
}

// Where the PoPs are, for the report's map. A report without them is still a report.
std::map<std::string, PopPlace> ask_places(const StateFolder& state, const rpc::TlsFiles& tls) {
  std::map<std::string, PopPlace> places;
  const Result<std::string> endpoint = read_file(state.path() / "control.endpoint");
  if (!endpoint.ok()) return places;
  const ControlClient control(std::string(trim(endpoint.value())), access_of(state.path(), tls));
  const Result<std::vector<PopReport>> pops = control.pops(kControlTimeout);
  if (!pops.ok()) {
    fmt::print(stderr, "warning: no places of PoPs for the map: {}\n", pops.error().message);
    return places;
  }
  for (const PopReport& pop : pops.value()) {
    places[pop.id] = {.city = pop.city, .country = pop.country, .point = pop.place};
  }
  return places;
}

// Whether every PoP that is there has sent a heartbeat since.
bool have_beaten_since(const std::vector<PopReport>& before, const std::vector<PopReport>& now) {
  std::map<std::string, WallTime> last;
  for (const PopReport& pop : before) last[pop.id] = pop.last_heartbeat;
  return std::all_of(now.begin(), now.end(), [&last](const PopReport& pop) {
    return pop.condition != PopCondition::kReady || pop.last_heartbeat > last[pop.id];
  });
}

// What the PoPs have counted of namespaces, which they tell with their heartbeats, once a second.
// A report without it is still a report.
KvByPop ask_kv(const StateFolder& state, const rpc::TlsFiles& tls) {
  KvByPop totals;
  const Result<std::string> endpoint = read_file(state.path() / "control.endpoint");
  if (!endpoint.ok()) return totals;
  const ControlClient control(std::string(trim(endpoint.value())), access_of(state.path(), tls));
  const Result<std::vector<PopReport>> first = control.pops(kControlTimeout);
  if (!first.ok()) return totals;
  Result<Interrupt> interrupt = Interrupt::create();
  if (!interrupt.ok()) return totals;
  Result<std::vector<PopReport>> pops = first.value();
  for (int poll = 0; poll < kHeartbeatPolls; ++poll) {
    if (have_beaten_since(first.value(), pops.value())) break;
    if (interrupt.value().wait(kHeartbeatPoll)) break;
    pops = control.pops(kControlTimeout);
    if (!pops.ok()) return totals;
  }
  for (const PopReport& pop : pops.value()) totals[pop.id] = pop.kv;
  return totals;
}

// What a person who sees nothing but 404 wants to know.
void print_hint(const RunReport& report, const ReplayCommandOptions& given) {
  const auto& failures = report.tally.failures();
  const auto none = failures.find("http_404");
  if (none == failures.end() || none->second != report.tally.issued()) return;
  const std::string host = given.worker ? *given.worker + ".isopop.test" : given.host;
  fmt::print(
      stderr,
      "hint: every answer was 404, so no worker answers at these hosts (by default {}). Deploy "
      "one with\n      `popctl deploy workers/hello --name hello --wait`, or name yours with "
      "--worker or --host.\n",
      host);
}

int exit_code_of(const RunReport& report) {
  if (report.aborted) return kExitAborted;
  return report.valid() ? kExitDone : kExitRunInvalid;
}

int run_command(const ReplayCommandOptions& given) {
  Result<ReplayRunOptions> parsed = run_options_of(given);
  if (!parsed.ok()) return fail(parsed.error(), kExitUsage);
  ReplayRunOptions options = std::move(parsed).value();
  const Result<StateFolder> state = StateFolder::at(given.state);
  if (!state.ok()) return fail(state.error(), kExitUsage);
  const Result<void> tls = rpc::check_tls_files(given.tls);
  if (!tls.ok()) return fail(tls.error(), kExitFailed);

  const Result<Trace> trace = read_trace_of(given);
  if (!trace.ok()) return fail(trace.error(), kExitBadInput);
  print_trace(trace.value(), ReplayPlan(trace.value(), options.plan));

  const Result<std::string> router = find_router(given, state.value());
  if (!router.ok()) return fail(router.error(), kExitFailed);
  if (const Result<void> ready = check_router(router.value()); !ready.ok()) {
    return fail(ready.error(), kExitFailed);
  }
  options.send.target = router.value();
  if (!given.router) {
    options.places = ask_places(state.value(), given.tls);
    options.read_kv = [&state, &given] { return ask_kv(state.value(), given.tls); };
    if (const auto record = state.value().read_record()) {
      options.network_digest = record->digest;
      options.isolation = record->isolation;
    }
  }
  const SystemClock clock;
  const Result<RunReport> report = run_replay(trace.value(), options, clock);
  if (!report.ok()) return fail(report.error(), kExitFailed);
  fmt::print("\n{}", render_summary(report.value()));
  if (!given.report.empty()) {
    fmt::print("report       {}/report.html, run.json, requests.csv\n", given.report);
  }
  print_hint(report.value(), given);
  return exit_code_of(report.value());
}

}  // namespace

void add_replay_command(CLI::App& app, Command& chosen) {
  CLI::App* command =
      app.add_subcommand("replay", "Send a traffic trace through a running network");
  const auto options = std::make_shared<ReplayCommandOptions>();
  command->add_option("--trace", options->trace, "Access log or table, plain or gzip")->required();
  command->add_option("--format", options->format, "Default: told from the content")
      ->check(CLI::IsMember({"clf", "combined", "csv", "jsonl"}));
  command->add_option("--speed", options->speed, "1x, 60x, any factor, or max: as answers come")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Root of all that is drawn")->capture_default_str();
  command->add_option("--report", options->report,
                      "Folder for report.html, run.json and requests.csv");
  add_state_option(*command, options->state);
  command->add_option("--router", options->router,
                      "Address to send to; default: the router of the network in --state");
  command->add_option("--host", options->host, "For requests whose host the trace does not tell")
      ->capture_default_str();
  command->add_option("--worker", options->worker,
                      "All requests go to this worker, whatever their host");
  command
      ->add_option("--max-inflight", options->in_flight_max,
                   "Requests under way at a time; beyond, requests are dropped, at speed max they "
                   "wait. Default 1024, at speed max 8 for each core")
      ->check(CLI::Range(1, 100'000));
  command->add_option("--duration", options->duration, "Stop after this time, as in \"90 s\"");
  command->add_option("--timeout", options->timeout, "For one request")->capture_default_str();
  command->add_option("--clients", options->clients, "For traces that name none: how many to draw")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command->add_flag("--strict", options->is_strict, "A broken line ends it");
  command->add_flag("--as-written", options->is_as_written,
                    "Send at the trace's whole seconds instead of spreading within them");
  command->add_flag("--quiet", options->is_quiet, "No progress");
  rpc::add_tls_options(*command, options->tls, "ISOPOP");
  command->callback(
      [options, &chosen] { chosen.run = [options] { return run_command(*options); }; });
}

}  // namespace isopop::sim
