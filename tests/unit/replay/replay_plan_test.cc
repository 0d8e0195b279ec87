#include "sim/replay/replay_plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "sim/trace/trace_reader.h"

namespace isopop::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

Trace trace_of(const std::string& table) {
  const TempFolder folder = TempFolder::create("isopop-plan-test").value();
  const std::string path = (folder.path() / "trace.csv").string();
  std::ofstream(path) << table;
  return read_trace(path, {.format = TraceFormat::kCsv}).value();
}

std::vector<PlannedRequest> all_of(ReplayPlan& plan) {
  std::vector<PlannedRequest> requests;
  while (std::optional<PlannedRequest> request = plan.next()) requests.push_back(*request);
  return requests;
}

constexpr const char* kBusySecond =
    "time,client,path\n100,a,/1\n100,b,/2\n100,a,/3\n100,c,/4\n101,a,/5\n105,b,/6\n";

TEST(ReplayPlanTest, SendsAtTheTracesOwnTimesDividedByTheSpeed) {
  const Trace trace = trace_of("time,path\n10.5,/a\n11.25,/b\n70.5,/c\n");
  ReplayPlan plan(trace, {.speed = {.factor = 60}});
  const std::vector<PlannedRequest> requests = all_of(plan);
  ASSERT_EQ(requests.size(), 3U);
  EXPECT_EQ(requests[0].due, nanoseconds(0));
  EXPECT_EQ(requests[1].due, nanoseconds(milliseconds(750)) / 60);
  EXPECT_EQ(requests[2].due, seconds(1));
  EXPECT_EQ(plan.length(), seconds(1));
}

TEST(ReplayPlanTest, AtMaxSpeedEverythingIsDueAtOnce) {
  const Trace trace = trace_of(kBusySecond);
  ReplayPlan plan(trace, {.speed = {.factor = 0}, .duration = seconds(1)});
  const std::vector<PlannedRequest> requests = all_of(plan);
  EXPECT_EQ(requests.size(), 6U);
  EXPECT_EQ(requests.back().due, nanoseconds(0));
}

TEST(ReplayPlanTest, SpreadsWholeSecondsWithinThemselvesInTheTracesOrder) {
  const Trace trace = trace_of(kBusySecond);
  ReplayPlan plan(trace, {});
  const std::vector<PlannedRequest> requests = all_of(plan);
  std::set<nanoseconds> moments;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    EXPECT_EQ(requests[i].target, "/" + std::to_string(i + 1));
    EXPECT_LE(requests[i == 0 ? 0 : i - 1].due, requests[i].due);
    moments.insert(requests[i].due);
  }
  EXPECT_EQ(moments.size(), 6U);
  EXPECT_LT(requests[3].due, seconds(1));
  EXPECT_GE(requests[4].due, seconds(1));
  EXPECT_LT(requests[4].due, seconds(2));
}

TEST(ReplayPlanTest, KeepsTheBurstsOfATraceIfAskedTo) {
  const Trace trace = trace_of(kBusySecond);
  ReplayPlan plan(trace, {.spread = PlanOptions::Spread::kAsWritten});
  const std::vector<PlannedRequest> requests = all_of(plan);
  EXPECT_EQ(requests[3].due, nanoseconds(0));
  EXPECT_EQ(requests[4].due, seconds(1));
}

TEST(ReplayPlanTest, DoesNotSpreadATraceThatKnowsBetter) {
  const Trace trace = trace_of("time,path\n10,/a\n10,/b\n10.5,/c\n");
  ReplayPlan plan(trace, {});
  const std::vector<PlannedRequest> requests = all_of(plan);
  EXPECT_EQ(requests[1].due, nanoseconds(0));
}

