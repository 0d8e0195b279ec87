#include "sim/replay/replay_progress.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isopop::sim {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;

const ProgressFigures kFigures = {.ended = 4312,
                                  .total = 10'000,
                                  .rate_per_s = 812.4,
                                  .p50 = milliseconds(12),
                                  .p99 = milliseconds(88),
                                  .failed = 3,
                                  .dropped = 0,
                                  .remaining = milliseconds(3200)};

TEST(ReplayProgressTest, ShowsShareRateLatencyErrorsAndWhatIsLeft) {
  EXPECT_EQ(
      render_progress(kFigures, 120),
      "[========>           ] 43 % · 4312 of 10000 · 812/s · p50 12 ms · p99 88 ms · 3 failed · "
      "4 s left");
}

TEST(ReplayProgressTest, FitsIntoNarrowTerminals) {
  EXPECT_EQ(render_progress(kFigures, 80),
            "43 % · 4312 of 10000 · 812/s · p50 12 ms · p99 88 ms · 3 failed · 4 s left");
  EXPECT_EQ(render_progress(kFigures, 8), "43 % · 4");
}

TEST(ReplayProgressTest, IsFullAtTheEnd) {
  EXPECT_THAT(render_progress({.ended = 10, .total = 10}, 200),
              HasSubstr("[====================] 100 %"));
  EXPECT_THAT(render_progress({.ended = 0, .total = 0}, 200), HasSubstr("100 %"));
  EXPECT_THAT(render_progress({.ended = 0, .total = 5}, 200),
              HasSubstr("[>                   ] 0 %"));
}

}  // namespace
}  // namespace isopop::sim
