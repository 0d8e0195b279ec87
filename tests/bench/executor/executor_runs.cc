#include "tests/bench/executor/executor_runs.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tests/bench/executor/bench_workers.h"
#include "tests/bench/executor/executor_line.h"
#include "tests/bench/executor/process_figures.h"
#include "tests/bench/executor/samples.h"
#include "tests/integration/executor/zygote_client.h"

namespace isopop::test {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kRounds = 10;
constexpr std::size_t kFreshRequests = 500;  // they take 4 ms each
constexpr std::size_t kFlatWindow = 10'000;
constexpr double kBytesPerKib = 1024;
constexpr double kFlatRatio = 1.25;  // what still counts as flat: such machines are noisy

struct Mode {
  const char* name;
  v1::Isolation isolation;
};
constexpr std::array<Mode, 3> kModes = {{{"pristine", v1::ISOLATION_PRISTINE},
                                         {"warm", v1::ISOLATION_WARM},
                                         {"fresh", v1::ISOLATION_FRESH}}};

// What a request cost, over many of them.
struct RequestFigures {
  Samples round_trip_us;
  Samples javascript_us;
  Samples restore_us;
  Samples pages_found;
  Samples pages_restored;

  void add(const ExecutorLine::Reply& reply) {
    round_trip_us.add(reply.round_trip_us);
    javascript_us.add(reply.finished.cpu_us());
    if (!reply.finished.has_restore()) return;
    const v1::RestoreFigures& restore = reply.finished.restore();
    restore_us.add(restore.restore_ns() / 1e3);
    pages_found.add(restore.pages_found());
    pages_restored.add(restore.pages_restored());
  }
};

// One executor with its worker, and what was measured of it.
struct Subject {
  const BenchWorker* worker;
  Mode mode;
  pid_t pid;
  ExecutorLine line;
  v1::Loaded loaded;
  RequestFigures figures;
  std::vector<double> requests_per_s;  // by round
  Samples cpu_us;                      // by round
};

// `variant` makes its worker one that no other executor has.
Result<Subject> start_subject(ZygoteClient& zygote, const BenchWorker& worker, Mode mode,
                              std::size_t variant, const Clock& clock) {
  ZygoteClient::Executor executor = zygote.fork();
  if (executor.pid <= 0) return internal_error("the zygote did not fork");
  Subject subject{.worker = &worker,
                  .mode = mode,
                  .pid = executor.pid,
                  .line = ExecutorLine(executor.client.take_socket(), clock),
                  .loaded = {},
                  .figures = {},
                  .requests_per_s = {},
                  .cpu_us = {}};
  const v1::Load load = make_load(variant_of(worker.source, variant), mode.isolation);
  ISOPOP_TRY_ASSIGN(ExecutorLine::Load done, subject.line.load(load));
  subject.loaded = std::move(done.loaded);
  return subject;
}

Result<void> run_round(Subject& subject, std::size_t requests, const Clock& clock) {
  const double cpu_before_us = processor_time_us(subject.pid);
  const Instant start = clock.now();
  for (std::size_t i = 0; i < requests; ++i) {
    ISOPOP_TRY_ASSIGN(const ExecutorLine::Reply reply, subject.line.request());
    subject.figures.add(reply);
  }
  const double seconds = std::chrono::duration<double>(clock.now() - start).count();
  const auto count = static_cast<double>(requests);
  subject.requests_per_s.push_back(count / seconds);
  subject.cpu_us.add((processor_time_us(subject.pid) - cpu_before_us) / count);
  return {};
}

Json row_of(const Subject& subject) {
  const RequestFigures& figures = subject.figures;
  Json row = {{"worker", subject.worker->name},
              {"mode", subject.mode.name},
              {"requests", figures.round_trip_us.size()},
              {"requests_per_s", rounded(median_of(subject.requests_per_s))},
              {"round_trip_p50_us", rounded(figures.round_trip_us.p50())},
              {"round_trip_p99_us", rounded(figures.round_trip_us.p99())},
              {"javascript_p50_us", figures.javascript_us.p50()},
              {"javascript_p99_us", figures.javascript_us.p99()},
              {"executor_cpu_us", rounded(subject.cpu_us.p50())}};
  if (figures.restore_us.size() > 0) {
    row["restore_p50_us"] = rounded(figures.restore_us.p50());
    row["restore_p99_us"] = rounded(figures.restore_us.p99());
    row["pages_found"] = static_cast<std::uint64_t>(figures.pages_found.p50());
    row["pages_restored"] = static_cast<std::uint64_t>(figures.pages_restored.p50());
  }
  return row;
}

// The three modes of one worker; pristine is the first.
Result<void> measure_modes(const BenchWorker& worker, const BenchRun& run, SectionReport& report) {
  ZygoteClient zygote = ZygoteClient::start();
  std::vector<Subject> subjects;
  for (const Mode& mode : kModes) {
    ISOPOP_TRY_ASSIGN(Subject subject, start_subject(zygote, worker, mode, 0, run.clock));
    subjects.push_back(std::move(subject));
  }
  const std::size_t requests = std::max(run.options.scaled(run.options.requests), kRounds);
  const std::size_t fresh_requests = std::max(run.options.scaled(kFreshRequests), kRounds);
  // The first round warms up, and is forgotten.
  for (std::size_t round = 0; round <= kRounds; ++round) {
    for (Subject& subject : subjects) {
      const bool is_fresh = subject.mode.isolation == v1::ISOLATION_FRESH;
      ISOPOP_TRY(run_round(subject, (is_fresh ? fresh_requests : requests) / kRounds, run.clock));
      if (round > 0) continue;
      subject.figures = {};
      subject.requests_per_s.clear();
      subject.cpu_us = {};
    }
  }
  for (const Subject& subject : subjects) report.rows.push_back(row_of(subject));
  const Subject& pristine = subjects[0];
  const double of_warm = median_ratio(pristine.requests_per_s, subjects[1].requests_per_s);
  const double of_fresh = median_ratio(pristine.requests_per_s, subjects[2].requests_per_s);
  Json& row = report.rows[report.rows.size() - kModes.size()];
  row["share_of_warm"] = rounded(of_warm);
  row["times_fresh"] = rounded(of_fresh);
  using enum Target::Kind;
  const std::string name = worker.name;
  const RequestFigures& figures = pristine.figures;
  report.targets.push_back({name + ": restore p50, us", figures.restore_us.p50(), kAtMost, 15});
  report.targets.push_back({name + ": restore p99, us", figures.restore_us.p99(), kAtMost, 100});
  report.targets.push_back({name + ": pristine requests/s, times fresh", of_fresh, kAtLeast, 30});
  report.targets.push_back({name + ": pristine requests/s, share of warm", of_warm, kAtLeast, 0.6});
  if (worker.source == kHelloWorker) {
    report.targets.push_back(
        {"hello: pristine round trip p50, us", figures.round_trip_us.p50(), kAtMost, 60});
  }
  return {};
}

// The steps of a first request, by the clock unless said.
struct FirstRequests {
  Samples fork_us;
  Samples load_us;
  Samples compile_us;
  Samples top_level_us;
  Samples checkpoint_us;
  Samples rest_of_load_us;
  Samples request_us;
  Samples total_us;
};

// Step by step: the next begins when the one before has been answered.
Result<void> measure_steps(ZygoteClient& zygote, const v1::Load& load, FirstRequests& figures,
                           const Clock& clock) {
  const Instant start = clock.now();
  ZygoteClient::Executor executor = zygote.fork();
  if (executor.pid <= 0) return internal_error("the zygote did not fork");
  figures.fork_us.add(std::chrono::duration<double, std::micro>(clock.now() - start).count());
  {
    ExecutorLine line(executor.client.take_socket(), clock);
    ISOPOP_TRY_ASSIGN(const ExecutorLine::Load done, line.load(load));
    const v1::Loaded& loaded = done.loaded;
    figures.load_us.add(loaded.total_us());
    figures.compile_us.add(loaded.compile_us());
    figures.top_level_us.add(loaded.top_level_us());
    figures.checkpoint_us.add(loaded.checkpoint_us());
    figures.rest_of_load_us.add(static_cast<double>(loaded.total_us()) - loaded.compile_us() -
                                loaded.top_level_us() - loaded.checkpoint_us());
    ISOPOP_TRY_ASSIGN(const ExecutorLine::Reply reply, line.request());
    figures.request_us.add(reply.round_trip_us);
  }
  if (!zygote.wait_exited(executor.token)) return internal_error("the zygote is gone");
  return {};
}

// As the PoP does it: the Load is written behind the order, nobody waits for Forked.
Result<void> measure_total(ZygoteClient& zygote, const v1::Load& load, std::uint64_t token,
                           FirstRequests& figures, const Clock& clock) {
  {
    const Instant start = clock.now();
    ExecutorLine line(zygote.order_fork().take_socket(), clock);
    ISOPOP_TRY(line.load(load));
    ISOPOP_TRY(line.request());
    figures.total_us.add(std::chrono::duration<double, std::micro>(clock.now() - start).count());
  }
  if (!zygote.wait_exited(token)) return internal_error("the zygote is gone");
  return {};
}

void add_first_rows(const std::string& worker, const FirstRequests& figures,
                    SectionReport& report) {
  const auto add = [&](const char* step, const Samples& samples) {
    report.rows.push_back({{"worker", worker},
                           {"step", step},
                           {"times", samples.size()},
                           {"p50_us", rounded(samples.p50())},
                           {"p99_us", rounded(samples.p99())}});
  };
  add("fork: order to Forked", figures.fork_us);
  add("load", figures.load_us);
  add("  of it compile", figures.compile_us);
  add("  of it top level", figures.top_level_us);
  add("  of it checkpoint", figures.checkpoint_us);
  add("  of it the rest", figures.rest_of_load_us);
  add("first request", figures.request_us);
  add("order to answer", figures.total_us);
}

}  // namespace

