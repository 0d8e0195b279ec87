#include "tests/bench/executor/pop_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/http/server_timing.h"
#include "tests/bench/executor/bench_pop.h"
#include "tests/bench/executor/bench_workers.h"
#include "tests/bench/executor/http_load.h"
#include "tests/bench/executor/samples.h"
#include "tests/support/wait.h"

namespace isopop::test {
namespace {

using Json = nlohmann::ordered_json;
using namespace std::chrono_literals;
using enum Target::Kind;

constexpr std::size_t kLoadRounds = 3;
constexpr std::array<int, 2> kConnections = {32, 1};
// Long enough for a PoP to have its next executor ready.
constexpr std::chrono::milliseconds kRest = 20ms;
constexpr double kKibPerMb = 1e6 / 1024;

// One mode under load, over one number of connections.
struct LoadCase {
  std::string mode;
  v1::Isolation isolation = v1::ISOLATION_PRISTINE;
  int connections = 1;
  std::vector<double> requests_per_s;  // by round, as all that follows
  Samples latency_p50_ms;
  Samples latency_p99_ms;
  Samples cpu_us;
  Samples wrk_cpu_us;
  std::size_t errors = 0;
  std::uint64_t executors = 0;  // started for this worker so far
};

std::vector<LoadCase> load_cases() {
  std::vector<LoadCase> cases;
  for (const int connections : kConnections) {
    cases.push_back({"pristine", v1::ISOLATION_PRISTINE, connections});
    cases.push_back({"warm", v1::ISOLATION_WARM, connections});
    cases.push_back({"fresh", v1::ISOLATION_FRESH, connections});
  }
  return cases;
}

Result<void> measure_load(const BenchPop& pop, const std::filesystem::path& wrk,
                          std::chrono::seconds duration, LoadCase& load) {
  const double before_us = pop.processor_time_us();
  ISOPOP_TRY_ASSIGN(const HttpLoadFigures figures, run_wrk(wrk, {.address = pop.address(),
                                                                 .host = load.mode + ".example",
                                                                 .connections = load.connections,
                                                                 .duration = duration}));
  load.cpu_us.add((pop.processor_time_us() - before_us) / figures.requests);
  load.requests_per_s.push_back(figures.requests_per_s);
  load.latency_p50_ms.add(figures.latency_p50_ms);
  load.latency_p99_ms.add(figures.latency_p99_ms);
  load.wrk_cpu_us.add(figures.own_processor_time_us / figures.requests);
  load.errors += figures.errors;
  load.executors = static_cast<std::uint64_t>(pop.process().metric(
      fmt::format("isopop_pop_worker_executors_started_total{{worker=\"{}\"}}", load.mode)));
  return {};
}

Json row_of(const LoadCase& load) {
  return {{"mode", load.mode},
          {"connections", load.connections},
          {"requests_per_s", rounded(median_of(load.requests_per_s))},
          {"latency_p50_ms", rounded(load.latency_p50_ms.p50())},
          {"latency_p99_ms", rounded(load.latency_p99_ms.p50())},
          {"errors", load.errors},
          {"executors_started", load.executors},
          {"cpu_per_request_us", rounded(load.cpu_us.p50())},
          {"wrk_cpu_per_request_us", rounded(load.wrk_cpu_us.p50())}};
}

// Times of requests of one kind, and what the PoP said of them.
struct RequestTimes {
  Samples ms;
  std::array<Samples, 4> steps_ms;
  std::size_t failed = 0;

  static constexpr std::array<const char*, 4> kSteps = {"pop", "queue", "isolate", "run"};

  void add(const TimedClient::Reply& reply) {
    ms.add(reply.ms);
    if (reply.response.status != 200) ++failed;
    const auto header = reply.response.headers.find("server-timing");
    if (header == reply.response.headers.end()) return;
    for (std::size_t i = 0; i < kSteps.size(); ++i) {
      const std::optional<double> step = http::find_timing_ms(header->second, kSteps[i]);
      if (step) steps_ms[i].add(*step);
    }
  }

