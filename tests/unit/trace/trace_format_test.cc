#include "sim/trace/trace_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace isopop::sim {
namespace {

using testing::HasSubstr;

constexpr std::string_view kCommon = "h - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1";

TEST(TraceFormatTest, IsToldFromTheContent) {
  EXPECT_EQ(detect_trace_format(kCommon).value(), TraceFormat::kClf);
  EXPECT_EQ(detect_trace_format(std::string(kCommon) + " \"-\" \"curl\"\n").value(),
            TraceFormat::kCombined);
  EXPECT_EQ(detect_trace_format("# made by us\n\nts;path\n1;/\n").value(), TraceFormat::kCsv);
  EXPECT_EQ(detect_trace_format("\xEF\xBB\xBF{\"time\":1}\n").value(), TraceFormat::kJsonl);
}

TEST(TraceFormatTest, SurvivesBrokenFirstLinesOfALog) {
  EXPECT_EQ(detect_trace_format("half a line\n" + std::string(kCommon) + "\n").value(),
            TraceFormat::kClf);
}

TEST(TraceFormatTest, SaysWhyNothingFits) {
  EXPECT_THAT(detect_trace_format(std::string("\x7F"
                                              "ELF\0\0",
                                              6))
                  .error()
                  .message,
              HasSubstr("binary file"));
  EXPECT_THAT(detect_trace_format("").error().message, HasSubstr("no line"));
  EXPECT_THAT(detect_trace_format("Dear Sir,\n").error().message, HasSubstr("--format"));
}

TEST(TraceFormatTest, NamesRoundTrip) {
  for (const TraceFormat format :
       {TraceFormat::kClf, TraceFormat::kCombined, TraceFormat::kCsv, TraceFormat::kJsonl}) {
    EXPECT_EQ(parse_trace_format(to_string(format)).value(), format);
  }
  EXPECT_FALSE(parse_trace_format("xml").ok());
}

}  // namespace
}  // namespace isopop::sim
