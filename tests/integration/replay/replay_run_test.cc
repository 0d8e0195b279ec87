// A replay over real sockets against a server whose every answer is known: run.json must tell what
// happened, no more and no less.

#include "sim/replay/replay_run.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "common/csv/csv_reader.h"
#include "common/files/files.h"
#include "common/text/text.h"
#include "sim/trace/trace_reader.h"
#include "tests/integration/replay/fake_router.h"

namespace isopop::sim {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

FakeAnswer good_answer(const std::string& pop, const std::string& start) {
  FakeAnswer answer;
  answer.head.headers = {
      {"isopop-pop", pop},
      {"isopop-start", start},
      {"isopop-distance-km", "100"},
      {"isopop-net", "account"},
      {"server-timing", "run;dur=1, access;dur=200, net;dur=300, setup;dur=500"}};
  answer.body = "hello";
  return answer;
}

class ReplayRunTest : public testing::Test {
 protected:
  Trace trace_of(int requests, milliseconds apart) {
    const std::string path = (folder_.path() / "trace.csv").string();
    std::ofstream file(path);
    file << "time,client,path\n";
    for (int i = 0; i < requests; ++i) {
      file << 1'000'000'000'000 + i * apart.count() << ",10.0.0." << i % 5 << ",/" << i << "\n";
    }
    file.close();
    return read_trace(path).value();
  }

  ReplayRunOptions options(const FakeRouter& router, ReplaySpeed speed) {
    ReplayRunOptions options;
    options.plan = {.speed = speed, .default_host = "hello.isopop.test"};
    options.send.target = router.address();
    options.send.signals = SendOptions::Signals::kLeftAlone;
    options.report_folder = (folder_.path() / "report").string();
    return options;
  }

  json run_json() { return json::parse(read_file(folder_.path() / "report" / "run.json").value()); }

