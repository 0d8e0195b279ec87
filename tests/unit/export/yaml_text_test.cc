#include "sim/export/yaml_text.h"

#include <gtest/gtest.h>

#include <string>

#include "common/config/config_node.h"

namespace isopop::sim {
namespace {

TEST(YamlText, KeepsWhatOtherwiseWouldBeANumberOrABoolean) {
  EXPECT_EQ(yaml_quoted("NO"), "\"NO\"");
  EXPECT_EQ(yaml_quoted("1e3"), "\"1e3\"");
  EXPECT_EQ(yaml_quoted(""), "\"\"");
}

TEST(YamlText, AnyTextComesBackAsItWas) {
  for (const std::string text :
       {"São Paulo", "a \"quoted\" \\ name", "tab\there", "#no comment: {[", "\x7F",
        "line\xE2\x80\xA8separator", "next\xC2\x85line", "\xEF\xBB\xBFmark", "x'an", "- *a &b"}) {
    const Result<ConfigNode> root =
        ConfigNode::parse("city: " + yaml_quoted(text) + "\n", "test.yaml");
    ASSERT_TRUE(root.ok()) << root.error().message;
    EXPECT_EQ(root.value().at("city").value().as_string().value(), text);
    EXPECT_EQ(yaml_quoted(text).find('\n'), std::string::npos);
  }
}

TEST(YamlText, ADollarBeginsNoVariableInComposeFiles) {
  EXPECT_EQ(yaml_quoted_for_compose("${HOME} $x"), "\"$${HOME} $$x\"");
}

TEST(YamlText, SizesAreExactInEachNotation) {
  EXPECT_EQ(compose_bytes(384ULL << 20U), "384m");
  EXPECT_EQ(compose_bytes(1'000'000), "1000000b");
  EXPECT_EQ(kubernetes_bytes(384ULL << 20U), "384Mi");
  EXPECT_EQ(kubernetes_bytes(1'000'000), "1000000");
}

TEST(YamlText, ACommentStaysOnItsLine) {
  EXPECT_EQ(yaml_comment("a\nservices: x\rb\xE2\x80\xA8"
                         "c"),
            "a services: x b c");
}

}  // namespace
}  // namespace isopop::sim
