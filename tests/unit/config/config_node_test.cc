#include "common/config/config_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace isopop {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using namespace std::chrono_literals;

ConfigNode parsed(std::string_view text) {
  Result<ConfigNode> node = ConfigNode::parse(text, "a.yaml");
  EXPECT_TRUE(node.ok()) << (node.ok() ? "" : node.error().message);
  return std::move(node).value();
}

std::string fault_of(std::string_view text) {
  const Result<ConfigNode> node = ConfigNode::parse(text, "a.yaml");
  return node.ok() ? "no fault" : node.error().message;
}

TEST(ConfigNode, ReadsEachType) {
  const ConfigNode root = parsed(
      "name: world\ncountry: NO\nseed: 7\nshare: 0.25\nopen: true\nwait: 50 ms\nheap: 128 MiB\n"
      "place: {lat: 52.3, lon: 4.76}\nids: [AMS, \"007\"]\nlimits: {cpu: 5 ms, heap: 1 B}\n");
  EXPECT_EQ(root.string("name").value(), "world");
  EXPECT_EQ(root.string("country").value(), "NO");
  EXPECT_EQ(root.integer("seed", {}).value(), 7);
  EXPECT_DOUBLE_EQ(root.number("share", {}).value(), 0.25);
  EXPECT_TRUE(root.boolean("open").value());
  EXPECT_EQ(root.duration("wait").value(), 50ms);
  EXPECT_EQ(root.bytes("heap").value(), 128U << 20U);
  EXPECT_EQ(root.at("place").value().place("lat", "lon").value(), (GeoPoint{52.3, 4.76}));
  EXPECT_EQ(root.list("ids").value().at(1).as_string().value(), "007");
  const auto limits = root.at("limits").value().as_map().value();
  ASSERT_EQ(limits.size(), 2U);
  EXPECT_EQ(limits[0].first, "cpu");
}

TEST(ConfigNode, UsesTheFallbackOnlyForAnAbsentKey) {
  const ConfigNode root = parsed("seed: 5\nbad: x\n");
  EXPECT_EQ(root.integer("seed", {}, 1).value(), 5);
  EXPECT_EQ(root.integer("other", {}, 1).value(), 1);
  EXPECT_FALSE(root.integer("bad", {}, 1).ok());
}

TEST(ConfigNode, SaysFileLineKeyAndWhatIsWrong) {
  const ConfigNode root =
      parsed("name: x\npops:\n  - {id: AMS, lat: 95, lon: 4}\nwait: 50\nheap: 1 QB\n");
  const auto pops = root.list("pops").value();
  EXPECT_EQ(pops.at(0).place("lat", "lon").error().message,
            "a.yaml:3: pops[0].lat: 95 is out of range: must be between -90 and 90");
  EXPECT_THAT(root.duration("wait").error().message,
              StartsWith("a.yaml:4: wait: '50' lacks a unit"));
  EXPECT_THAT(root.bytes("heap").error().message,
              HasSubstr("a.yaml:5: heap: '1 QB' has an unknown unit"));
  EXPECT_EQ(root.integer("seed", {}).error().message, "a.yaml:1: seed: is required");
  EXPECT_EQ(root.error("too odd").message, "a.yaml:1: too odd");
}

TEST(ConfigNode, RefusesValuesOfAnotherType) {
  const ConfigNode root = parsed("a: [1]\nb: yes\nc: 1.5\nd: nan\ne:\nf: 0x10\n");
  EXPECT_THAT(root.string("a").error().message, HasSubstr("must be a text, not a list"));
  EXPECT_THAT(root.boolean("b").error().message, HasSubstr("'yes' is neither true nor false"));
  EXPECT_THAT(root.integer("c", {}).error().message, HasSubstr("not a whole number"));
  EXPECT_THAT(root.number("d", {}).error().message, HasSubstr("not a number"));
  EXPECT_THAT(root.string("e").error().message, HasSubstr("must be a text, not nothing"));
  EXPECT_FALSE(root.integer("f", {}).ok());
  EXPECT_THAT(root.list("b").error().message, HasSubstr("must be a list"));
  EXPECT_THAT(root.at("b").value().as_map().error().message, HasSubstr("must be a mapping"));
  EXPECT_THAT(root.integer("b", {.low = 1}, 2).error().message, HasSubstr("a.yaml:2: b:"));
}