  TempFolder folder_ = TempFolder::create("isopop-replay-test").value();
  SystemClock clock_;
};

TEST_F(ReplayRunTest, ReportsWhatHappened) {
  // Every tenth answer fails; a third come from another PoP; starts go by number.
  FakeRouter router([](const http::RequestHead& request) {
    const auto number = parse_integer(std::string_view(request.target).substr(1)).value();
    if (number % 10 == 9) {
      FakeAnswer answer;
      answer.head.status = 503;
      return answer;
    }
    return good_answer(number % 3 == 0 ? "GRU" : "AMS", number < 20 ? "cold" : "warm");
  });
  const Trace trace = trace_of(200, milliseconds(10));
  ASSERT_TRUE(run_replay(trace, options(router, {.factor = 0}), clock_).ok());
  router.stop();

  std::map<std::string, int> at_pop;
  int cold = 0;
  for (int number = 0; number < 200; ++number) {
    if (number % 10 == 9) continue;
    ++at_pop[number % 3 == 0 ? "GRU" : "AMS"];
    cold += number < 20 ? 1 : 0;
  }
  const json run = run_json();
  EXPECT_EQ(run.at("offered"), 200);
  EXPECT_EQ(run.at("issued"), 200);
  EXPECT_EQ(run.at("completed"), 180);
  EXPECT_EQ(run.at("failed"), 20);
  EXPECT_EQ(run.at("dropped"), 0);
  EXPECT_EQ(run.at("failures").at("http_503"), 20);
  EXPECT_EQ(run.at("statuses").at("200"), 180);
  EXPECT_EQ(run.at("starts").at("cold"), cold);
  EXPECT_EQ(run.at("starts").at("warm"), 180 - cold);
  EXPECT_EQ(run.at("net_mode"), "account");
  EXPECT_EQ(run.at("pops").at(0).at("id"), "AMS");
  EXPECT_EQ(run.at("pops").at(0).at("requests"), at_pop.at("AMS"));
  EXPECT_EQ(run.at("pops").at(1).at("requests"), at_pop.at("GRU"));
  EXPECT_EQ(run.at("distance_km").at("p50"), 100.0);
  EXPECT_EQ(run.at("body_bytes"), 180 * 5);
  // The network that was only told is part of what a client would have felt.
  EXPECT_GE(run.at("latency_ms").at("sent").at("p50").get<double>(), 1000.0);
  EXPECT_LT(run.at("latency_ms").at("sent").at("p50").get<double>(), 2000.0);
  EXPECT_EQ(router.requests().size(), 200U);
}

TEST_F(ReplayRunTest, RequestsCsvHasOneRowForEachRequest) {
  FakeRouter router([](const http::RequestHead&) { return good_answer("AMS", "fresh"); });
  const Trace trace = trace_of(50, milliseconds(1));
  ASSERT_TRUE(run_replay(trace, options(router, {.factor = 0}), clock_).ok());
  CsvReader rows = CsvReader::open((folder_.path() / "report" / "requests.csv").string()).value();
  std::set<std::int64_t> indices;
  while (rows.next().value()) indices.insert(rows.integer(rows.column("index").value()).value());
  EXPECT_EQ(indices.size(), 50U);
  EXPECT_EQ(*indices.rbegin(), 49);
}

TEST_F(ReplayRunTest, TellsTheRouterWhoTheClientIs) {
  FakeRouter router([](const http::RequestHead&) { return good_answer("AMS", "fresh"); });
  const std::string path = (folder_.path() / "places.csv").string();
  std::ofstream(path) << "time,client,path,city,lat,lon\n1.5,192.0.2.7,/a?b,,,\n"
                         "2.5,someone,/c,\"Paris,FR\",,\n3.5,192.0.2.7,/d,,1.5,2\n";
  const Trace trace = read_trace(path).value();
  ASSERT_TRUE(run_replay(trace, options(router, {.factor = 0}), clock_).ok());
  router.stop();
  std::map<std::string, http::Headers> by_target;
  for (const http::RequestHead& request : router.requests())
    by_target[request.target] = request.headers;
  EXPECT_EQ(by_target.at("/a?b").get("isopop-client-id"), "192.0.2.7");
  EXPECT_EQ(by_target.at("/a?b").get("x-forwarded-for"), "192.0.2.7");
  EXPECT_EQ(by_target.at("/a?b").get("isopop-connection"), "new");
  EXPECT_EQ(by_target.at("/a?b").get("host"), "hello.isopop.test");
  EXPECT_EQ(by_target.at("/c").get("isopop-client-id"), "someone");
  EXPECT_FALSE(by_target.at("/c").contains("x-forwarded-for"));
  EXPECT_EQ(by_target.at("/c").get("isopop-client-city"), "Paris,FR");
  EXPECT_EQ(by_target.at("/d").get("isopop-client-location"), "1.5,2");
  EXPECT_EQ(by_target.at("/d").get("isopop-connection"), "kept");
}

TEST_F(ReplayRunTest, SendsOpenLoopWhateverTheAnswersDo) {
  // Each answer takes longer than the whole trace: a closed loop would send one after another.
  FakeRouter router([](const http::RequestHead&) {
    FakeAnswer answer = good_answer("AMS", "fresh");
    answer.delay = milliseconds(600);
    return answer;
  });
  const Trace trace = trace_of(50, milliseconds(10));
  const RunReport report = run_replay(trace, options(router, {.factor = 1}), clock_).value();
  EXPECT_EQ(report.tally.completed(), 50U);
  EXPECT_EQ(report.tally.dropped(), 0U);
  EXPECT_NEAR(report.tally.offered_per_s(), 100.0, 0.1);
  EXPECT_LT(report.ended_at - report.started_at, seconds(15));
}

TEST_F(ReplayRunTest, CountsWhatItCouldNotSendAndSaysThatTheRunIsInvalid) {
  FakeRouter router([](const http::RequestHead&) {
    FakeAnswer answer = good_answer("AMS", "fresh");
    answer.delay = milliseconds(300);
    return answer;
  });
  const Trace trace = trace_of(100, milliseconds(2));
  ReplayRunOptions run = options(router, {.factor = 1});
  run.send.in_flight_max = 10;
  const RunReport report = run_replay(trace, run, clock_).value();
  EXPECT_EQ(report.tally.offered(), 100U);
  EXPECT_GT(report.tally.dropped(), 50U);
  EXPECT_EQ(report.tally.issued(), report.tally.completed() + report.tally.failed());
  EXPECT_FALSE(report.valid());
}

TEST_F(ReplayRunTest, AtMaxSpeedTheWindowIsKeptAndNothingDropped) {
  FakeRouter router([](const http::RequestHead&) {
    FakeAnswer answer = good_answer("AMS", "fresh");
    answer.delay = milliseconds(1);
    return answer;
  });
  const Trace trace = trace_of(300, seconds(3600));
  ReplayRunOptions run = options(router, {.factor = 0});
  run.send.in_flight_max = 8;
  const RunReport report = run_replay(trace, run, clock_).value();
  EXPECT_EQ(report.tally.completed(), 300U);
  EXPECT_EQ(report.tally.dropped(), 0U);
  EXPECT_EQ(report.tally.schedule_slip().max(), milliseconds(0));
}

TEST_F(ReplayRunTest, TheDurationEndsARunAtMaxSpeed) {
  FakeRouter router([](const http::RequestHead&) {
    FakeAnswer answer = good_answer("AMS", "fresh");
    answer.delay = milliseconds(20);
    return answer;
  });
  const Trace trace = trace_of(5000, milliseconds(1));
  ReplayRunOptions run = options(router, {.factor = 0});
  run.plan.duration = milliseconds(200);
  run.send.in_flight_max = 2;
  const RunReport report = run_replay(trace, run, clock_).value();
  EXPECT_GT(report.tally.issued(), 0U);
  EXPECT_LT(report.tally.issued(), 100U);
  EXPECT_FALSE(report.aborted);
}

TEST_F(ReplayRunTest, AnUnreachableTargetIsSoManyFailedRequests) {
  std::string address;
  {
    const FakeRouter router([](const http::RequestHead&) { return FakeAnswer{}; });
    address = router.address();
  }
  const Trace trace = trace_of(20, milliseconds(1));
  FakeRouter other([](const http::RequestHead&) { return FakeAnswer{}; });
  ReplayRunOptions run = options(other, {.factor = 0});
  run.send.target = address;
  const RunReport report = run_replay(trace, run, clock_).value();
  EXPECT_EQ(report.tally.failed(), 20U);
  EXPECT_EQ(report.tally.failures().at("connect"), 20U);
}

TEST_F(ReplayRunTest, ASlowAnswerIsATimeout) {
  FakeRouter router([](const http::RequestHead&) {
    FakeAnswer answer = good_answer("AMS", "fresh");
    answer.delay = seconds(20);
    return answer;
  });
  const Trace trace = trace_of(3, milliseconds(1));
  ReplayRunOptions run = options(router, {.factor = 0});
  run.send.request_timeout = milliseconds(100);
  const RunReport report = run_replay(trace, run, clock_).value();
  EXPECT_EQ(report.tally.failures().at("timeout"), 3U);
}

TEST_F(ReplayRunTest, AnInterruptLeavesAPartialReport) {
  FakeRouter router([](const http::RequestHead& request) {
    FakeAnswer answer = good_answer("AMS", "fresh");
    // One request never ends: it is given up on and counted.
    if (request.target == "/3") answer.delay = seconds(100);
    if (request.target == "/20") std::raise(SIGINT);
    return answer;
  });
  const Trace trace = trace_of(10'000, milliseconds(10));
  ReplayRunOptions run = options(router, {.factor = 1});
  run.send.signals = SendOptions::Signals::kHandled;
  run.send.patience = seconds(1);
  const RunReport report = run_replay(trace, run, clock_).value();
  EXPECT_TRUE(report.aborted);
  EXPECT_FALSE(report.valid());
  EXPECT_GE(report.tally.issued(), 20U);
  EXPECT_LT(report.tally.issued(), 1000U);
  EXPECT_EQ(report.tally.failures().at("aborted"), 1U);
  const json run_file = run_json();
  EXPECT_TRUE(run_file.at("aborted").get<bool>());
  EXPECT_EQ(run_file.at("issued"), run_file.at("completed").get<int>() + 1);
  EXPECT_TRUE(std::filesystem::exists(folder_.path() / "report" / "report.html"));
}

TEST_F(ReplayRunTest, TheSameRunHasTheSameConfigHashAndRequests) {
  FakeRouter router([](const http::RequestHead&) { return good_answer("AMS", "fresh"); });
  const Trace trace = trace_of(30, milliseconds(1));
  ReplayRunOptions run = options(router, {.factor = 0});
  const std::string first = run_replay(trace, run, clock_).value().config_sha256;
  const std::string again = run_replay(trace, run, clock_).value().config_sha256;
  run.plan.seed = 2;
  const std::string other_seed = run_replay(trace, run, clock_).value().config_sha256;
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other_seed);
  router.stop();
  // One request at a time would be sent in the same order; here the set must be the same.
  std::map<std::string, int> times;
  for (const http::RequestHead& request : router.requests()) {
    ++times[request.target + " " +
            std::string(request.headers.get("isopop-client-id").value_or(""))];
  }
  EXPECT_EQ(times.size(), 30U);
  for (const auto& [text, count] : times) EXPECT_EQ(count, 3) << text;
}

TEST_F(ReplayRunTest, AFolderThatCannotBeWrittenIsAnError) {
  FakeRouter router([](const http::RequestHead&) { return FakeAnswer{}; });
  ReplayRunOptions run = options(router, {.factor = 0});
  run.report_folder = "/proc/nowhere";
  EXPECT_FALSE(run_replay(trace_of(1, milliseconds(1)), run, clock_).ok());
  router.stop();
  EXPECT_TRUE(router.requests().empty());
}

}  // namespace
}  // namespace isopop::sim
