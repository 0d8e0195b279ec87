#include "common/http/parser.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "common/random/random.h"

namespace isopop::http {
namespace {

TEST(HttpParser, FindsTheEndOfAHeadThatComesInPieces) {
  const std::string_view head = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  for (std::size_t size = 0; size < head.size(); ++size) {
    EXPECT_EQ(find_head_end(head.substr(0, size), 0), std::string_view::npos);
    // Whatever was searched before, the end is found.
    EXPECT_EQ(find_head_end(head, size), head.size());
  }
  EXPECT_EQ(find_head_end("a\r\n\r\nbody", 0), 5U);
}

TEST(HttpParser, ReadsARequestHead) {
  RequestParser parser({});
  const ParseFault fault = parser.parse_head(
      "POST /x?y HTTP/1.1\r\nHost: h\r\nX-A:  spaced \r\nContent-Length: 3\r\n\r\n");
  ASSERT_FALSE(fault.any()) << fault.reason;
  EXPECT_EQ(parser.head().method, "POST");
  EXPECT_EQ(parser.head().target, "/x?y");
  EXPECT_EQ(parser.head().headers.get("x-a"), "spaced");
  EXPECT_TRUE(parser.head().keep_alive);
  EXPECT_TRUE(parser.has_body());
  EXPECT_FALSE(parser.body_done());
}

// What a chunked body decodes to when it arrives in pieces of these sizes.
std::string decode(std::string_view wire, RandomStream& random, std::size_t piece_bytes_max) {
  RequestParser parser({});
  EXPECT_FALSE(
      parser.parse_head("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n").any());
  std::string body;
  std::string unread;
  while (!parser.body_done() && (!wire.empty() || !unread.empty())) {
    const std::size_t size = std::min<std::size_t>(wire.size(), 1 + random.below(7));
    unread.append(wire.substr(0, size));
    wire.remove_prefix(size);
    std::string piece;
    ParseFault fault;
    unread.erase(0, parser.parse_body(unread, piece, piece_bytes_max, fault));
    EXPECT_FALSE(fault.any()) << fault.reason;
    EXPECT_LE(piece.size(), piece_bytes_max);
    body += piece;
  }
  EXPECT_TRUE(parser.body_done());
  return body;
}

TEST(HttpParser, ReadsChunksHoweverTheyArrive) {
  const std::string_view wire =
      "5\r\nhello\r\n1;ext=\"q;r\"\r\n \r\n00a\r\n0123456789\r\n0\r\nT: x\r\n\r\n";
  RandomStream random(1, "parser-test");
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(decode(wire, random, 1 + random.below(12)), "hello 0123456789");
  }
}

TEST(HttpParser, StopsAtTheEndOfTheMessage) {
  RequestParser parser({});
  ASSERT_FALSE(parser.parse_head("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n").any());
  std::string piece;
  ParseFault fault;
  EXPECT_EQ(parser.parse_body("abcGET / HTTP/1.1", piece, 1000, fault), 3U);
  EXPECT_EQ(piece, "abc");
  EXPECT_TRUE(parser.body_done());
}

TEST(HttpParser, RefusesAChunkHeaderWithoutEnd) {
  RequestParser parser({});
  ASSERT_FALSE(
      parser.parse_head("PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n").any());
  std::string piece;
  ParseFault fault;
  parser.parse_body("5;x=" + std::string(20'000, 'y'), piece, 1000, fault);
  EXPECT_EQ(fault.status, 400U);
}

TEST(HttpParser, KeepsToItsLimits) {
  RequestParser many({.headers_max = 3});
  EXPECT_EQ(many.parse_head("GET / HTTP/1.1\r\nHost: h\r\na: 1\r\nb: 2\r\nc: 3\r\n\r\n").status,
            431U);
  RequestParser target({.target_bytes_max = 10});
  EXPECT_EQ(target.parse_head("GET /0123456789 HTTP/1.1\r\nHost: h\r\n\r\n").status, 414U);
  RequestParser body({.body_bytes_max = 10});
  EXPECT_EQ(body.parse_head("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\n").status,
            413U);
}

TEST(HttpParser, KnowsWhichResponsesHaveNoBody) {
  for (const std::string_view head :
       {"HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}) {
    ResponseParser parser({});
    ASSERT_FALSE(parser.parse_head(head).any()) << head;
    EXPECT_TRUE(parser.body_done()) << head;
    EXPECT_FALSE(parser.has_body()) << head;
  }
  ResponseParser head_answer({});
  head_answer.expect_no_body();
  ASSERT_FALSE(head_answer.parse_head("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n").any());
  EXPECT_TRUE(head_answer.body_done());
}

// Bytes that nobody would send, and messages with some bytes changed: no crash, no endless loop.
TEST(HttpParser, SurvivesNoise) {
  RandomStream random(7, "parser-noise");
  const std::string good =
      "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n"
      "5\r\nhello\r\n0\r\n\r\n";
  const std::size_t head_bytes = find_head_end(good, 0);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = good;
    const std::uint64_t changes = 1 + random.below(4);
    for (std::uint64_t i = 0; i < changes; ++i) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    }
    RequestParser parser({});
    if (parser.parse_head(std::string_view(bytes).substr(0, head_bytes)).any()) continue;
    std::string_view rest = std::string_view(bytes).substr(head_bytes);
    ParseFault fault;
    std::string piece;
    while (!parser.body_done() && !fault.any()) {
      const std::size_t used = parser.parse_body(rest, piece, 1000, fault);
      if (used == 0) break;
      rest.remove_prefix(used);
    }
    EXPECT_LE(piece.size(), bytes.size());
  }
}

}  // namespace
}  // namespace isopop::http