Result<SectionReport> run_requests(const BenchRun& run) {
  SectionReport report;
  for (const BenchWorker& worker : kBenchWorkers) {
    say(fmt::format("requests: {}", worker.name));
    ISOPOP_TRY(measure_modes(worker, run, report));
  }
  report.notes = {
      fmt::format("one request at a time; the modes take turns in {} rounds; requests/s, processor "
                  "time of the executor and ratios are medians of the rounds",
                  kRounds),
      "a restore is part of the round trip that follows it",
      fmt::format("fresh takes 4 ms a request: {} of them are measured",
                  std::max(run.options.scaled(kFreshRequests), kRounds))};
  return report;
}

Result<SectionReport> run_first_requests(const BenchRun& run) {
  SectionReport report;
  const std::size_t times = run.options.scaled(300);
  for (const BenchWorker& worker : {kBenchWorkers[0], kBenchWorkers[1]}) {
    say(fmt::format("first requests: {}", worker.name));
    ZygoteClient zygote = ZygoteClient::start();
    FirstRequests figures;
    for (std::size_t i = 0; i < times; ++i) {
      const v1::Load load = make_load(variant_of(worker.source, i), v1::ISOLATION_PRISTINE);
      ISOPOP_TRY(measure_steps(zygote, load, figures, run.clock));
      // Each run takes one token; they count from 1.
      ISOPOP_TRY(measure_total(zygote, load, 2 * i + 2, figures, run.clock));
    }
    add_first_rows(worker.name, figures, report);
  }
  report.notes = {
      "pristine; each time an executor of its own. The steps are measured one by one, "
      "the total without waiting for Forked, as a PoP does it"};
  return report;
}

