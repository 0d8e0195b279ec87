#include "control_plane/rollout/guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace isopop::control {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

TrafficSum traffic(std::uint64_t requests, std::uint64_t errors = 0,
                   milliseconds latency = milliseconds(1), milliseconds cpu = milliseconds(1)) {
  TrafficSum sum;
  sum.requests = requests;
  sum.errors = errors;
  sum.cpu_us = requests * static_cast<std::uint64_t>(cpu.count()) * 1'000;
  for (std::uint64_t i = 0; i < requests; ++i) sum.latency.record(latency);
  return sum;
}

bool breaks(const std::string& text, const Evidence& evidence) {
  const Result<Guard> guard = Guard::parse(text);
  EXPECT_TRUE(guard.ok()) << guard.error().message;
  return guard.ok() && guard.value().broken_by(evidence).has_value();
}

std::string refusal(const std::string& text) {
  const Result<Guard> guard = Guard::parse(text);
  if (guard.ok()) return "none";
  EXPECT_EQ(guard.error().code, ErrorCode::kInvalidArgument);
  return guard.error().message;
}

TEST(Guard, OneRejectionBreaksNack) {
  EXPECT_FALSE(breaks("nack", {.nacks = 0}));
  EXPECT_TRUE(breaks("nack", {.nacks = 1, .first_nack = "AMS: no"}));
  EXPECT_THAT(*Guard::parse("nack").value().broken_by({.nacks = 2, .first_nack = "AMS: no memory"}),
              HasSubstr("AMS: no memory"));
}

TEST(Guard, CountsCrashesWhateverTheTraffic) {
  Evidence evidence;
  EXPECT_FALSE(breaks("crashes>0", evidence));
  evidence.fresh.crashes = 1;
  EXPECT_TRUE(breaks("crashes>0", evidence));
  EXPECT_FALSE(breaks("crashes>1", evidence));
}

TEST(Guard, ErrorRateIsJudgedAboveItsLimitOnly) {
  EXPECT_FALSE(breaks("error-rate>1%", {.fresh = traffic(1'000, 10)}));
  EXPECT_TRUE(breaks("error-rate>1%", {.fresh = traffic(1'000, 11)}));
  EXPECT_FALSE(breaks("error-rate>0%", {.fresh = traffic(1'000, 0)}));
  EXPECT_TRUE(breaks("error-rate>0%", {.fresh = traffic(1'000, 1)}));
}

TEST(Guard, ErrorRateOfFewRequestsSaysNothing) {
  EXPECT_FALSE(breaks("error-rate>1%", {}));
  EXPECT_FALSE(breaks("error-rate>1%", {.fresh = traffic(49, 9)}));
  EXPECT_TRUE(breaks("error-rate>1%", {.fresh = traffic(50, 9)}));
  // Ten errors are enough, however few requests.
  EXPECT_TRUE(breaks("error-rate>1%", {.fresh = traffic(10, 10)}));
}

TEST(Guard, LatencyIsJudgedFromAHundredRequestsOn) {
  EXPECT_FALSE(breaks("p99>80ms", {.fresh = traffic(99, 0, milliseconds(500))}));
  EXPECT_TRUE(breaks("p99>80ms", {.fresh = traffic(100, 0, milliseconds(500))}));
  EXPECT_FALSE(breaks("p99>80ms", {.fresh = traffic(100, 0, milliseconds(40))}));
}

TEST(Guard, QuantilesAreTheirOwn) {
  // Two of a hundred are slow: above the 95th, not above the 99th percentile's rank.
  TrafficSum mixed = traffic(98, 0, milliseconds(10));
  mixed.latency.record(milliseconds(900));
  mixed.latency.record(milliseconds(900));
  EXPECT_FALSE(breaks("p50>100ms", {.fresh = mixed}));
  EXPECT_FALSE(breaks("p95>100ms", {.fresh = mixed}));
  EXPECT_TRUE(breaks("p99>100ms", {.fresh = mixed}));
}

TEST(Guard, AboveTheBaseNeedsABase) {
  const TrafficSum slow = traffic(200, 0, milliseconds(100));
  EXPECT_FALSE(breaks("p99>+20%", {.fresh = slow, .base = traffic(99, 0, milliseconds(10))}));
  EXPECT_TRUE(breaks("p99>+20%", {.fresh = slow, .base = traffic(100, 0, milliseconds(10))}));
  EXPECT_FALSE(breaks("p99>+20%", {.fresh = slow, .base = slow}));
  EXPECT_FALSE(breaks("p99>+0%", {.fresh = slow, .base = slow}));
}

TEST(Guard, CpuIsTheMeanOfARequest) {
  const auto with_cpu = [](std::uint64_t requests, int ms) {
    return traffic(requests, 0, milliseconds(1), milliseconds(ms));
  };
  EXPECT_FALSE(breaks("cpu>50ms", {.fresh = with_cpu(50, 50)}));
  EXPECT_TRUE(breaks("cpu>50ms", {.fresh = with_cpu(50, 51)}));
  EXPECT_FALSE(breaks("cpu>50ms", {.fresh = with_cpu(49, 500)}));
  EXPECT_TRUE(breaks("cpu>+50%", {.fresh = with_cpu(60, 16), .base = with_cpu(60, 10)}));
  EXPECT_FALSE(breaks("cpu>+50%", {.fresh = with_cpu(60, 15), .base = with_cpu(60, 10)}));
  EXPECT_FALSE(breaks("cpu>+50%", {.fresh = with_cpu(60, 16), .base = with_cpu(10, 10)}));
}

TEST(Guard, ReasonsSayWhatWasMeasured) {
  const Guard rate = Guard::parse(" error-rate > 1% ").value();
  EXPECT_THAT(*rate.broken_by({.fresh = traffic(100, 7)}),
              HasSubstr("7 of 100 requests failed (7.00%)"));
  const Guard slow = Guard::parse("p99>+20%").value();
  EXPECT_THAT(*slow.broken_by({.fresh = traffic(100, 0, milliseconds(50)),
                               .base = traffic(100, 0, milliseconds(10))}),
              HasSubstr("the base's"));
}

TEST(Guard, SaysWhatIsAllowed) {
  EXPECT_THAT(refusal(""), HasSubstr("give nack, crashes>0"));
  EXPECT_THAT(refusal("nacks"), HasSubstr("it has no \">\""));
  EXPECT_THAT(refusal("eror-rate>1%"), HasSubstr("did you mean error-rate?"));
  EXPECT_THAT(refusal("memory>1GB"), HasSubstr("nothing of that name is measured"));
  for (const char* text :
       {"error-rate>1", "error-rate>100%", "error-rate>-1%", "error-rate>nan%"}) {
    EXPECT_THAT(refusal(text), HasSubstr("from 0% to below 100%")) << text;
  }
  for (const char* text : {"crashes>-1", "crashes>x", "crashes>1.5", "crashes>"}) {
    EXPECT_THAT(refusal(text), HasSubstr("a whole number")) << text;
  }
  EXPECT_THAT(refusal("p99>0ms"), HasSubstr("longer than 0"));
  EXPECT_THAT(refusal("p99>80"), HasSubstr("is no reason to abort"));
  EXPECT_THAT(refusal("p99>+20"), HasSubstr("from +0% to +10000%"));
  EXPECT_THAT(refusal("p99>+99999%"), HasSubstr("from +0% to +10000%"));
  EXPECT_THAT(refusal("p98>80ms"), HasSubstr("did you mean"));
  EXPECT_LT(refusal(std::string(100'000, '>')).size(), 400U);
}

}  // namespace
}  // namespace isopop::control
