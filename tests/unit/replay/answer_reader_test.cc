#include "sim/replay/answer_reader.h"

#include <gtest/gtest.h>

namespace isopop::sim {
namespace {

using std::chrono::milliseconds;

http::Response full_answer() {
  http::Response response;
  response.head.headers = {
      {"isopop-pop", "AMS"},
      {"isopop-ray", "0123456789abcdef-AMS"},
      {"isopop-start", "warm"},
      {"isopop-distance-km", "12.3"},
      {"isopop-net", "account"},
      {"server-timing", "pop;dur=3.5, queue;dur=0.5, isolate;dur=2, run;dur=1"},
      {"server-timing", "access;dur=10, net;dur=20, setup;dur=30, router;dur=0.25"}};
  response.body = "hello";
  return response;
}

TEST(AnswerReaderTest, ReadsWhatTheProgramsTell) {
  RequestOutcome outcome;
  read_answer(full_answer(), outcome);
  EXPECT_TRUE(outcome.completed());
  EXPECT_EQ(outcome.status, 200U);
  EXPECT_EQ(outcome.body_bytes, 5U);
  EXPECT_EQ(outcome.pop, "AMS");
  EXPECT_EQ(outcome.start, StartKind::kWarm);
  EXPECT_EQ(outcome.distance_km, 12.3);
  EXPECT_EQ(outcome.phase_ms.at(static_cast<std::size_t>(Phase::kIsolate)), 2.0);
  EXPECT_EQ(outcome.phase_ms.at(static_cast<std::size_t>(Phase::kRouter)), 0.25);
  EXPECT_EQ(outcome.unwaited_network, milliseconds(60));
}

TEST(AnswerReaderTest, AddsNothingWhenTheNetworkWasWaitedOut) {
  http::Response response = full_answer();
  response.head.headers.set("isopop-net", "real");
  RequestOutcome outcome;
  read_answer(response, outcome);
  EXPECT_EQ(outcome.unwaited_network, milliseconds(0));
}

TEST(AnswerReaderTest, AnyServersAnswerIsAnAnswer) {
  http::Response response;
  response.head.status = 302;
  RequestOutcome outcome;
  read_answer(response, outcome);
  EXPECT_TRUE(outcome.completed());
  EXPECT_EQ(outcome.pop, "");
  EXPECT_FALSE(outcome.start);
  EXPECT_FALSE(outcome.distance_km);
}

TEST(AnswerReaderTest, APopThatIsAskedDirectlyIsNamedByItsRay) {
  http::Response response;
  response.head.headers = {{"isopop-ray", "0123456789abcdef-FRA"}};
  RequestOutcome outcome;
  read_answer(response, outcome);
  EXPECT_EQ(outcome.pop, "FRA");
}

TEST(AnswerReaderTest, TellsFailuresFromAnswersOfTheWorker) {
  const auto failure = [](unsigned status, bool from_worker) {
    http::Response response;
    response.head.status = status;
    if (from_worker) response.head.headers = {{"isopop-start", "fresh"}};
    RequestOutcome outcome;
    read_answer(response, outcome);
    return outcome.failure;
  };
  EXPECT_EQ(failure(404, true), "");
  EXPECT_EQ(failure(404, false), "http_404");
  EXPECT_EQ(failure(500, true), "http_500");
  EXPECT_EQ(failure(503, false), "http_503");
  EXPECT_EQ(failure(204, false), "");
}

TEST(AnswerReaderTest, IgnoresHeadersThatCannotBeTrue) {
  http::Response response;
  response.head.headers = {{"isopop-distance-km", "-5"},
                           {"isopop-start", "boiling"},
                           {"isopop-net", "account"},
                           {"server-timing", "net;dur=-3, access;dur=1e300, setup;dur=x"}};
  RequestOutcome outcome;
  read_answer(response, outcome);
  EXPECT_FALSE(outcome.distance_km);
  EXPECT_FALSE(outcome.start);
  EXPECT_EQ(outcome.unwaited_network, milliseconds(0));
}

}  // namespace
}  // namespace isopop::sim
