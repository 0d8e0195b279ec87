#include "sim/trace/log_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace isopop::sim {
namespace {

using testing::HasSubstr;

constexpr std::string_view kCombinedLine =
    R"(83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /a.png?x=1 HTTP/1.1" 200 203023 )"
    R"x("http://semicomplete.com/" "Mozilla/5.0 (X11)")x";

std::string error_of(std::string_view line, LogDialect dialect) {
  RequestFields fields;
  const Result<void> parsed = parse_log_line(line, dialect, fields);
  return parsed.ok() ? "" : parsed.error().message;
}

TEST(LogLineTest, ReadsACombinedLine) {
  RequestFields fields;
  ASSERT_TRUE(parse_log_line(kCombinedLine, LogDialect::kCombined, fields).ok());
  EXPECT_EQ(fields.time_ns, 1'431'857'103'000'000'000);
  EXPECT_EQ(fields.client, "83.149.9.216");
  EXPECT_EQ(fields.method, "GET");
  EXPECT_EQ(fields.target, "/a.png?x=1");
  EXPECT_EQ(fields.host, "");
}

TEST(LogLineTest, ReadsACommonLineWithoutVersionAndBytes) {
  RequestFields fields;
  ASSERT_TRUE(
      parse_log_line(R"(pc.nasa.gov - bob smith [01/Jul/1995:00:00:01 -0400] "GET /x" 304 -)",
                     LogDialect::kCommon, fields)
          .ok());
  EXPECT_EQ(fields.client, "pc.nasa.gov");
  EXPECT_EQ(fields.target, "/x");
  EXPECT_EQ(fields.time_ns, 804'571'201'000'000'000);
}

TEST(LogLineTest, TakesTheHostOfAnAbsoluteUrl) {
  RequestFields fields;
  ASSERT_TRUE(parse_log_line(R"(1.2.3.4 - - [17/May/2015:10:05:03 +0000] )"
                             R"("GET http://Example.COM:8080/p?q#frag HTTP/1.1" 200 1)",
                             LogDialect::kCommon, fields)
                  .ok());
  EXPECT_EQ(fields.host, "example.com:8080");
  EXPECT_EQ(fields.target, "/p?q");
}

TEST(LogLineTest, EncodesWhatMayNotStandInARequestLine) {
  RequestFields fields;
  ASSERT_TRUE(parse_log_line(R"(1.2.3.4 - - [17/May/2015:10:05:03 +0000] )"
                             R"("GET /a b\xc3\xa9\"\t HTTP/1.0" 200 1)",
                             LogDialect::kCommon, fields)
                  .ok());
  EXPECT_EQ(fields.target, "/a%20b%C3%A9\"");
}

TEST(LogLineTest, AcceptsQuotesInsideTheUserAgent) {
  EXPECT_EQ(error_of(R"(1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 "-" )"
                     R"("a "quoted" agent" 0.003)",
                     LogDialect::kCombined),
            "");
}

TEST(LogLineTest, SaysWhereAHalfLineEnds) {
  const std::string whole(kCombinedLine);
  EXPECT_THAT(error_of(whole.substr(0, whole.find("\"Mozilla")), LogDialect::kCombined),
              HasSubstr("before the user agent"));
  EXPECT_THAT(error_of(whole.substr(0, 95), LogDialect::kCombined),
              HasSubstr("before the referrer"));
  EXPECT_THAT(error_of(whole.substr(0, 60), LogDialect::kCombined),
              HasSubstr("request line has no end"));
  EXPECT_THAT(error_of(whole.substr(0, 30), LogDialect::kCombined), HasSubstr("no [time]"));
}

TEST(LogLineTest, EveryPrefixThatLacksSomethingIsRefused) {
  const std::size_t agent = kCombinedLine.find("\"Mozilla");
  for (std::size_t size = 0; size <= agent; ++size) {
    EXPECT_NE(error_of(kCombinedLine.substr(0, size), LogDialect::kCombined), "") << size;
  }
}

TEST(LogLineTest, AcceptsAUserAgentThatIsCutOff) {
  const std::string_view cut = kCombinedLine.substr(0, kCombinedLine.size() - 4);
  EXPECT_EQ(error_of(cut, LogDialect::kCombined), "");
}

TEST(LogLineTest, RefusesWhatIsNoRequest) {
  const auto line = [](std::string_view request) {
    return "1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"" + std::string(request) + "\" 408 0";
  };
  EXPECT_THAT(error_of(line("-"), LogDialect::kCommon), HasSubstr("not a request line"));
  EXPECT_THAT(error_of(line("\\x16\\x03\\x01 a"), LogDialect::kCommon), HasSubstr("not a method"));
  EXPECT_THAT(error_of(line("OPTIONS * HTTP/1.1"), LogDialect::kCommon), HasSubstr("not a path"));
  EXPECT_THAT(error_of(line("CONNECT a:443 HTTP/1.1"), LogDialect::kCommon), HasSubstr("tunnel"));
  EXPECT_THAT(error_of(std::string("1.2.3.4 \0 x", 11), LogDialect::kCommon),
              HasSubstr("zero bytes"));
}

}  // namespace
}  // namespace isopop::sim
