#include "control_plane/cli/diff.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/text/text.h"
#include "control_plane/cli/convergence_text.h"

namespace isopop::control::cli {
namespace {

using ::testing::HasSubstr;

std::string diff(std::string_view before, std::string_view after) {
  return unified_diff({.before = "a", .after = "b"}, before, after);
}

TEST(Diff, OfTheSameIsNothing) {
  EXPECT_EQ(diff("", ""), "");
  EXPECT_EQ(diff("x\ny\n", "x\ny\n"), "");
}

TEST(Diff, ShowsThreeLinesAroundAChange) {
  EXPECT_EQ(diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"),
            "--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
}

TEST(Diff, OfNothingAddsOrRemovesEverything) {
  EXPECT_EQ(diff("", "x\n"), "--- a\n+++ b\n@@ -0,0 +1 @@\n+x\n");
  EXPECT_EQ(diff("x\ny\n", ""), "--- a\n+++ b\n@@ -1,2 +0,0 @@\n-x\n-y\n");
}

TEST(Diff, TellsAMissingLineBreakAtTheEnd) {
  EXPECT_EQ(diff("x\n", "x"), "--- a\n+++ b\n@@ -1 +1 @@\n-x\n+x\n\\ No newline at end of file\n");
}

TEST(Diff, FarChangesAreHunksOfTheirOwn) {
  std::string before;
  for (int i = 1; i <= 40; ++i) before += std::to_string(i) + "\n";
  std::string after = before;
  after.replace(after.find("5\n"), 2, "five\n");
  after.replace(after.find("35\n"), 3, "");
  EXPECT_EQ(diff(before, after),
            "--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
            "@@ -32,7 +32,6 @@\n 32\n 33\n 34\n-35\n 36\n 37\n 38\n");
}

TEST(Diff, OfBytesSaysOnlyThatTheyDiffer) {
  EXPECT_EQ(diff(std::string_view("\0a", 2), "b"), "Binary files a and b differ\n");
  EXPECT_EQ(diff("\xff", "b"), "Binary files a and b differ\n");
}

TEST(Diff, OfVeryDifferentTextsEnds) {
  std::string before;
  std::string after;
  for (int i = 0; i < 5'000; ++i) {
    before += "a" + std::to_string(i) + "\n";
    after += "b" + std::to_string(i) + "\n";
  }
  const std::string text = diff(before, after);
  EXPECT_THAT(text, HasSubstr("@@ -1,5000 +1,5000 @@\n-a0\n"));
  EXPECT_THAT(text, HasSubstr("-a4999\n+b0\n"));
}

TEST(Histogram, HasRoundBounds) {
  EXPECT_EQ(histogram({}), "");
  const std::string text = histogram({6.0, 7.0, 9.9, 12.0, 60.0});
  EXPECT_EQ(text,
            "     5 ms – 10 ms    ########################################      3\n"
            "    10 ms – 20 ms    ##############                                1\n"
            "    20 ms – 50 ms                                                  0\n"
            "    50 ms – 100 ms   ##############                                1\n");
}

TEST(Histogram, KeepsEveryTime) {
  // On the bounds, below the first one, and far apart.
  const std::vector<double> times = {0.0, 0.05, 0.1,  0.2,    0.5,    1.0,
                                     2.0, 5.0,  10.0, 1000.0, 99999.0};
  const std::string text = histogram(times);
  std::size_t count = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos;
       end = text.find('\n', end + 1)) {
    count += parse_unsigned(trim(text.substr(end - 6, 6))).value();
  }
  EXPECT_EQ(count, times.size());
}

TEST(Convergence, NamesLaggardsAndReasons) {
  v1::Convergence convergence;
  convergence.mutable_deployment()->set_worker("shop");
  convergence.mutable_deployment()->set_number(4);
  convergence.mutable_deployment()->add_shares()->set_number(3);
  convergence.add_acked()->set_id("AMS");
  convergence.mutable_acked(0)->set_ack_ms(12.0);
  convergence.add_laggards()->set_id("SYD");
  convergence.mutable_laggards(0)->set_state("down");
  convergence.mutable_laggards(0)->set_waiting_ms(3000.0);
  for (const char* pop : {"FRA", "GRU"}) {
    convergence.add_rejections()->set_pop(pop);
    convergence.mutable_rejections(convergence.rejections_size() - 1)->set_error("does not start");
  }
  const std::string text = describe(convergence);
  EXPECT_THAT(text, HasSubstr("shop deployment 4 (v3): 4 PoPs, 1 acknowledged"));
  EXPECT_THAT(text, HasSubstr("max 12 ms (AMS)"));
  EXPECT_THAT(text, HasSubstr("SYD  down, for 3 s"));
  EXPECT_THAT(text, HasSubstr("does not start at 2: FRA GRU"));
}

}  // namespace
}  // namespace isopop::control::cli
