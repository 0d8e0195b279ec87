#include "sim/replay/replay_progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isopop::sim {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

TEST(ReplayProgressTest, ShowsShareRateLatencyErrorsAndWhatIsLeft) {
  const std::string line = render_progress({.ended = 4312,
                                            .total = 10'000,
                                            .rate_per_s = 812.4,
                                            .p50 = milliseconds(12),
                                            .p99 = milliseconds(88),
                                            .failed = 3,
                                            .dropped = 0,
                                            .remaining = milliseconds(3200)});
  EXPECT_THAT(line, HasSubstr("43 % · 4312 of 10000 · 812/s · p50 12 ms · p99 88 ms · 3 failed"));
  EXPECT_THAT(line, HasSubstr("4 s left"));
  EXPECT_THAT(line, Not(HasSubstr("dropped")));
}

TEST(ReplayProgressTest, IsFullAtTheEndAndNeverOverflows) {
  EXPECT_THAT(render_progress({.ended = 10, .total = 10}),
              HasSubstr("[====================] 100 %"));
  EXPECT_THAT(render_progress({.ended = 0, .total = 0}), HasSubstr("100 %"));
  EXPECT_THAT(render_progress({.ended = 0, .total = 5}), HasSubstr("[>                   ] 0 %"));
}

}  // namespace
}  // namespace isopop::sim
