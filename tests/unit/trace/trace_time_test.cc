#include "sim/trace/trace_time.h"

#include <gtest/gtest.h>

namespace isopop::sim {
namespace {

constexpr std::int64_t kMoment = 1'431'857'103'000'000'000;  // 2015-05-17T10:05:03Z

std::int64_t read_time(std::string_view text) {
  const Result<std::int64_t> time = parse_any_time(text);
  EXPECT_TRUE(time.ok()) << text;
  return time.ok() ? time.value() : 0;
}

TEST(TraceTimeTest, ReadsEpochsOfAnyUnit) {
  EXPECT_EQ(read_time("1431857103"), kMoment);
  EXPECT_EQ(read_time("1431857103.25"), kMoment + 250'000'000);
  EXPECT_EQ(read_time("1431857103000"), kMoment);
  EXPECT_EQ(read_time("1431857103000.5"), kMoment + 500'000);
  EXPECT_EQ(read_time("1431857103000000"), kMoment);
  EXPECT_EQ(read_time("1431857103000000001"), kMoment + 1);
  EXPECT_EQ(read_time("0"), 0);
  EXPECT_EQ(read_time("0.000000001"), 1);
}

TEST(TraceTimeTest, ReadsCivilTimesWithZones) {
  EXPECT_EQ(read_time("2015-05-17T10:05:03Z"), kMoment);
  EXPECT_EQ(read_time("2015-05-17 10:05:03"), kMoment);
  EXPECT_EQ(read_time("2015-05-17T12:05:03.125+02:00"), kMoment + 125'000'000);
  EXPECT_EQ(read_time("2015-05-17T05:35:03-0430"), kMoment);
  EXPECT_EQ(read_time("17/May/2015:12:05:03 +0200"), kMoment);
  EXPECT_EQ(read_time("1969-12-31T23:59:59Z"), -1'000'000'000);
}

TEST(TraceTimeTest, RefusesTimesThatDoNotExist) {
  for (const std::string_view text :
       {"", "yesterday", "2015-02-30T10:05:03Z", "2015-05-17T24:05:03Z", "2015-13-01T00:00:00Z",
        "2015-05-17T10:05:03+99:00", "31/Feb/2015:10:05:03 +0000", "17/Mai/2015:10:05:03 +0000",
        "9999-01-01T00:00:00Z", "99999999999999999999", "-5", "1.5x", "2015-05-17T10:05"}) {
    EXPECT_FALSE(parse_any_time(text).ok()) << text;
  }
}

}  // namespace
}  // namespace isopop::sim
