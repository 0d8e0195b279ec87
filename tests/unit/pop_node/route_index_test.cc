#include "pop_node/worker/route_index.h"

#include <gtest/gtest.h>

namespace isopop::pop {
namespace {

RouteIndex index_of(const std::vector<std::pair<std::string, std::string>>& routes) {
  RouteIndex index;
  for (const auto& [pattern, worker] : routes) index.add(parse_route(pattern).value(), worker);
  return index;
}

std::string find(const RouteIndex& index, const std::string& host, const std::string& path) {
  const std::string* worker = index.find(host, path);
  return worker == nullptr ? "none" : *worker;
}

TEST(RouteIndexTest, AnExactHostBeatsASuffixBeatsAny) {
  const RouteIndex index =
      index_of({{"*/*", "any"}, {"*.example/*", "suffix"}, {"a.example/*", "exact"}});
  EXPECT_EQ(find(index, "a.example", "/"), "exact");
  EXPECT_EQ(find(index, "b.example", "/"), "suffix");
  EXPECT_EQ(find(index, "example", "/"), "any");
}

TEST(RouteIndexTest, TheLongerSuffixWins) {
  const RouteIndex index = index_of({{"*.example/*", "short"}, {"*.b.example/*", "long"}});
  EXPECT_EQ(find(index, "a.b.example", "/"), "long");
  EXPECT_EQ(find(index, "b.example", "/"), "short");
  EXPECT_EQ(find(index, "x.a.b.example", "/"), "long");
}

TEST(RouteIndexTest, TheLongerPathWinsAndAnExactOneBeforeAPrefix) {
  const RouteIndex index = index_of(
      {{"h/*", "all"}, {"h/api/*", "api"}, {"h/api/v2/*", "v2"}, {"h/api/v2/", "root of v2"}});
  EXPECT_EQ(find(index, "h", "/"), "all");
  EXPECT_EQ(find(index, "h", "/apis"), "all");
  EXPECT_EQ(find(index, "h", "/api/x"), "api");
  EXPECT_EQ(find(index, "h", "/api/v2/x"), "v2");
  EXPECT_EQ(find(index, "h", "/api/v2/"), "root of v2");
}

TEST(RouteIndexTest, AHostWhosePathsDoNotFitFallsThrough) {
  const RouteIndex index = index_of({{"a.example/only", "exact"}, {"*.example/*", "suffix"}});
  EXPECT_EQ(find(index, "a.example", "/only"), "exact");
  EXPECT_EQ(find(index, "a.example", "/other"), "suffix");
}

TEST(RouteIndexTest, NothingFitsIsNull) {
  EXPECT_EQ(find(index_of({{"a.example/x/*", "x"}}), "a.example", "/y"), "none");
  EXPECT_EQ(find(RouteIndex(), "", "/"), "none");
}

TEST(RouteIndexTest, OfEqualPatternsTheFirstStays) {
  EXPECT_EQ(find(index_of({{"h/*", "first"}, {"h/*", "second"}}), "h", "/"), "first");
}

TEST(ParseRouteTest, AHostAloneMeansEveryPath) {
  const RoutePattern pattern = parse_route("Hello.Example").value();
  EXPECT_EQ(pattern.host, "hello.example");
  EXPECT_EQ(pattern.path, "/");
  EXPECT_EQ(pattern.path_kind, RoutePattern::PathKind::kPrefix);
}

TEST(ParseRouteTest, RefusesWhatIsNoPattern) {
  for (const char* text : {"", "/*", "*.", "*./x", "a b/*", "h/*/x", "h/x?y", "a.*.example/*"}) {
    EXPECT_FALSE(parse_route(text).ok()) << text;
  }
}

TEST(HostNameTest, DropsPortCaseAndTrailingDot) {
  EXPECT_EQ(host_name("Hello.Example:8080"), "hello.example");
  EXPECT_EQ(host_name("hello.example."), "hello.example");
  EXPECT_EQ(host_name("[::1]:8080"), "[::1]");
  EXPECT_EQ(host_name(""), "");
}

}  // namespace
}  // namespace isopop::pop
