#include "control_plane/cli/terminal.h"

#include <gtest/gtest.h>

namespace isopop::control::cli {
namespace {

TEST(Table, AlignsColumnsAlsoOfUtf8) {
  Table table({{"CITY"}, {"N", Table::Align::kRight}});
  table.add({"Zürich", "7"});
  table.add({"Oslo", "1200"});
  EXPECT_EQ(table.render(), "CITY       N\nZürich     7\nOslo    1200\n");
}

TEST(Table, WithoutRowsShowsItsTitles) {
  EXPECT_EQ(Table({{"A"}, {"B"}}).render(), "A  B\n");
}

TEST(Table, CutsLongCellsUnlessItIsWide) {
  const std::string fits(Table::kCellWidthMax, 'x');
  const std::string umlauts = [] {
    std::string text;
    for (std::size_t i = 0; i < Table::kCellWidthMax; ++i) text += "ü";
    return text;
  }();
  Table table({{"A"}, {"B"}});
  table.add({fits, "1"});
  table.add({umlauts + "ü", "2"});
  const std::string kept = umlauts.substr(0, umlauts.size() - 2);
  EXPECT_EQ(table.render({.headers = false}), fits + "  1\n" + kept + "…  2\n");
  EXPECT_EQ(table.render({.wide = true, .headers = false}), fits + "   1\n" + umlauts + "ü  2\n");
}

TEST(Percentile, IsTheNearestRank) {
  const std::vector<double> values = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  EXPECT_EQ(percentile(values, 0.5), 5);
  EXPECT_EQ(percentile(values, 0.99), 10);
  EXPECT_EQ(percentile(values, 0.0), 1);
  EXPECT_EQ(percentile(values, 1.0), 10);
  EXPECT_EQ(percentile({}, 0.5), 0);
  EXPECT_EQ(percentile({7}, 0.99), 7);
}

TEST(FormatTime, IsShortAndUtc) {
  EXPECT_EQ(format_time(1'795'413'240'123), "2026-11-23 05:54:00");
}

TEST(ExitCode, FollowsTheErrorOfTheCall) {
  EXPECT_EQ(exit_code_of(ErrorCode::kNotFound), ExitCode::kNotFound);
  EXPECT_EQ(exit_code_of(ErrorCode::kAlreadyExists), ExitCode::kConflict);
  EXPECT_EQ(exit_code_of(ErrorCode::kPermissionDenied), ExitCode::kNotAllowed);
  EXPECT_EQ(exit_code_of(ErrorCode::kUnavailable), ExitCode::kUnreachable);
  EXPECT_EQ(exit_code_of(ErrorCode::kInvalidArgument), ExitCode::kUsage);
  EXPECT_EQ(exit_code_of(ErrorCode::kInternal), ExitCode::kUnexpected);
}

}  // namespace
}  // namespace isopop::control::cli
