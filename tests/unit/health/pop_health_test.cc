#include "router/health/pop_health.h"

#include <gtest/gtest.h>

#include <string>

namespace isopop::router {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const HealthOptions kExact{
    .backoff_first = milliseconds(500), .backoff_max = milliseconds(4'000), .jitter_ratio = 0};
const Instant kStart{seconds(100)};

TEST(PopHealth, TrustsWhatItDoesNotKnow) {
  PopHealth health(kExact, 1);
  EXPECT_TRUE(health.may_try("AMS", kStart));
  EXPECT_EQ(health.out_count(), 0U);
}

TEST(PopHealth, LeavesAPopOutForItsBackoffThenProbesOnce) {
  PopHealth health(kExact, 1);
  health.report_failure("AMS", kStart);
  EXPECT_FALSE(health.may_try("AMS", kStart + milliseconds(499)));
  EXPECT_TRUE(health.may_try("EWR", kStart));
  EXPECT_TRUE(health.may_try("AMS", kStart + milliseconds(500)));
  EXPECT_FALSE(health.may_try("AMS", kStart + milliseconds(501))) << "one probe at a time";
  EXPECT_TRUE(health.may_try("AMS", kStart + milliseconds(1'000)))
      << "a lost probe is not waited for";
}

TEST(PopHealth, IsBackAfterASuccess) {
  PopHealth health(kExact, 1);
  health.report_failure("AMS", kStart);
  health.report_success("AMS");
  EXPECT_TRUE(health.may_try("AMS", kStart));
  EXPECT_TRUE(health.may_try("AMS", kStart));
}

TEST(PopHealth, WaitsLongerWithEachLostProbeUpToABound) {
  PopHealth health(kExact, 1);
  Instant now = kStart;
  health.report_failure("AMS", now);
  for (const milliseconds wait : {milliseconds(500), milliseconds(1'000), milliseconds(2'000),
                                  milliseconds(4'000), milliseconds(4'000)}) {
    EXPECT_FALSE(health.may_try("AMS", now + wait - milliseconds(1)));
    now += wait;
    EXPECT_TRUE(health.may_try("AMS", now));
    health.report_failure("AMS", now);
  }
}

TEST(PopHealth, CountsRequestsThatFailTogetherAsOneFailure) {
  PopHealth health(kExact, 1);
  for (int i = 0; i < 100; ++i) health.report_failure("AMS", kStart + milliseconds(i));
  EXPECT_TRUE(health.may_try("AMS", kStart + milliseconds(500)));
}

TEST(PopHealth, SpreadsProbes) {
  HealthOptions options = kExact;
  options.jitter_ratio = 0.2;
  PopHealth health(options, 1);
  int early = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string pop = "P" + std::to_string(i);
    health.report_failure(pop, kStart);
    EXPECT_FALSE(health.may_try(pop, kStart + milliseconds(399)));
    if (health.may_try(pop, kStart + milliseconds(500))) ++early;
  }
  EXPECT_GT(early, 20);
  EXPECT_LT(early, 80);
}

}  // namespace
}  // namespace isopop::router