  [[nodiscard]] Json row(const std::string& request) const {
    Json row = {{"request", request},
                {"times", ms.size()},
                {"failed", failed},
                {"p50_ms", rounded(ms.p50())},
                {"p99_ms", rounded(ms.p99())},
                {"max_ms", rounded(ms.max())}};
    for (std::size_t i = 0; i < kSteps.size(); ++i) {
      row[std::string("p50_of_") + kSteps[i] + "_ms"] = rounded(steps_ms[i].p50());
    }
    return row;
  }
};

// As many different workers as wanted: "PREFIX0", "PREFIX1" and so on.
void add_workers(std::vector<DeployedWorker>& workers, const std::string& prefix, std::size_t count,
                 const char* source = kHelloWorker,
                 v1::Isolation isolation = v1::ISOLATION_PRISTINE) {
  for (std::size_t i = 0; i < count; ++i) {
    workers.push_back({.name = prefix + std::to_string(i),
                       .source = variant_of(source, workers.size()),
                       .isolation = isolation});
  }
}

void rest(const Clock& clock) {
  const Instant end = clock.now() + kRest;
  if (!wait_until([&] { return clock.now() >= end; })) say("the clock stands still");
}

enum class Pace { kRested, kAtOnce };

// Each worker's first request and its second.
Result<void> call_each(TimedClient& client, const std::string& prefix, std::size_t count, Pace pace,
                       RequestTimes& first, RequestTimes& second, const Clock& clock) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = prefix + std::to_string(i);
    if (pace == Pace::kRested) rest(clock);
    ISOPOP_TRY_ASSIGN(const TimedClient::Reply cold, client.get(name));
    first.add(cold);
    ISOPOP_TRY_ASSIGN(const TimedClient::Reply again, client.get(name));
    second.add(again);
  }
  return {};
}

// All workers once, at a PoP with this budget.
Result<Json> measure_budget(const BenchRun& run, std::size_t workers_count, std::size_t budget_mb) {
  say(fmt::format("{} workers within {} MB", workers_count, budget_mb));
  std::vector<DeployedWorker> workers;
  add_workers(workers, "w", workers_count);
  // Nothing else than the budget may end an executor.
  ISOPOP_TRY_ASSIGN(const std::unique_ptr<BenchPop> pop,
                    BenchPop::start(workers, {"--memory-budget", fmt::format("{} MB", budget_mb),
                                              "--executor-idle-timeout", "1 h"}));
  TimedClient client(pop->address(), run.clock);
  RequestTimes first;
  const Instant start = run.clock.now();
  for (const DeployedWorker& worker : workers) {
    ISOPOP_TRY_ASSIGN(const TimedClient::Reply reply, client.get(worker.name));
    first.add(reply);
  }
  const double seconds = std::chrono::duration<double>(run.clock.now() - start).count();
  const ProcessMemory executors = memory_of(pop->process().executors());
  const auto count_of = [&pop](const char* metric) {
    return static_cast<std::uint64_t>(pop->process().metric(metric));
  };
  Json row = {
      {"budget_mb", budget_mb},
      {"workers", workers_count},
      {"failed", first.failed},
      {"executors_alive", count_of("isopop_pop_executors")},
      {"evicted", count_of("isopop_pop_executors_evicted_total")},
      {"first_p50_ms", rounded(first.ms.p50())},
      {"seconds", rounded(seconds)},
      {"own_account_mb", rounded(pop->process().metric("isopop_pop_executor_memory_bytes") / 1e6)},
      {"executors_page_tables_mb", rounded(executors.page_tables_kib / kKibPerMb)}};
  if (executors.is_exact) {
    row["executors_private_mb"] = rounded(executors.private_kib / kKibPerMb);
    row["all_processes_pss_mb"] = rounded(pop->memory().proportional_kib / kKibPerMb);
  }
  return row;
}

}  // namespace

