#pragma once

#include <chrono>
#include <string>

#include "common/random/random.h"
#include "common/units/units.h"
#include "sim/report/run_report.h"

namespace isopop::sim {

// A run made up of drawn answers, the same each time: `requests` of them, every hundredth a
// failure.
inline RunReport sample_run(std::uint64_t requests) {
  RunReport report;
  report.seed = 7;
  report.commit = "0123456789abcdef0123456789abcdef01234567";
  report.program_version = "0.1.0";
  report.config_sha256 = std::string(64, 'a');
  report.config_json = R"({"speed":"10x"})";
  report.speed = "10x";
  report.target = "127.0.0.1:8080";
  report.isolation = "container";
  report.in_flight_max = 1024;
  report.trace = {.file = "logs/access.log.gz",
                  .sha256 = std::string(64, 'b'),
                  .format = "combined",
                  .requests = requests,
                  .clients = 100,
                  .lines = requests + 1,
                  .broken_lines = 1};
  report.machine = {.system = "Linux 6.1.0 x86_64",
                    .processor = "Sample",
                    .cores = 2,
                    .memory_bytes = 8ULL << 30U};
  report.places["AMS"] = {"Amsterdam", "NL", {52.37, 4.9}};
  report.places["GRU"] = {"São Paulo", "BR", {-23.43, -46.47}};
  RandomStream random(7, "sample run");
  for (std::uint64_t i = 0; i < requests; ++i) {
    const std::chrono::nanoseconds due = std::chrono::milliseconds(i);
    PlannedRequest request{
        .index = i, .due = due, .client = "10.0.0.1", .method = "GET", .host = "h", .target = "/"};
    RequestOutcome outcome;
    outcome.sent = due + from_ms(0.05);
    outcome.done = outcome.sent + from_ms(random.log_normal(2.0, 0.5));
    outcome.status = 200;
    outcome.pop = i % 3 == 0 ? "GRU" : "AMS";
    outcome.net_mode = "account";
    outcome.unwaited_network = from_ms(20);
    outcome.start = i % 50 == 0 ? StartKind::kCold : StartKind::kFresh;
    outcome.distance_km = static_cast<double>(i % 1000);
    outcome.client_location = "52.31,4.76";
    outcome.phase_ms[static_cast<std::size_t>(Phase::kNet)] = 20.0;
    outcome.phase_ms[static_cast<std::size_t>(Phase::kRun)] = 0.5;
    if (i % 100 == 99) {
      outcome.failure = "http_503";
      outcome.status = 503;
    }
    report.tally.add_issued(request, outcome.sent);
    report.tally.add_outcome(request, outcome);
  }
  report.ended_at = report.started_at + std::chrono::milliseconds(requests);
  return report;
}

}  // namespace isopop::sim