TEST(ReplayPlanTest, TheSameTraceAndSeedGiveTheSameRequests) {
  std::string table = "time,path\n";
  for (int i = 0; i < 500; ++i) table += std::to_string(i / 7) + ",/" + std::to_string(i) + "\n";
  const Trace trace = trace_of(table);
  const auto fingerprint = [&](std::uint64_t seed) {
    ReplayPlan plan(trace, {.seed = seed});
    std::string text;
    for (const PlannedRequest& request : all_of(plan)) {
      text += std::to_string(request.due.count()) + " " + std::string(request.client) + " " +
              std::string(request.target) +
              (request.connection == ConnectionState::kNew ? " n\n" : " k\n");
    }
    return text;
  };
  EXPECT_EQ(fingerprint(1), fingerprint(1));
  EXPECT_NE(fingerprint(1), fingerprint(2));
}

TEST(ReplayPlanTest, TheEndOfATraceDoesNotMoveItsBeginning) {
  const Trace shorter = trace_of("time,path\n1,/a\n1,/b\n2,/c\n");
  const Trace longer = trace_of("time,path\n1,/a\n1,/b\n2,/c\n2,/d\n9,/e\n");
  ReplayPlan a(shorter, {});
  ReplayPlan b(longer, {});
  for (int i = 0; i < 2; ++i) {
    const PlannedRequest from_a = *a.next();
    const PlannedRequest from_b = *b.next();
    EXPECT_EQ(from_a.due, from_b.due);
    EXPECT_EQ(from_a.client, from_b.client);
  }
}

TEST(ReplayPlanTest, AClientOpensAConnectionAfterAMinuteOfSilence) {
  const Trace trace = trace_of("time,client\n0.5,a\n50,b\n60,a\n120.5,a\n121,b\n");
  ReplayPlan plan(trace, {.speed = {.factor = 1000}});
  std::vector<ConnectionState> states;
  for (const PlannedRequest& request : all_of(plan)) states.push_back(request.connection);
  EXPECT_THAT(states, testing::ElementsAre(ConnectionState::kNew, ConnectionState::kNew,
                                           ConnectionState::kKept, ConnectionState::kNew,
                                           ConnectionState::kNew));
}

TEST(ReplayPlanTest, TheDurationCutsATimedPlan) {
  const Trace trace = trace_of("time,path\n0.5,/a\n10.5,/b\n20.5,/c\n");
  ReplayPlan plan(trace, {.speed = {.factor = 2}, .duration = seconds(10)});
  EXPECT_EQ(plan.size(), 2U);
  EXPECT_EQ(all_of(plan).size(), 2U);
}

TEST(ReplayPlanTest, TheHostIsTheTracesElseTheDefaultUnlessOverridden) {
  const Trace trace = trace_of("time,host\n1,\n2,www.example\n");
  ReplayPlan plan(trace, {.default_host = "d.example"});
  EXPECT_EQ(plan.next()->host, "d.example");
  EXPECT_EQ(plan.next()->host, "www.example");
  ReplayPlan override_plan(trace, {.default_host = "d.example", .override_host = true});
  (void)override_plan.next();
  EXPECT_EQ(override_plan.next()->host, "d.example");
}

TEST(ReplayPlanTest, DrawsClientsForATraceThatNamesNone) {
  std::string table = "time,path\n";
  for (int i = 0; i < 300; ++i) table += std::to_string(i) + ",/\n";
  const Trace trace = trace_of(table);
  ReplayPlan plan(trace, {.anonymous_clients = 10});
  std::set<std::string_view> clients;
  for (const PlannedRequest& request : all_of(plan)) clients.insert(request.client);
  EXPECT_EQ(clients.size(), 10U);
}

TEST(ReplaySpeedTest, ReadsFactorsAndMax) {
  EXPECT_TRUE(parse_replay_speed("max").value().is_max());
  EXPECT_EQ(parse_replay_speed("60x").value().factor, 60.0);
  EXPECT_EQ(parse_replay_speed("0.5x").value().factor, 0.5);
  EXPECT_EQ(to_string(parse_replay_speed("60x").value()), "60x");
  for (const char* text : {"", "x", "0x", "-1x", "60", "fast", "1e9x", "nanx"}) {
    EXPECT_FALSE(parse_replay_speed(text).ok()) << text;
  }
}

}  // namespace
}  // namespace isopop::sim