Result<SectionReport> run_pop_load(const BenchRun& run) {
  SectionReport report;
  const std::optional<std::filesystem::path> wrk = find_wrk();
  if (!wrk) {
    report.notes = {"not measured: wrk is not on PATH"};
    return report;
  }
  ISOPOP_TRY_ASSIGN(const std::unique_ptr<BenchPop> pop,
                    BenchPop::start({{"pristine", kHelloWorker, v1::ISOLATION_PRISTINE},
                                     {"warm", kHelloWorker, v1::ISOLATION_WARM},
                                     {"fresh", kHelloWorker, v1::ISOLATION_FRESH}}));
  const std::chrono::seconds duration = run.options.quick ? 1s : 5s;
  const std::size_t rounds = run.options.quick ? 1 : kLoadRounds;
  std::vector<LoadCase> cases = load_cases();
  for (LoadCase load : cases) {
    say(fmt::format("PoP under load: {}, {} connections, warming up", load.mode, load.connections));
    ISOPOP_TRY(measure_load(*pop, *wrk, 1s, load));
  }
  for (std::size_t round = 1; round <= rounds; ++round) {
    for (LoadCase& load : cases) {
      say(fmt::format("PoP under load: {}, {} connections, round {} of {}", load.mode,
                      load.connections, round, rounds));
      ISOPOP_TRY(measure_load(*pop, *wrk, duration, load));
    }
  }
  std::size_t errors = 0;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    Json row = row_of(cases[i]);
    // As load_cases() has them: behind pristine come warm and fresh.
    if (cases[i].isolation == v1::ISOLATION_PRISTINE) {
      row["share_of_warm"] =
          rounded(median_ratio(cases[i].requests_per_s, cases[i + 1].requests_per_s));
      row["times_fresh"] =
          rounded(median_ratio(cases[i].requests_per_s, cases[i + 2].requests_per_s));
    }
    report.rows.push_back(std::move(row));
    errors += cases[i].errors;
  }
  const LoadCase& pristine = cases.front();
  report.targets = {
      {"pristine, 32 connections: requests/s", median_of(pristine.requests_per_s), kAtLeast, 8000},
      {"pristine, 32 connections: CPU a request, us", pristine.cpu_us.p50(), kAtMost, 120},
      {"errors", static_cast<double>(errors), kAtMost, 0}};
  report.notes = {
      fmt::format("hello; wrk -t1 -d{}s on the same processors; modes take turns, "
                  "medians of {} rounds; CPU is that of PoP, zygote and executors",
                  duration.count(), rounds)};
  return report;
}

Result<SectionReport> run_pop_first_requests(const BenchRun& run) {
  const std::size_t count = run.options.scaled(200);
  say(fmt::format("first requests at a PoP: {} workers", 3 * count));
  std::vector<DeployedWorker> workers;
  add_workers(workers, "hello", count);
  add_workers(workers, "objects", count, kObjectsWorker);
  add_workers(workers, "busy", count);
  ISOPOP_TRY_ASSIGN(const std::unique_ptr<BenchPop> pop, BenchPop::start(workers));
  TimedClient client(pop->address(), run.clock);
  RequestTimes hello;
  RequestTimes objects;
  RequestTimes busy;
  RequestTimes second;
  RequestTimes second_objects;
  ISOPOP_TRY(call_each(client, "hello", count, Pace::kRested, hello, second, run.clock));
  ISOPOP_TRY(
      call_each(client, "objects", count, Pace::kRested, objects, second_objects, run.clock));
  ISOPOP_TRY(call_each(client, "busy", count, Pace::kAtOnce, busy, second, run.clock));
  SectionReport report;
  report.rows = {hello.row("hello, first"), objects.row("objects, first"),
                 busy.row("hello, first, without a pause"), second.row("hello, second"),
                 second_objects.row("objects, second")};
  std::size_t failed = 0;
  for (const RequestTimes* times : {&hello, &objects, &busy, &second, &second_objects}) {
    failed += times->failed;
  }
  report.targets = {{"hello: first request p50, ms", hello.ms.p50(), kAtMost, 2},
                    {"hello: first request p99, ms", hello.ms.p99(), kAtMost, 5},
                    {"failed requests", static_cast<double>(failed), kAtMost, 0}};
  report.notes = {
      "pristine, each time another worker, on one kept-alive connection, 20 ms after the request "
      "before, so that the PoP has its spare executor ready; pop, queue, isolate and run are the "
      "PoP's Server-Timing: all of it, of that what the request waited for its executor to load "
      "and checkpoint the worker, what was made for the request alone, and the request itself"};
  return report;
}

