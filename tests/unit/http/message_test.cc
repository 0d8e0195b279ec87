#include "common/http/message.h"

#include <gtest/gtest.h>

namespace isopop::http {
namespace {

TEST(HttpMessage, KnowsThePhrasesOfStatuses) {
  EXPECT_EQ(reason_phrase(200), "OK");
  EXPECT_EQ(reason_phrase(413), "Content Too Large");
  EXPECT_EQ(reason_phrase(511), "Network Authentication Required");
  EXPECT_EQ(reason_phrase(299), "Unknown");
  EXPECT_EQ(reason_phrase(999), "Unknown");
}

TEST(HttpMessage, KnowsWhichMethodsMayBeRepeated) {
  EXPECT_TRUE(is_idempotent("GET"));
  EXPECT_TRUE(is_idempotent("DELETE"));
  EXPECT_FALSE(is_idempotent("POST"));
  EXPECT_FALSE(is_idempotent("PATCH"));
  EXPECT_FALSE(is_idempotent("get")) << "methods know case";
}

TEST(HttpMessage, SplitsTargets) {
  const TargetParts plain = split_target("/a/b?c=d?e");
  EXPECT_EQ(plain.host, "");
  EXPECT_EQ(plain.path, "/a/b");
  EXPECT_EQ(plain.query, "c=d?e");
  const TargetParts absolute = split_target("http://h.example:80/p");
  EXPECT_EQ(absolute.host, "h.example:80");
  EXPECT_EQ(absolute.path, "/p");
  EXPECT_FALSE(absolute.has_query);
  const TargetParts bare = split_target("http://h?q");
  EXPECT_EQ(bare.host, "h");
  EXPECT_EQ(bare.path, "/");
  EXPECT_EQ(bare.query, "q");
  EXPECT_EQ(split_target("/r?u=http://x/y").host, "");
  EXPECT_EQ(split_target("*").path, "*");
}

TEST(HttpMessage, FindsTheHostOfARequest) {
  RequestHead request;
  EXPECT_EQ(request_host(request), "");
  request.headers.add("Host", "Hello.Example:8080");
  EXPECT_EQ(request_host(request), "hello.example");
  request.target = "http://user@Other.example/x";
  EXPECT_EQ(request_host(request), "other.example") << "the absolute target wins";
  request.target = "/";
  request.headers.set("Host", "[::1]:80");
  EXPECT_EQ(request_host(request), "[::1]");
  request.headers.set("Host", "[::1]");
  EXPECT_EQ(request_host(request), "[::1]");
}

}  // namespace
}  // namespace isopop::http
