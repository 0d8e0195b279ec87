#include "common/http/head_writer.h"

#include <gtest/gtest.h>

namespace isopop::http {
namespace {

TEST(HeadWriter, PutsTheTrueFramingInPlaceOfWhatHeadersSay) {
  ResponseHead head;
  head.status = 404;
  head.headers = {{"Content-Length", "999"},
                  {"Transfer-Encoding", "gzip"},
                  {"Connection", "keep-alive"},
                  {"X", "y"}};
  std::string out;
  ASSERT_TRUE(write_response_head(out, head, {.kind = Framing::Kind::kLength, .length = 5}, "close",
                                  "today")
                  .ok());
  EXPECT_EQ(out,
            "HTTP/1.1 404 Not Found\r\nX: y\r\ndate: today\r\ncontent-length: 5\r\n"
            "connection: close\r\n\r\n");
}

TEST(HeadWriter, WritesARequest) {
  RequestHead head;
  head.target = "/p?q";
  head.headers = {{"Expect", "100-continue"}, {"Accept", "*/*"}};
  std::string out;
  ASSERT_TRUE(write_request_head(out, head, {.kind = Framing::Kind::kChunked}, "h:80").ok());
  EXPECT_EQ(out,
            "GET /p?q HTTP/1.1\r\nhost: h:80\r\nAccept: */*\r\n"
            "transfer-encoding: chunked\r\n\r\n");
}

TEST(HeadWriter, LeavesTheOutputAloneWhenItRefuses) {
  std::string out = "before";
  ResponseHead response;
  response.headers = {{"a", "1"}, {"b", "x\r\nc: d"}};
  EXPECT_FALSE(write_response_head(out, response, {}, "", "").ok());
  response.headers = {{"a:", "1"}};
  EXPECT_FALSE(write_response_head(out, response, {}, "", "").ok());
  response.headers = {};
  response.reason = "OK\r\nx: y";
  EXPECT_FALSE(write_response_head(out, response, {}, "", "").ok());
  response.reason = "";
  response.status = 20;
  EXPECT_FALSE(write_response_head(out, response, {}, "", "").ok());
  RequestHead request;
  request.target = "/a b";
  EXPECT_FALSE(write_request_head(out, request, {}, "h").ok());
  request.target = "/";
  request.method = "GET /";
  EXPECT_FALSE(write_request_head(out, request, {}, "h").ok());
  EXPECT_EQ(out, "before");
}

TEST(HeadWriter, WritesDatesAsHttpWantsThem) {
  EXPECT_EQ(format_http_date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");  // RFC 9110's example
  EXPECT_EQ(format_http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(format_http_date(1709164800), "Thu, 29 Feb 2024 00:00:00 GMT");
}

}  // namespace
}  // namespace isopop::http