Result<SectionReport> run_pop_budget(const BenchRun& run) {
  const std::size_t count = run.options.scaled(1000);
  SectionReport report;
  for (const std::size_t budget_mb : {count, 2 * count}) {
    ISOPOP_TRY_ASSIGN(const Json row, measure_budget(run, count, budget_mb));
    report.rows.push_back(row);
    const std::string name = fmt::format("{} workers in {} MB: ", count, budget_mb);
    report.targets.push_back({name + "failed", row["failed"].get<double>(), kAtMost, 0});
    if (!row.contains("executors_private_mb")) continue;
    report.targets.push_back({name + "private memory of executors, MB",
                              row["executors_private_mb"].get<double>(), kAtMost,
                              static_cast<double>(budget_mb)});
  }
  report.targets.push_back({fmt::format("{} workers in {} MB: evicted", count, 2 * count),
                            report.rows[1]["evicted"].get<double>(), kAtMost, 0});
  report.notes = {
      "each worker is called once, one after the other; own account is what the PoP holds against "
      "its budget; page tables are the kernel's and in no other column; PSS is that of PoP, zygote "
      "and executors with their share of what is mapped from files"};
  if (!report.rows[0].contains("executors_private_mb")) {
    report.notes.emplace_back(kInexactMemoryNote);
  }
  return report;
}

Result<SectionReport> run_pop_containers(const BenchRun& run) {
  const std::size_t count = std::max<std::size_t>(run.options.scaled(20), 5);
  say(fmt::format("containers: {} cold starts", count));
  std::vector<DeployedWorker> workers;
  add_workers(workers, "container", count, kHelloWorker, v1::ISOLATION_CONTAINER);
  add_workers(workers, "pristine", count);
  ISOPOP_TRY_ASSIGN(const std::unique_ptr<BenchPop> pop, BenchPop::start(workers));
  TimedClient client(pop->address(), run.clock);
  RequestTimes container;
  RequestTimes pristine;
  RequestTimes second;
  ISOPOP_TRY(call_each(client, "container", count, Pace::kRested, container, second, run.clock));
  ISOPOP_TRY(call_each(client, "pristine", count, Pace::kRested, pristine, second, run.clock));
  SectionReport report;
  for (const auto& [name, times] :
       {std::pair<const char*, const RequestTimes&>("container", container),
        {"pristine", pristine}}) {
    report.rows.push_back({{"first_request", name},
                           {"times", times.ms.size()},
                           {"failed", times.failed},
                           {"min_ms", rounded(times.ms.min())},
                           {"p50_ms", rounded(times.ms.p50())},
                           {"max_ms", rounded(times.ms.max())}});
  }
  report.rows[0]["times_pristine_p50"] = rounded(container.ms.p50() / pristine.ms.p50());
  report.targets = {
      {"shortest container start, ms", container.ms.min(), kAtLeast, 100},
      {"longest container start, ms", container.ms.max(), kAtMost, 1010},
      {"failed requests", static_cast<double>(container.failed + pristine.failed), kAtMost, 0}};
  report.notes = {
      "the delay is drawn (log-normal, median 250 ms, 100 to 1,000 ms); what the "
      "executor's own start takes comes on top of it, a few milliseconds"};
  return report;
}

}  // namespace isopop::test