Result<SectionReport> run_memory(const BenchRun& run) {
  const std::size_t count = run.options.scaled(100);
  say(fmt::format("memory: {} executors", count));
  ZygoteClient zygote = ZygoteClient::start();
  std::vector<Subject> subjects;
  // The zygote's own checkpoint is there once it has forked, and counts for none of them.
  ISOPOP_TRY_ASSIGN(const Subject before,
                    start_subject(zygote, kBenchWorkers[0], kModes[0], count, run.clock));
  const double shared_before_kib = shared_memory_kib();
  for (std::size_t i = 0; i < count; ++i) {
    ISOPOP_TRY_ASSIGN(Subject subject,
                      start_subject(zygote, kBenchWorkers[0], kModes[0], i, run.clock));
    ISOPOP_TRY(subject.line.request());
    subjects.push_back(std::move(subject));
  }
  const double shared_kib = (shared_memory_kib() - shared_before_kib) / static_cast<double>(count);
  Samples private_kib;
  Samples page_tables_kib;
  Samples checkpoint_kib;
  Samples sum_mb;
  bool is_exact = true;
  for (const Subject& subject : subjects) {
    ISOPOP_TRY_ASSIGN(const ProcessMemory memory, memory_of(subject.pid));
    private_kib.add(memory.private_kib);
    page_tables_kib.add(memory.page_tables_kib);
    checkpoint_kib.add(subject.loaded.checkpoint_kib());
    sum_mb.add((memory.private_kib + memory.page_tables_kib) * kBytesPerKib / 1e6);
    is_exact = is_exact && memory.is_exact;
  }
  SectionReport report;
  report.rows.push_back(
      {{"executors", count},
       {is_exact ? "private_kib" : "anonymous_kib", private_kib.p50()},
       {is_exact ? "of_it_checkpoint_kib" : "checkpoint_kib", checkpoint_kib.p50()},
       {"page_tables_kib", page_tables_kib.p50()},
       {"shared_memory_of_machine_kib", rounded(shared_kib)}});
  report.notes = {
      "medians; each executor has a worker of its own and has answered once. By how much the "
      "machine's shared memory grew, for each of them, is what checkpoints and surviving memory "
      "take by another count"};
  if (is_exact) {
    report.targets.push_back({"private memory and page tables of an executor, MB", sum_mb.p50(),
                              Target::Kind::kAtMost, 1.5});
  } else {
    report.notes.emplace_back(kInexactMemoryNote);
  }
  return report;
}