TEST(ConfigNode, RefusesUnknownKeysAndSaysWhatWasMeant) {
  const ConfigNode root = parsed("name: x\nsede: 1\n");
  EXPECT_EQ(root.allow_only({"name", "seed"}).error().message,
            "a.yaml:2: sede: unknown key; did you mean 'seed'?");
  EXPECT_EQ(root.allow_only({"name", "policy"}).error().message,
            "a.yaml:2: sede: unknown key; known here: name, policy");
  EXPECT_TRUE(root.allow_only({"name", "sede"}).ok());
}

TEST(ConfigNode, RefusesWordsOutsideTheChoice) {
  const ConfigNode root = parsed("mode: warmm\n");
  EXPECT_EQ(root.choice("mode", {"fresh", "warm"}).error().message,
            "a.yaml:1: mode: 'warmm' is not one of: fresh, warm");
}

TEST(ConfigNode, RefusesDuplicateKeysAtAnyDepth) {
  EXPECT_EQ(fault_of("a: 1\nb: 2\na: 3\n"), "a.yaml:3: a: given twice, first in line 1");
  EXPECT_EQ(fault_of("x:\n  a: 1\n  a: 2\n"), "a.yaml:3: a: given twice, first in line 2");
}

TEST(ConfigNode, RefusesWhatTheSchemaCannotMean) {
  EXPECT_THAT(fault_of("a: &x [1]\nb: *x\n"), HasSubstr("a.yaml:1: anchors and aliases"));
  EXPECT_THAT(fault_of("a: !!int 5\n"), HasSubstr("tags"));
  EXPECT_THAT(fault_of("? [a, b]\n: 1\n"), HasSubstr("a key must be a plain word"));
  EXPECT_THAT(fault_of("a: 1\n---\nb: 2\n"), HasSubstr("more than one document"));
}

TEST(ConfigNode, TurnsSyntaxErrorsIntoFileAndLine) {
  EXPECT_THAT(fault_of("a: 1\nb: [1, 2\n"), StartsWith("a.yaml:"));
  EXPECT_THAT(fault_of("a: 1\n b: 2\n"), HasSubstr("a.yaml:2: not valid YAML"));
  EXPECT_THAT(fault_of(std::string(5000, '[')), HasSubstr("not valid YAML"));
}

TEST(ConfigNode, RefusesBinaryAndHugeFiles) {
  EXPECT_EQ(fault_of(std::string("a: 1\nb: \0x\n", 11)), "a.yaml:2: not a text file (byte 0x00)");
  EXPECT_THAT(fault_of(std::string(ConfigNode::kFileBytesMax + 1, '#')), HasSubstr("larger than"));
}

TEST(ConfigNode, AnEmptyFileIsAnEmptyMapping) {
  const ConfigNode root = parsed("# nothing but a comment\n");
  EXPECT_TRUE(root.allow_only({"name"}).ok());
  EXPECT_EQ(root.string("name").error().message, "a.yaml:1: name: is required");
}

TEST(ConfigNode, NodesOutliveTheNodeTheyCameFrom) {
  const ConfigNode leaf = parsed("a: {b: deep}\n").at("a").value().at("b").value();
  EXPECT_EQ(leaf.as_string().value(), "deep");
}

TEST(ConfigNode, SaysThatAFileIsMissingOrAFolder) {
  EXPECT_EQ(ConfigNode::load("/nonexistent/x.yaml").error().code, ErrorCode::kNotFound);
  EXPECT_THAT(ConfigNode::load("/proc/self").error().message, HasSubstr("is a folder"));
}

}  // namespace
}  // namespace isopop
