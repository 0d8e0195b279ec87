// What a run writes: run.json, requests.csv, report.html and the summary for a terminal.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "common/csv/csv_reader.h"
#include "common/files/files.h"
#include "common/text/text.h"
#include "sim/report/build_commit.h"
#include "sim/report/report_html.h"
#include "sim/report/requests_csv.h"
#include "sim/report/run_json.h"
#include "sim/report/summary_text.h"
#include "tests/unit/report/sample_run.h"

namespace isopop::sim {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

TEST(RunJsonTest, HoldsEveryPromisedField) {
  const json run = json::parse(render_run_json(sample_run(1000)));
  for (const char* field :
       {"schema_version", "seed", "commit", "config_sha256", "started_at", "ended_at", "valid",
        "net_mode", "offered", "issued", "completed", "failed", "dropped"}) {
    EXPECT_TRUE(run.contains(field)) << field;
  }
  for (const char* clock : {"intended", "sent"}) {
    for (const char* field : {"p50", "p90", "p99", "p999", "max"}) {
      EXPECT_TRUE(run.at("latency_ms").at(clock).at(field).is_number()) << clock << field;
    }
  }
  for (const char* field : {"p50", "p99"}) {
    EXPECT_TRUE(run.at("schedule_slip_ms").at(field).is_number());
    EXPECT_TRUE(run.at("pops").at(0).at("latency_ms").at(field).is_number());
  }
  EXPECT_EQ(run.at("starts").at("fresh"), 980);
  EXPECT_EQ(run.at("starts").at("cold"), 20);
  EXPECT_EQ(run.at("starts").at("warm"), 0);
  EXPECT_EQ(run.at("starts").at("pristine"), 0);
}

TEST(RunJsonTest, TheNumbersAreTheTallys) {
  const json run = json::parse(render_run_json(sample_run(1000)));
  EXPECT_EQ(run.at("schema_version"), 1);
  EXPECT_EQ(run.at("seed"), 7);
  EXPECT_EQ(run.at("offered"), 1000);
  EXPECT_EQ(run.at("completed"), 990);
  EXPECT_EQ(run.at("failures").at("http_503"), 10);
  EXPECT_EQ(run.at("net_mode"), "account");
  EXPECT_EQ(run.at("isolation"), "container");
  EXPECT_EQ(run.at("config").at("speed"), "10x");
  EXPECT_EQ(run.at("pops").at(0).at("id"), "AMS");
  EXPECT_EQ(run.at("pops").at(0).at("requests"), 666);
  EXPECT_EQ(run.at("pops").at(1).at("city"), "São Paulo");
  EXPECT_NEAR(run.at("latency_ms").at("sent").at("p50").get<double>(), 22.0, 0.3);
  EXPECT_EQ(run.at("phases_ms").at("net").at("p50"), 20.0);
  EXPECT_TRUE(run.at("valid").get<bool>());
}

TEST(RunJsonTest, AnAbortedRunIsNotValid) {
  RunReport report = sample_run(10);
  report.aborted = true;
  const json run = json::parse(render_run_json(report));
  EXPECT_FALSE(run.at("valid").get<bool>());
  EXPECT_TRUE(run.at("aborted").get<bool>());
}

TEST(RunJsonTest, ARunWithoutAnswersIsStillAReport) {
  RunReport report;
  report.config_json = "{}";
  const json run = json::parse(render_run_json(report));
  EXPECT_EQ(run.at("completed"), 0);
  EXPECT_EQ(run.at("latency_ms").at("sent").at("p99"), 0.0);
}

TEST(RequestsCsvTest, RowsReadBackAsTheyWere) {
  const TempFolder folder = TempFolder::create("isopop-csv-test").value();
  const std::string path = (folder.path() / "requests.csv").string();
  auto csv = RequestsCsv::create(path).value();
  const PlannedRequest request{.index = 5,
                               .trace_time_ns = 1'431'857'103'000'000'000,
                               .due = std::chrono::milliseconds(10),
                               .client = "10.0.0.1",
                               .method = "GET",
                               .host = "h.example",
                               .target = "/a,\"b\"",
                               .connection = ConnectionState::kKept};
  RequestOutcome outcome;
  outcome.sent = std::chrono::milliseconds(11);
  outcome.done = std::chrono::milliseconds(14);
  outcome.unwaited_network = std::chrono::milliseconds(20);
  outcome.status = 200;
  outcome.pop = "AMS";
  outcome.start = StartKind::kWarm;
  csv->add(request, outcome);
  ASSERT_TRUE(csv->close().ok());
  CsvReader rows = CsvReader::open(path).value();
  ASSERT_TRUE(rows.next().value());
  const auto field = [&](std::string_view name) { return rows.field(rows.column(name).value()); };
  EXPECT_EQ(field("index"), "5");
  EXPECT_EQ(field("trace_time"), "2015-05-17T10:05:03.000Z");
  EXPECT_EQ(field("target"), "/a,\"b\"");
  EXPECT_EQ(field("connection"), "kept");
  EXPECT_EQ(field("latency_intended_ms"), "24.000");
  EXPECT_EQ(field("latency_sent_ms"), "23.000");
  EXPECT_EQ(field("start"), "warm");
  EXPECT_EQ(field("distance_km"), "");
  EXPECT_FALSE(rows.next().value());
}

TEST(RequestsCsvTest, AFullDiskIsAnErrorNotSilence) {
  Result<std::unique_ptr<RequestsCsv>> csv = RequestsCsv::create("/dev/full");
  ASSERT_TRUE(csv.ok());
  EXPECT_FALSE(csv.value()->close().ok());
}

TEST(ReportHtmlTest, IsOneFileThatFetchesNothing) {
  const std::string page = render_report_html(sample_run(500));
  EXPECT_THAT(page, Not(HasSubstr("{{")));
  EXPECT_THAT(page, HasSubstr("default-src 'none'"));
  // The namespace of SVG is a name, not an address that anybody opens.
  std::string without_namespace = page;
  const std::string svg = "http://www.w3.org/2000/svg";
  without_namespace.erase(without_namespace.find(svg), svg.size());
  EXPECT_THAT(without_namespace, Not(HasSubstr("http://")));
  EXPECT_THAT(without_namespace, Not(HasSubstr("https://")));
  EXPECT_THAT(without_namespace, Not(HasSubstr("src=")));
}

TEST(ReportHtmlTest, WhatATraceSaysCannotEndTheScript) {
  RunReport report = sample_run(10);
  report.trace.file = "</script><script>alert(1)</script>{{script}}";
  const std::string page = render_report_html(report);
  EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
  EXPECT_EQ(escape_for_script(R"({"a":"</b>"})"), R"({"a":"\u003c/b>"})");
}

TEST(SummaryTest, ShowsTheFiguresInNarrowLines) {
  const std::string text = render_summary(sample_run(2000));
  EXPECT_THAT(text,
              HasSubstr("offered 2,000 · issued 2,000 · completed 1,980 · failed 20 · dropped 0"));
  EXPECT_THAT(text, HasSubstr("http_503 20"));
  EXPECT_THAT(text, HasSubstr("p99.9"));
  EXPECT_THAT(text, HasSubstr("from intended send"));
  EXPECT_THAT(text, HasSubstr("Amsterdam, NL"));
  EXPECT_THAT(text, HasSubstr("cold 40"));
  for (const std::string_view line : split(text, '\n')) EXPECT_LE(line.size(), 110U) << line;
}

TEST(SummaryTest, SaysThatARunIsInvalid) {
  RunReport report;
  for (int i = 0; i < 11; ++i) {
    const PlannedRequest request{.due = std::chrono::seconds(i)};
    report.tally.add_issued(request, std::chrono::seconds(2 * i));
  }
  EXPECT_FALSE(report.valid());
  EXPECT_THAT(render_summary(report), HasSubstr("INVALID"));
  report.rate_matters = false;
  EXPECT_THAT(render_summary(report), Not(HasSubstr("INVALID")));
}

TEST(BuildCommitTest, IsACommitOrSaysThatItIsUnknown) {
  const std::string_view commit = build_commit();
  const bool is_hash = commit.substr(0, 40).find_first_not_of("0123456789abcdef") == commit.npos &&
                       (commit.size() == 40 || commit.substr(40) == "-dirty");
  EXPECT_TRUE(commit == "unknown" || is_hash) << commit;
}

}  // namespace
}  // namespace isopop::sim
