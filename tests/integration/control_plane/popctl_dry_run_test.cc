#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/integration/control_plane/control_process.h"
#include "tests/integration/control_plane/fake_pop.h"
#include "tests/support/wait.h"

namespace isopop::control::test {
namespace {

using isopop::test::CommandOutcome;
using isopop::test::wait_until;
using nlohmann::json;
using ::testing::HasSubstr;

constexpr const char* kCode = "export default { fetch() { return new Response('hi'); } };";

// What --dry-run says, and that it leaves everything as it is.
class PopctlDryRunTest : public ::testing::Test {
 protected:
  void SetUp() override {
    control_.start();
    ASSERT_TRUE(control_.deploy("shop", kCode).success());
  }

  std::string dry(std::vector<std::string> arguments) const {
    arguments.emplace_back("--dry-run");
    const CommandOutcome outcome = control_.popctl(std::move(arguments));
    EXPECT_TRUE(outcome.success()) << outcome.describe();
    return outcome.output;
  }
  void expect_missing(std::vector<std::string> arguments, const std::string& words) const {
    arguments.emplace_back("--dry-run");
    const CommandOutcome outcome = control_.popctl(std::move(arguments));
    EXPECT_EQ(outcome.status.code, 3) << outcome.describe();
    EXPECT_THAT(outcome.errors, HasSubstr(words));
  }
  json listed(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"-o", "json"});
    return json::parse(control_.popctl(std::move(arguments)).output);
  }

  ControlProcess control_;
};

TEST_F(PopctlDryRunTest, OfADeletionLeavesTheWorker) {
  EXPECT_EQ(dry({"delete", "shop"}), "would delete shop: 1 version, live at 0 PoPs\n");
  EXPECT_EQ(listed({"list"}).size(), 1U);
  expect_missing({"delete", "shpo"}, "did you mean shop?");
}

TEST_F(PopctlDryRunTest, OfADrainLeavesThePop) {
  const FakePop ams(control_.endpoint(), {.id = "AMS"});
  ASSERT_TRUE(wait_until([&] { return ams.welcomed_with().has_value(); }));
  EXPECT_EQ(dry({"pops", "drain", "AMS"}), "would drain AMS\n");
  EXPECT_EQ(dry({"pops", "fail", "AMS"}), "would fail AMS\n");
  EXPECT_EQ(listed({"pops"})[0]["service"], "");
  expect_missing({"pops", "drain", "AMS,AMX"}, "did you mean AMS?");
}

TEST_F(PopctlDryRunTest, OfASecretKeepsNoneAndTakesNoneAway) {
  const std::string file = control_.write("value", "abc").string();
  const std::vector<std::string> put = {"secret", "put",         "KEY", "--worker",
                                        "shop",   "--from-file", file};
  EXPECT_EQ(dry(put), "would put secret KEY of shop\n");
  expect_missing({"secret", "delete", "KEY", "--worker", "shop"}, "no secret KEY");
  ASSERT_TRUE(control_.popctl(put).success());
  EXPECT_EQ(dry(put), "would replace secret KEY of shop\n");
  EXPECT_EQ(dry({"secret", "delete", "KEY", "--worker", "shop"}),
            "would delete secret KEY of shop\n");
  EXPECT_EQ(listed({"secret", "list", "--worker", "shop"}).size(), 1U);
}

TEST_F(PopctlDryRunTest, OfKvWritesNothing) {
  const std::string keys = control_.write("keys.json", R"(["a", "b"])").string();
  const std::string pairs =
      control_.write("pairs.json", R"([{"key": "b", "value": "2"}])").string();
  expect_missing({"kv", "bulk", "put", "bag", pairs}, "bag");
  ASSERT_TRUE(control_.popctl({"kv", "namespace", "create", "bag"}).success());
  ASSERT_TRUE(control_.popctl({"kv", "put", "bag", "ab", "1"}).success());
  EXPECT_EQ(dry({"kv", "delete", "bag", "ab"}), "would delete ab\n");
  expect_missing({"kv", "delete", "bag", "a"}, "no key a");
  EXPECT_EQ(dry({"kv", "bulk", "put", "bag", pairs}), "1 keys would be written\n");
  EXPECT_EQ(dry({"kv", "bulk", "delete", "bag", keys}), "2 keys would be deleted\n");
  EXPECT_EQ(listed({"kv", "list", "bag"}).size(), 1U);
}

}  // namespace
}  // namespace isopop::control::test
