#include "sim/report/kv_totals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sim/report/run_json.h"
#include "sim/report/summary_text.h"

namespace isopop::sim {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

KvTotals totals_of(std::uint64_t hits, std::uint64_t misses) {
  KvTotals totals;
  totals.hits = hits;
  totals.misses = misses;
  return totals;
}

TEST(KvTotals, OfARunAreWhatCameBetweenTwoLooks) {
  KvTotals before = totals_of(10, 5);
  before.staleness.record(milliseconds(1'000));
  KvTotals after = totals_of(40, 6);
  after.joined = 9;
  after.writes = 3;
  after.invalidations = 2;
  after.staleness.record(milliseconds(1'000));
  after.staleness.record(milliseconds(20));
  const KvTotals run = kv_between({{"AMS", before}}, {{"AMS", after}, {"FRA", totals_of(1, 0)}});
  EXPECT_EQ(run.hits, 31U);
  EXPECT_EQ(run.misses, 1U);
  EXPECT_EQ(run.joined, 9U);
  EXPECT_EQ(run.reads(), 41U);
  EXPECT_NEAR(run.hit_ratio(), 40.0 / 41.0, 1e-12);
  EXPECT_EQ(run.writes, 3U);
  EXPECT_EQ(run.invalidations, 2U);
  ASSERT_EQ(run.staleness.count(), 1U) << "not the one from before the run";
  EXPECT_LT(run.staleness.quantile(1.0), milliseconds(30));
}

TEST(KvTotals, APoPThatWasStartedAnewCountsWithAllItHas) {
  const KvTotals run = kv_between({{"AMS", totals_of(100, 50)}}, {{"AMS", totals_of(7, 60)}});
  EXPECT_EQ(run.hits, 7U);
  EXPECT_EQ(run.misses, 60U);
}

TEST(KvTotals, AreToldOnlyWhereThereAreAny) {
  RunReport report;
  report.config_json = "{}";
  EXPECT_FALSE(nlohmann::json::parse(render_run_json(report)).contains("kv"));
  EXPECT_THAT(render_summary(report), Not(HasSubstr("KV ")));
  report.kv = totals_of(3, 1);
  report.kv.staleness.record(milliseconds(20));
  const nlohmann::json kv = nlohmann::json::parse(render_run_json(report))["kv"];
  EXPECT_EQ(kv["reads"], 4);
  EXPECT_EQ(kv["hit_ratio"], 0.75);
  EXPECT_NEAR(kv["staleness_ms"]["p99"].get<double>(), 20, 2);
  EXPECT_THAT(render_summary(report), HasSubstr("4 reads, 75"));
}

}  // namespace
}  // namespace isopop::sim
