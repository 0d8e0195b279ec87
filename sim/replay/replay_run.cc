#include "sim/replay/replay_run.h"

#include <sys/resource.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "common/files/files.h"
#include "common/hash/hash.h"
#include "common/units/units.h"
#include "sim/report/build_commit.h"
#include "sim/report/report_html.h"
#include "sim/report/requests_csv.h"
#include "sim/report/run_json.h"

namespace isopop::sim {
namespace {

namespace fs = std::filesystem;

// A trace larger than this is named in the report by its path alone.
constexpr std::uint64_t kHashedBytesMax = 512ULL << 20U;

double own_cpu_s() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Tells the tally, the file and the person at the terminal.
class RunSink final : public ReplaySink {
 public:
  RunSink(RunTally& tally, RequestsCsv* csv, ReplayProgress& progress)
      : tally_(tally), csv_(csv), progress_(progress) {}

  void issued(const PlannedRequest& request, std::chrono::nanoseconds sent) override {
    tally_.add_issued(request, sent);
  }
  void dropped(const PlannedRequest& request) override { tally_.add_dropped(request); }
  void ended(const PlannedRequest& request, const RequestOutcome& outcome) override {
    tally_.add_outcome(request, outcome);
    if (csv_ != nullptr) csv_->add(request, outcome);
  }
  bool tick(std::chrono::nanoseconds elapsed) override {
    progress_.tick(elapsed);
    return true;
  }

 private:
  RunTally& tally_;
  RequestsCsv* csv_;  // null: no report
  ReplayProgress& progress_;
};

TraceFacts facts_of(const Trace& trace) {
  TraceFacts facts{.file = trace.source,
                   .format = std::string(to_string(trace.format)),
                   .requests = trace.requests.size(),
                   .lines = trace.lines,
                   .broken_lines = trace.broken_lines,
                   .out_of_order = trace.out_of_order,
                   .first = trace.time(0),
                   .last = trace.time(trace.requests.size() - 1)};
  const Result<std::string> content = read_file(trace.source, kHashedBytesMax);
  if (content.ok()) facts.sha256 = sha256_hex(content.value());
  std::vector<bool> seen(trace.texts.size());
  for (const TraceRequest& request : trace.requests) {
    if (request.client == 0 || seen.at(request.client)) continue;
    seen.at(request.client) = true;
    ++facts.clients;
  }
  return facts;
}

// Everything that decides which requests are sent when, and to what; not where it lies or listens.
std::string config_json(const ReplayRunOptions& options, const TraceFacts& trace) {
  const PlanOptions& plan = options.plan;
  nlohmann::ordered_json config = {
      {"trace_sha256", trace.sha256},
      {"format", trace.format},
      {"speed", to_string(plan.speed)},
      {"seed", plan.seed},
      {"duration_ms", nullptr},
      {"default_host", plan.default_host},
      {"override_host", plan.override_host},
      {"spread",
       plan.spread == PlanOptions::Spread::kWithinSecond ? "within-second" : "as-written"},
      {"anonymous_clients", plan.anonymous_clients},
      {"max_inflight", options.send.in_flight_max},
      {"request_timeout_ms", options.send.request_timeout.count()},
      {"network_digest", options.network_digest},
  };
  if (plan.duration) config["duration_ms"] = to_ms(*plan.duration);
  return config.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Result<std::unique_ptr<RequestsCsv>> open_csv(const std::string& folder) {
  if (folder.empty()) return std::unique_ptr<RequestsCsv>();
  ISOPOP_TRY(create_folders(folder));
  return RequestsCsv::create((fs::path(folder) / "requests.csv").string());
}

Result<void> write_reports(const std::string& folder, const RunReport& report) {
  ISOPOP_TRY(write_file_atomically(fs::path(folder) / "run.json", render_run_json(report)));
  return write_file_atomically(fs::path(folder) / "report.html", render_report_html(report));
}

}  // namespace

Result<RunReport> run_replay(const Trace& trace, const ReplayRunOptions& options,
                             const Clock& clock) {
  ISOPOP_TRY_ASSIGN(const std::unique_ptr<RequestsCsv> csv, open_csv(options.report_folder));
  RunReport report;
  report.seed = options.plan.seed;
  report.commit = build_commit();
  report.program_version = ISOPOP_VERSION;
  report.trace = facts_of(trace);
  if (report.trace.clients == 0) report.trace.clients = options.plan.anonymous_clients;
  report.config_json = config_json(options, report.trace);
  report.config_sha256 = sha256_hex(report.config_json);
  report.rate_matters = !options.plan.speed.is_max();
  report.speed = to_string(options.plan.speed);
  report.target = options.send.target;
  report.isolation = options.isolation;
  report.in_flight_max = options.send.in_flight_max;
  report.machine = read_machine_facts();
  report.places = options.places;

  ReplayPlan plan(trace, options.plan);
  const KvByPop kv_before = options.read_kv ? options.read_kv() : KvByPop{};
  const double cpu_before_s = own_cpu_s();
  report.started_at = clock.wall_now();
  {
    ReplayProgress progress(plan, report.tally, options.progress);
    RunSink sink(report.tally, csv.get(), progress);
    ISOPOP_TRY_ASSIGN(const SendSummary summary, send_plan(plan, options.send, clock, sink));
    report.aborted = summary.interrupted;
  }
  report.ended_at = clock.wall_now();
  report.sender_cpu_s = own_cpu_s() - cpu_before_s;
  if (options.read_kv) report.kv = kv_between(kv_before, options.read_kv());
  if (csv) {
    ISOPOP_TRY(csv->close());
    ISOPOP_TRY(write_reports(options.report_folder, report));
  }
  return report;
}

}  // namespace isopop::sim