Result<SectionReport> run_flatness(const BenchRun& run) {
  const std::size_t count = run.options.scaled(200'000);
  const std::size_t window = run.options.scaled(kFlatWindow);
  say(fmt::format("flatness: {} requests", count));
  ZygoteClient zygote = ZygoteClient::start();
  ISOPOP_TRY_ASSIGN(Subject subject,
                    start_subject(zygote, kBenchWorkers[0], kModes[0], 0, run.clock));
  SectionReport report;
  std::vector<double> private_kib;
  std::vector<double> round_trip_p50_us;
  const auto measure = [&](const char* which, std::size_t requests) -> Result<void> {
    subject.figures = {};
    ISOPOP_TRY(run_round(subject, requests, run.clock));
    ISOPOP_TRY_ASSIGN(const ProcessMemory memory, memory_of(subject.pid));
    const RequestFigures& figures = subject.figures;
    private_kib.push_back(memory.private_kib);
    round_trip_p50_us.push_back(figures.round_trip_us.p50());
    report.rows.push_back(
        {{"requests", fmt::format("{} {}", which, requests)},
         {"round_trip_p50_us", rounded(figures.round_trip_us.p50())},
         {"round_trip_p99_us", rounded(figures.round_trip_us.p99())},
         {"restore_p50_us", rounded(figures.restore_us.p50())},
         {"restore_p99_us", rounded(figures.restore_us.p99())},
         {memory.is_exact ? "private_kib" : "anonymous_kib", memory.private_kib}});
    return {};
  };
  ISOPOP_TRY(measure("first", window));
  ISOPOP_TRY(measure("middle", count - 2 * window));
  ISOPOP_TRY(measure("last", window));
  report.targets = {
      {"memory, last / first", private_kib.back() / private_kib.front(), Target::Kind::kAtMost,
       kFlatRatio},
      {"round trip p50, last / first", round_trip_p50_us.back() / round_trip_p50_us.front(),
       Target::Kind::kAtMost, kFlatRatio}};
  return report;
}

}  // namespace isopop::test
