#include "pop_node/http/version_figures.h"

#include <gtest/gtest.h>

#include "tests/unit/pop_node/test_versions.h"

namespace isopop::pop {
namespace {

using std::chrono::milliseconds;

TEST(VersionFiguresTest, AreToldByVersionAndOnce) {
  const v1::WorkerVersion one = make_version("site", 1, "x").version;
  const v1::WorkerVersion two = make_version("site", 2, "x").version;
  VersionFigures figures;
  figures.count(one, {.status = 200, .latency = milliseconds(3), .is_cold = true});
  figures.count(one, {.status = 503, .latency = milliseconds(3)});
  figures.count(one, {.status = 0, .latency = milliseconds(900)});
  figures.count_cpu(one, 40);
  figures.count_cpu(one, 2);
  figures.count_crash(two);
  v1::Heartbeat heartbeat;
  figures.take(heartbeat);
  ASSERT_EQ(heartbeat.figures_size(), 2);
  const v1::WorkerFigures& first = heartbeat.figures(0);
  EXPECT_EQ(first.worker(), "site");
  EXPECT_EQ(first.number(), 1U);
  EXPECT_EQ(first.requests(), 3U);
  EXPECT_EQ(first.errors(), 1U);  // a client that goes away is none
  EXPECT_EQ(first.cpu_us(), 42U);
  EXPECT_EQ(first.cold_starts(), 1U);
  ASSERT_EQ(first.latency_size(), 2);
  EXPECT_EQ(first.latency(0).index(), latency_bucket(milliseconds(3)));
  EXPECT_EQ(first.latency(0).count(), 2U);
  EXPECT_EQ(heartbeat.figures(1).crashes(), 1U);
  v1::Heartbeat next;
  figures.take(next);
  EXPECT_EQ(next.figures_size(), 0);
}

}  // namespace
}  // namespace isopop::pop
