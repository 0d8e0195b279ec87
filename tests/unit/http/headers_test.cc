#include "common/http/headers.h"

#include <gmock/gmock.h>

#include <string>

namespace isopop::http {
namespace {

using testing::ElementsAre;

std::string dump(const Headers& headers) {
  std::string text;
  for (const HeaderView header : headers) {
    text.append(header.name).append("=").append(header.value).append(";");
  }
  return text;
}

TEST(Headers, KeepsOrderAndRepetition) {
  const Headers headers = {{"A", "1"}, {"b", "2"}, {"a", "3"}};
  EXPECT_EQ(dump(headers), "A=1;b=2;a=3;");
  EXPECT_EQ(headers.get("a"), "1");
  EXPECT_THAT(headers.get_all("A"), ElementsAre("1", "3"));
  EXPECT_EQ(headers.get("c"), std::nullopt);
}

TEST(Headers, SetReplacesAllOfTheName) {
  Headers headers = {{"a", "1"}, {"b", "2"}, {"A", "3"}};
  headers.set("a", "new");
  EXPECT_EQ(dump(headers), "b=2;a=new;");
  headers.set("c", "added");
  EXPECT_EQ(dump(headers), "b=2;a=new;c=added;");
}

TEST(Headers, RemoveSaysHowMany) {
  Headers headers = {{"a", "1"}, {"b", "2"}, {"A", "3"}};
  EXPECT_EQ(headers.remove("a"), 2U);
  EXPECT_EQ(headers.remove("a"), 0U);
  EXPECT_EQ(dump(headers), "b=2;");
}

TEST(Headers, AppendMakesAList) {
  Headers headers = {{"Via", "one"}, {"x", "y"}};
  headers.append("via", "two");
  headers.append("new", "n");
  EXPECT_EQ(dump(headers), "Via=one, two;x=y;new=n;");
}

TEST(Headers, TakesViewsIntoItself) {
  Headers headers = {{"a", "value"}};
  // Often enough that the buffer moves while the views point into it.
  for (int i = 0; i < 200; ++i) headers.add(headers[0].name, headers[0].value);
  EXPECT_EQ(headers.size(), 201U);
  EXPECT_EQ(headers[200].value, "value");
  headers.set("b", *headers.get("a"));
  EXPECT_EQ(headers.get("b"), "value");
  headers.set(headers[0].name, headers[0].value);
  EXPECT_EQ(dump(headers), "b=value;a=value;");
}

TEST(Headers, KnowsWhatMayStandInAHeader) {
  EXPECT_TRUE(is_header_name("x-Request_id.1"));
  EXPECT_FALSE(is_header_name(""));
  EXPECT_FALSE(is_header_name("a b"));
  EXPECT_FALSE(is_header_name("a:"));
  EXPECT_FALSE(is_header_name("a\n"));
  EXPECT_TRUE(is_header_value(""));
  EXPECT_TRUE(is_header_value("São Paulo\t\"x\""));
  EXPECT_FALSE(is_header_value("a\rb"));
  EXPECT_FALSE(is_header_value("a\nb"));
  EXPECT_FALSE(is_header_value(std::string_view("a\0b", 3)));
}

TEST(Headers, FindsTokensInLists) {
  EXPECT_TRUE(list_contains("close", "close"));
  EXPECT_TRUE(list_contains("keep-alive , Close", "close"));
  EXPECT_FALSE(list_contains("closed", "close"));
  EXPECT_FALSE(list_contains("", "close"));
}

TEST(Headers, DropsWhatBelongsToOneConnection) {
  Headers headers = {{"Connection", "X-Hop, keep-alive"}, {"x-hop", "1"},  {"TE", "trailers"},
                     {"Transfer-Encoding", "chunked"},    {"Kept", "yes"}, {"Upgrade", "h2c"},
                     {"Keep-Alive", "timeout=5"}};
  remove_hop_by_hop(headers);
  EXPECT_EQ(dump(headers), "Kept=yes;");
}

}  // namespace
}  // namespace isopop::http
