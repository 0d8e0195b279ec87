#include "common/text/text.h"

#include <gmock/gmock.h>

namespace isopop {
namespace {

using ::testing::ElementsAre;

TEST(TextTest, SplitKeepsEmptyPieces) {
  EXPECT_THAT(split("a,,b,", ','), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(split("", ','), ElementsAre(""));
}

TEST(TextTest, TrimTakesOnlyTheEnds) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
}

TEST(TextTest, NumbersMustBeTheWholeText) {
  EXPECT_EQ(parse_integer("-12"), -12);
  EXPECT_EQ(parse_unsigned("12"), 12U);
  EXPECT_EQ(parse_double("1.5"), 1.5);
  for (const char* wrong : {"", " 1", "1 ", "+1", "1x", "99999999999999999999"}) {
    EXPECT_FALSE(parse_integer(wrong)) << wrong;
  }
  EXPECT_FALSE(parse_unsigned("-1"));
  EXPECT_FALSE(parse_double("nan"));
  EXPECT_FALSE(parse_double("inf"));
}

TEST(TextTest, TruncationNeverCutsACharacter) {
  EXPECT_EQ(truncate_utf8("aé", 2), "a");
  EXPECT_EQ(truncate_utf8("aé", 3), "aé");
}

TEST(TextTest, SuggestsWhatWasProbablyMeant) {
  EXPECT_EQ(did_you_mean("lattitude", {"latitude", "longitude"}), "latitude");
  EXPECT_EQ(did_you_mean("zzzzzz", {"latitude", "longitude"}), "");
}

TEST(TextTest, CaseIsIgnoredInAsciiOnly) {
  EXPECT_TRUE(equals_ignoring_case("Content-Length", "content-length"));
  EXPECT_FALSE(equals_ignoring_case("a", "ab"));
  EXPECT_EQ(to_lower("ÀB"), "Àb");
}

}  // namespace
}  // namespace isopop
