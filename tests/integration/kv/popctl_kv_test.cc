// `popctl kv` against a real control plane.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/integration/kv/kv_fixture.h"

namespace isopop {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

class PopctlKvTest : public KvFixture {
 protected:
  // Its standard output; the errors, behind the exit code, when it failed.
  std::string kv(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "kv");
    const test::CommandOutcome outcome = control_.popctl(std::move(arguments));
    if (outcome.success()) return outcome.output;
    return std::to_string(outcome.status.code) + " " + outcome.errors;
  }
};

TEST_F(PopctlKvTest, PutsGetsListsAndDeletes) {
  EXPECT_THAT(kv({"put", "shop", "a", "1", "--metadata", R"({"by":"me"})", "--ttl", "1h"}),
              HasSubstr("a written"));
  const std::string bytes("\0\xff\n", 3);
  EXPECT_THAT(kv({"put", "shop", "b/c", "--path", control_.write("value", bytes).string()}),
              HasSubstr("b/c written (3 B)"));
  EXPECT_EQ(kv({"get", "shop", "a"}), "1");
  EXPECT_EQ(kv({"get", "shop", "b/c"}), bytes) << "its bytes and nothing else";
  const json listed = json::parse(kv({"list", "shop", "-o", "json"}));
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0]["name"], "a");
  EXPECT_EQ(listed[0]["metadata"]["by"], "me");
  EXPECT_TRUE(listed[0]["expires_at"].is_string());
  EXPECT_TRUE(listed[1]["expires_at"].is_null());
  EXPECT_EQ(json::parse(kv({"list", "shop", "--prefix", "b", "-o", "json"})).size(), 1U);
  EXPECT_EQ(json::parse(kv({"list", "shop", "--limit", "1", "-o", "json"})).size(), 1U);
  EXPECT_THAT(kv({"delete", "shop", "a"}), HasSubstr("a deleted"));
  EXPECT_THAT(kv({"get", "shop", "a"}), HasSubstr("3 "));
}

TEST_F(PopctlKvTest, MakesAndDeletesNamespaces) {
  EXPECT_THAT(kv({"namespace", "create", "other"}), HasSubstr("namespace other created"));
  EXPECT_THAT(kv({"namespace", "create", "other"}), HasSubstr("4 "));
  EXPECT_THAT(kv({"namespace", "create", "../x"}), HasSubstr("the name must be"));
  const json listed = json::parse(kv({"namespace", "list", "-o", "json"}));
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0]["namespace"], "other");
  EXPECT_THAT(kv({"namespace", "delete", "other", "--yes"}), HasSubstr("other deleted"));
  EXPECT_THAT(kv({"put", "other", "a", "1"}), HasSubstr("popctl kv namespace create other"));
}

TEST_F(PopctlKvTest, WritesAndDeletesManyAtOnce) {
  const std::string file =
      control_
          .write("bulk.json", R"([{"key":"a","value":"1"},{"key":"b","value":"Mg==",
                                      "base64":true}])")
          .string();
  EXPECT_THAT(kv({"bulk", "put", "shop", file}), HasSubstr("2 keys written"));
  EXPECT_EQ(kv({"get", "shop", "b"}), "2");
  EXPECT_THAT(kv({"bulk", "delete", "shop", control_.write("keys.json", R"(["a","b"])").string()}),
              HasSubstr("2 keys deleted"));
  EXPECT_EQ(json::parse(kv({"list", "shop", "-o", "json"})).size(), 0U);
  EXPECT_THAT(kv({"bulk", "put", "shop", control_.write("broken.json", "[{").string()}),
              HasSubstr("must be a JSON array"));
}

TEST_F(PopctlKvTest, RefusesWhatCannotBeMeant) {
  EXPECT_THAT(kv({"put", "shop", "a"}), HasSubstr("2 "));
  EXPECT_THAT(kv({"put", "shop", "a", "1", "--metadata", "{"}), HasSubstr("--metadata must be"));
  EXPECT_THAT(kv({"put", "shop", "a", "1", "--ttl", "10s"}), HasSubstr("60 s ahead"));
  EXPECT_THAT(kv({"put", "shop", std::string(513, 'x'), "1"}), HasSubstr("at most 512"));
}

}  // namespace
}  // namespace isopop
