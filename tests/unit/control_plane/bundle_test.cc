#include "control_plane/registry/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <vector>

#include "common/hash/hash.h"

namespace isopop::control {
namespace {

using ::testing::HasSubstr;

struct Part {
  std::string name;
  v1::ModuleType type = v1::MODULE_TYPE_ES_MODULE;
  std::string content = "export default {}";
};

v1::Bundle bundle_of(const std::string& main, std::initializer_list<Part> parts) {
  v1::Bundle bundle;
  bundle.set_main_module(main);
  for (const Part& part : parts) {
    v1::Module& module = *bundle.add_modules();
    module.set_name(part.name);
    module.set_type(part.type);
    module.set_content(part.content);
  }
  return bundle;
}

std::string refusal_of(const v1::Bundle& bundle, const BundleLimits& limits = {}) {
  const Result<CanonicalBundle> result = canonical_bundle(bundle, limits);
  return result.ok() ? "accepted" : result.error().message;
}

TEST(Bundle, HasOneHashWhateverTheOrderOfItsModules) {
  const auto one = canonical_bundle(bundle_of("a.js", {{"a.js"}, {"b.js"}}), {});
  const auto other = canonical_bundle(bundle_of("a.js", {{"b.js"}, {"a.js"}}), {});
  ASSERT_TRUE(one.ok() && other.ok());
  EXPECT_EQ(one.value().sha256, other.value().sha256);
  EXPECT_EQ(one.value().sha256, sha256_hex(one.value().bytes));
}

TEST(Bundle, SurvivesTheWayThroughItsBytes) {
  const auto first = canonical_bundle(bundle_of("a.js", {{"a.js"}}), {});
  ASSERT_TRUE(first.ok());
  const auto second = canonical_bundle(first.value().bytes, {});
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(first.value().sha256, second.value().sha256);
}

TEST(Bundle, RefusesBytesThatAreNone) {
  EXPECT_FALSE(canonical_bundle(std::string("\xff\xff\xff\xff garbage"), {}).ok());
  const auto whole = canonical_bundle(bundle_of("a.js", {{"a.js"}}), {});
  EXPECT_FALSE(
      canonical_bundle(whole.value().bytes.substr(0, whole.value().bytes.size() - 3), {}).ok());
}

TEST(Bundle, RefusesWhatHasNoUsableMain) {
  EXPECT_THAT(refusal_of(bundle_of("a.js", {})), HasSubstr("no module"));
  EXPECT_THAT(refusal_of(bundle_of("x.js", {{"a.js"}})), HasSubstr("not among"));
  EXPECT_THAT(refusal_of(bundle_of("a.txt", {{"a.txt", v1::MODULE_TYPE_TEXT}})),
              HasSubstr("must be JavaScript"));
}

TEST(Bundle, RefusesTheSameNameTwice) {
  EXPECT_THAT(refusal_of(bundle_of("a.js", {{"a.js"}, {"a.js"}})), HasSubstr("given twice"));
}

TEST(Bundle, RefusesNamesThatLeaveTheFolder) {
  for (const std::string& name :
       {std::string("../a.js"), std::string("/a.js"), std::string("a//b.js"), std::string("./a.js"),
        std::string("a\\b.js"), std::string("a\0.js", 5), std::string("a\n.js"), std::string(),
        std::string(300, 'a')}) {
    EXPECT_THAT(refusal_of(bundle_of("m.js", {{"m.js"}, {name}})), HasSubstr("module name"));
  }
}

TEST(Bundle, RefusesBrokenJson) {
  EXPECT_THAT(refusal_of(bundle_of("a.js", {{"a.js"}, {"d.json", v1::MODULE_TYPE_JSON, "{"}})),
              HasSubstr("not valid JSON"));
}

TEST(Bundle, KeepsToItsLimits) {
  const BundleLimits limits{.code_bytes_max = 10, .modules_max = 1};
  EXPECT_EQ(
      refusal_of(bundle_of("a.js", {{"a.js", v1::MODULE_TYPE_ES_MODULE, "0123456789"}}), limits),
      "accepted");
  EXPECT_THAT(
      refusal_of(bundle_of("a.js", {{"a.js", v1::MODULE_TYPE_ES_MODULE, "01234567890"}}), limits),
      HasSubstr("at most 10 B"));
  EXPECT_THAT(refusal_of(bundle_of("a.js", {{"a.js"}, {"b.js"}}), limits), HasSubstr("at most 1"));
}

v1::WorkerSettings settings_with(const std::string& name, const std::string& json) {
  v1::WorkerSettings settings;
  v1::Variable& variable = *settings.add_variables();
  variable.set_name(name);
  variable.set_json(json);
  return settings;
}

TEST(Settings, WantIdentifiersAndJson) {
  EXPECT_TRUE(check_settings(settings_with("A_1", "[1]")).ok());
  EXPECT_FALSE(check_settings(settings_with("1A", "1")).ok());
  EXPECT_FALSE(check_settings(settings_with("", "1")).ok());
  EXPECT_FALSE(check_settings(settings_with("a-b", "1")).ok());
  EXPECT_FALSE(check_settings(settings_with("A", "{")).ok());
}

TEST(Settings, KvBindingsArePropertiesOfEnvToo) {
  const auto bound_to = [](const std::vector<std::string>& names) {
    v1::WorkerSettings settings = settings_with("TAKEN", "1");
    for (const std::string& name : names) {
      v1::KvBinding& binding = *settings.add_kv();
      binding.set_name(name);
      binding.set_namespace_("shop");
    }
    return settings;
  };
  EXPECT_TRUE(check_settings(bound_to({"A", "B_1"})).ok());
  EXPECT_FALSE(check_settings(bound_to({"a-b"})).ok());
  EXPECT_FALSE(check_settings(bound_to({"A", "A"})).ok());
  EXPECT_FALSE(check_settings(bound_to({"TAKEN"})).ok());
  EXPECT_FALSE(check_settings(bound_to(std::vector<std::string>(33, "A"))).ok());
  EXPECT_EQ(canonical_settings(bound_to({"A", "B"})), canonical_settings(bound_to({"B", "A"})));
}

TEST(Settings, OrderOfVariablesDoesNotMatter) {
  v1::WorkerSettings one = settings_with("A", "1");
  one.MergeFrom(settings_with("B", "2"));
  v1::WorkerSettings other = settings_with("B", "2");
  other.MergeFrom(settings_with("A", "1"));
  EXPECT_EQ(canonical_settings(one), canonical_settings(other));
  other.mutable_variables(0)->set_json("3");
  EXPECT_NE(canonical_settings(one), canonical_settings(other));
}

TEST(Settings, SayHowMuchCodeThereMayBe) {
  v1::WorkerSettings settings;
  EXPECT_EQ(limits_for(settings, {}).code_bytes_max, BundleLimits{}.code_bytes_max);
  settings.mutable_limits()->set_script_bytes(123);
  EXPECT_EQ(limits_for(settings, {}).code_bytes_max, 123U);
}

TEST(Settings, RefuseLimitsBeyondReason) {
  v1::WorkerSettings settings;
  settings.mutable_limits()->set_heap_mib(1'000'000);
  EXPECT_FALSE(check_settings(settings).ok());
}

}  // namespace
}  // namespace isopop::control
