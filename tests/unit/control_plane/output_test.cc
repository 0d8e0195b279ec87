#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>

#include "common/config/config_node.h"
#include "control_plane/cli/output.h"
#include "control_plane/cli/yaml.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStdout;

std::string printed(OutputFormat format, const std::function<void(const Output&)>& print) {
  CaptureStdout();
  print(Output({.format = format}));
  return GetCapturedStdout();
}

std::string list_as(OutputFormat format) {
  Table table({{"NAME"}, {"SIZE", Table::Align::kRight, Table::Shown::kWide}});
  table.add({"a", "1"});
  return printed(format, [&](const Output& output) {
    output.list(table, Json::array({{{"name", "a"}}, {{"name", "b"}}}));
  });
}

TEST(Output, ListsAreTablesForPeople) {
  EXPECT_EQ(list_as(OutputFormat::kTable), "NAME\na\n");
  EXPECT_EQ(list_as(OutputFormat::kWide), "NAME  SIZE\na        1\n");
}

TEST(Output, ListsAreArraysOrLinesForPrograms) {
  EXPECT_EQ(Json::parse(list_as(OutputFormat::kJson)).size(), 2U);
  EXPECT_EQ(list_as(OutputFormat::kNdjson), "{\"name\":\"a\"}\n{\"name\":\"b\"}\n");
  EXPECT_EQ(list_as(OutputFormat::kYaml), "- name: a\n- name: b\n");
}

TEST(Output, OneThingIsItsTextOrItsObject) {
  const auto one = [](OutputFormat format) {
    return printed(format, [](const Output& output) { output.one("done\n", {{"ok", true}}); });
  };
  EXPECT_EQ(one(OutputFormat::kTable), "done\n");
  EXPECT_EQ(one(OutputFormat::kJson), "{\n  \"ok\": true\n}\n");
  EXPECT_EQ(one(OutputFormat::kNdjson), "{\"ok\":true}\n");
  EXPECT_EQ(one(OutputFormat::kYaml), "ok: true\n");
}

TEST(Output, ItemsOfAStreamCanBeToldApart) {
  const auto item = [](OutputFormat format) {
    return printed(format, [](const Output& output) { output.item("x\n", {{"count", 1}}); });
  };
  EXPECT_EQ(item(OutputFormat::kJson), "{\"count\":1}\n");
  EXPECT_EQ(item(OutputFormat::kYaml), "---\ncount: 1\n");
}

TEST(Output, WhatIsNotUtf8DoesNotBreakIt) {
  const std::string text = printed(
      OutputFormat::kJson, [](const Output& output) { output.one("", {{"body", "a\xff"}}); });
  EXPECT_EQ(Json::parse(text)["body"], "a\xef\xbf\xbd");
}

TEST(Table, CanGoWithoutItsHeaders) {
  Table table({{"A LONG TITLE"}});
  table.add({"x\ny"});
  EXPECT_EQ(table.render({.headers = false}), "x y\n");
}

TEST(Yaml, NestsMapsAndLists) {
  const Json value = {{"a", {{"b", {1, 2}}, {"c", Json::object()}}},
                      {"d", Json::array({{{"e", 1}, {"f", {true, nullptr}}}, Json::array({3})})}};
  EXPECT_EQ(to_yaml(value),
            "a:\n"
            "  b:\n"
            "    - 1\n"
            "    - 2\n"
            "  c: {}\n"
            "d:\n"
            "  - e: 1\n"
            "    f:\n"
            "      - true\n"
            "      - null\n"
            "  - - 3\n");
}

// Each text comes back as it was, through the YAML reader that everything here uses.
TEST(Yaml, TextsStayTexts) {
  const std::vector<std::string> texts = {
      "",           "plain",        "true",      "No",         "null",         "~",
      "1.5",        "0x1f",         "a: b",      "- x",        "# no comment", "it's",
      "\"quoted\"", "line\nbreak",  "tab\t",     " space ",    "2024-01-01",   "\x7f",
      "\xc2\x85",   "\xef\xbb\xbf", "Zürich 🚀", "*",          "&a",           "{a",
      "[",          "a,b",          "%",         "back\\slash"};
  for (const std::string& text : texts) {
    const std::string yaml = to_yaml({{"key", text}});
    const auto read = ConfigNode::parse(yaml, "test");
    ASSERT_TRUE(read.ok()) << yaml << read.error().message;
    EXPECT_EQ(read.value().string("key").value(), text) << yaml;
  }
  EXPECT_EQ(to_yaml({{"a", "yes"}}), "a: \"yes\"\n");
  EXPECT_EQ(to_yaml({{"a", "v1"}}), "a: v1\n");
}

}  // namespace
}  // namespace isopop::control::cli
