#include "common/http/server_timing.h"

#include <gtest/gtest.h>

namespace isopop::http {
namespace {

using std::chrono::microseconds;

TEST(ServerTiming, ReadsWhatItWrites) {
  std::string header;
  append_timing(header, "pop", microseconds(1250));
  append_timing(header, "run", microseconds(0));
  EXPECT_EQ(header, "pop;dur=1.250, run;dur=0.000");
  EXPECT_EQ(find_timing_ms(header, "pop"), 1.25);
  EXPECT_EQ(find_timing_ms(header, "run"), 0.0);
  EXPECT_EQ(find_timing_ms(header, "queue"), std::nullopt);
}

TEST(ServerTiming, ReadsWhatOthersWrite) {
  const auto metrics =
      parse_server_timing(" miss, db;dur=53 , app ; desc=\"a, b; dur=9\" ;DUR=47.2,,x;dur=oops");
  ASSERT_EQ(metrics.size(), 4U);
  EXPECT_EQ(metrics[0].name, "miss");
  EXPECT_EQ(metrics[0].duration_ms, std::nullopt);
  EXPECT_EQ(metrics[1].duration_ms, 53.0);
  EXPECT_EQ(metrics[2].name, "app");
  EXPECT_EQ(metrics[2].duration_ms, 47.2);
  EXPECT_EQ(metrics[3].duration_ms, std::nullopt);
}

TEST(ServerTiming, SurvivesWhatIsNoHeader) {
  EXPECT_TRUE(parse_server_timing("").empty());
  EXPECT_TRUE(parse_server_timing(",;,;;").empty());
  EXPECT_EQ(parse_server_timing("a;dur=\"1.5").size(), 1U);
  EXPECT_EQ(parse_server_timing("a;desc=\"\\").size(), 1U);
}

}  // namespace
}  // namespace isopop::http
