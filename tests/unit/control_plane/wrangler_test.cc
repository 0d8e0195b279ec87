#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "common/files/files.h"
#include "control_plane/cli/worker_yaml.h"
#include "control_plane/cli/wrangler_config.h"
#include "control_plane/registry/bundle.h"
#include "control_plane/registry/worker_limits.h"

namespace isopop::control::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Result<WorkerConfig> read_as(const std::string& name, const std::string& text) {
  const TempFolder folder = TempFolder::create("wrangler").value();
  EXPECT_TRUE(write_file_atomically(folder.path() / name, text).ok());
  return read_worker_config(folder.path());
}

// The error without the folder: "wrangler.toml:1:2: what".
std::string refusal(const std::string& name, const std::string& text) {
  const Result<WorkerConfig> config = read_as(name, text);
  if (config.ok()) return "accepted";
  return config.error().message.substr(config.error().message.find(name));
}

constexpr const char* kToml = R"(name = "shop"
main = "src/index.js"
compatibility_date = 2024-09-23
workers_dev = true
routes = ["shop.example/*", { pattern = "www.shop.example", custom_domain = true }]
services = [{ binding = "AUTH", service = "auth" }]

[vars]
GREETING = "hello"
LIMITS = { items = 3, ratio = 0.5 }

[[kv_namespaces]]
binding = "SESSIONS"
id = "shop-sessions"

[limits]
cpu_ms = 20

[triggers]
crons = ["*/5 * * * *"]
)";

constexpr const char* kJsonc = R"({
  // A comment, and /* another */
  "$schema": "node_modules/wrangler/config-schema.json",
  "name": "shop", /* here too */
  "main": "src/index.js",
  "compatibility_date": "2024-09-23",
  "routes": ["shop.example/*", { "pattern": "www.shop.example", "custom_domain": true },],
  "services": [{ "binding": "AUTH", "service": "auth" }],
  "vars": { "GREETING": "hello", "LIMITS": { "items": 3, "ratio": 0.5 } },
  "kv_namespaces": [{ "binding": "SESSIONS", "id": "shop-sessions" }],
  "limits": { "cpu_ms": 20 },
  "triggers": { "crons": ["*/5 * * * *"] },
}
)";

class WranglerFiles : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(WranglerFiles, SayTheSameInBothLanguages) {
  const Result<WorkerConfig> read = read_as(GetParam().first, GetParam().second);
  ASSERT_TRUE(read.ok()) << read.error().message;
  const WorkerConfig& config = read.value();
  EXPECT_EQ(config.file, GetParam().first);
  EXPECT_EQ(config.name, "shop");
  EXPECT_EQ(config.main_module, "src/index.js");
  EXPECT_THAT(config.routes, ElementsAre("shop.example/*", "www.shop.example/*"));
  ASSERT_EQ(config.settings.variables_size(), 2);
  for (const v1::Variable& variable : config.settings.variables()) {
    if (variable.name() == "GREETING") {
      EXPECT_EQ(variable.text(), "hello");
    } else {
      EXPECT_EQ(variable.json(), R"({"items":3,"ratio":0.5})");
    }
  }
  ASSERT_EQ(config.settings.kv_size(), 1);
  EXPECT_EQ(config.settings.kv(0).name(), "SESSIONS");
  EXPECT_EQ(config.settings.kv(0).namespace_(), "shop-sessions");
  EXPECT_EQ(config.settings.limits().cpu_ms(), 20U);
  ASSERT_EQ(config.unsupported.size(), 2U);
  EXPECT_THAT(config.unsupported[0] + config.unsupported[1], HasSubstr("'services'"));
  EXPECT_THAT(config.unsupported[0] + config.unsupported[1], HasSubstr("'triggers'"));
}

INSTANTIATE_TEST_SUITE_P(All, WranglerFiles,
                         ::testing::Values(std::pair("wrangler.toml", kToml),
                                           std::pair("wrangler.jsonc", kJsonc),
                                           std::pair("wrangler.json", kJsonc)));

TEST(Wrangler, YieldsToWorkerYaml) {
  const TempFolder folder = TempFolder::create("wrangler").value();
  ASSERT_TRUE(write_file_atomically(folder.path() / "wrangler.toml", "name = \"one\"").ok());
  ASSERT_TRUE(write_file_atomically(folder.path() / "worker.yaml", "name: two").ok());
  EXPECT_EQ(read_worker_config(folder.path()).value().name, "two");
}

TEST(Wrangler, TomlThatIsWrongIsRefusedWithItsPlace) {
  const struct {
    const char* text;
    const char* error;
  } table[] = {
      {"name = \"a\"\nname = \"b\"\n", "wrangler.toml:2:"},
      {"name = shop\n", "wrangler.toml:1:8"},
      {"name = \"shop\nmain = 1\n", "wrangler.toml:1:"},
      {"[vars\n", "wrangler.toml:1:"},
      {"name = \"shop\"\n\nvars = 3\n", "wrangler.toml:3:8: vars: must be a table, not a number"},
      {"name = 3\n", "wrangler.toml:1:8: name: must be a text, not a number"},
      {"name = \"a/b\"\n", "wrangler.toml:1:8: name: "},
      {"main = \"index.js\"\n", "wrangler.toml:1:1: it has no name"},
      {"name = \"a\"\nmain = \"index.ts\"\n", "wrangler.toml:2:8: main: 'index.ts' must be built"},
      {"name = \"a\"\nroutes = \"x/*\"\n", "wrangler.toml:2:10: routes: must be a list"},
      {"name = \"a\"\nroutes = [\"no-path.example\"]\n", "wrangler.toml:2:11: routes[0]: "},
      {"name = \"a\"\nroutes = [{zone_name = \"x\"}]\n", "routes[0]: needs pattern"},
      {"name = \"a\"\nroutes = [7]\n", "routes[0]: must be a text"},
      {"name = \"a\"\ncompatibility_date = \"soon\"\n", "wrangler.toml:2:22: compatibility_date"},
      {"name = \"a\"\n[limits]\ncpu_ms = 999999999\n", "wrangler.toml:3:10: limits.cpu_ms: "},
      {"name = \"a\"\n[limits]\ncpu_ms = \"many\"\n", "limits.cpu_ms: must be a number"},
      {"name = \"a\"\n[vars]\n\"a b\" = \"x\"\n", "wrangler.toml:3:"},
      {"name = \"a\"\nkv_namespaces = [{binding = \"KV\"}]\n", "kv_namespaces[0]: needs id"},
      {"name = \"a\"\nkv_namespaces = [{binding = \"KV\", id = \"A B\"}]\n", "kv_namespaces[0].id"},
      {"name = \"a\"\nkv_namespaces = [{binding = \"A\", id = \"x\"}]\nvars = {A = \"1\"}\n",
       "names in env"},
      {"\xff\xfe", "wrangler.toml:1:"},
  };
  for (const auto& row : table) {
    EXPECT_THAT(refusal("wrangler.toml", row.text), HasSubstr(row.error)) << row.text;
  }
}

TEST(Wrangler, JsonThatIsWrongIsRefusedWithItsPlace) {
  const struct {
    const char* text;
    const char* error;
  } table[] = {
      {"", "wrangler.jsonc:1:1: a value is missing"},
      {"{", "wrangler.jsonc:1:1: this { has no } that closes it"},
      {"{\n  \"a\": [1, 2\n", "wrangler.jsonc:2:8: this [ has no ]"},
      {"{\n  \"name\" \"a\"}", "wrangler.jsonc:2:10: a colon belongs after 'name'"},
      {"{\"name\": \"a\" \"b\": 1}", "wrangler.jsonc:1:14: a comma or } belongs here"},
      {"{name: \"a\"}", "wrangler.jsonc:1:2: a key in double quotes belongs here"},
      {"{\"name\": shop}", "wrangler.jsonc:1:10: 'shop' is no value of JSON"},
      {"{\"name\": 'a'}", "is no value of JSON"},
      {"{\"name\": 01}", "is no value of JSON"},
      {"{\"name\": \"a}", "wrangler.jsonc:1:10: this text has no \""},
      {"{\"name\": \"\\x\"}", "not a text of JSON"},
      {"{\"name\": \"\xff\"}", "not a text of JSON"},
      {"{\"name\": \"a\", \"name\": \"b\"}", "key 'name' is here for the second time"},
      {"{\"name\": \"a\"} {}", "wrangler.jsonc:1:15: one value"},
      {"/* never ends", "wrangler.jsonc:1:1: this comment has no end"},
      {"{,}", "a key in double quotes"},
      {"[1,,2]", "is no value of JSON"},
      {"[]", "wrangler.jsonc:1:1: the file: must be a table, not a list"},
      {"{\"name\": null}", "name: must be a text, not nothing"},
      {"{\"name\": \"a\",\n \"vars\": {\"X\": 1, \"X\": 2}}", "wrangler.jsonc:2:19: key 'X'"},
  };
  for (const auto& row : table) {
    EXPECT_THAT(refusal("wrangler.jsonc", row.text), HasSubstr(row.error)) << row.text;
  }
  EXPECT_THAT(refusal("wrangler.jsonc", std::string(100'000, '[')), HasSubstr("too many brackets"));
}

// Any beginning of a good file is refused or accepted, and never more than that.
TEST(Wrangler, CutFilesAreNoTrouble) {
  const std::string jsonc = kJsonc;
  for (std::size_t size = 0; size + 2 < jsonc.size(); ++size) {
    EXPECT_FALSE(parse_jsonc(jsonc.substr(0, size), "cut").ok()) << size;
  }
  const std::string toml = kToml;
  for (std::size_t size = 0; size < toml.size(); ++size) {
    const Result<WranglerValue> cut = parse_toml(toml.substr(0, size), "cut");
    if (!cut.ok()) {
      EXPECT_THAT(cut.error().message, HasSubstr("cut:"));
    }
  }
}

TEST(Wrangler, WhatIsNotSupportedIsTold) {
  const Result<WorkerConfig> config = read_as("wrangler.toml",
                                              "name = \"a\"\n"
                                              "account_id = \"x\"\n"
                                              "d1_databases = []\n"
                                              "[env.staging]\nname = \"b\"\n");
  ASSERT_TRUE(config.ok()) << config.error().message;
  ASSERT_EQ(config.value().unsupported.size(), 2U);
  EXPECT_THAT(config.value().unsupported[0], HasSubstr("line 3: 'd1_databases' is not supported"));
  EXPECT_THAT(config.value().unsupported[1], HasSubstr("the settings at the top are deployed"));
}

// What a download writes is read as the same settings again.
TEST(WorkerYaml, DeploysAsTheSameVersionAgain) {
  v1::WorkerVersion version;
  version.set_worker("shop");
  version.add_routes("shop.example/*");
  v1::WorkerSettings& settings = *version.mutable_settings();
  settings.set_isolation(v1::ISOLATION_WARM);
  settings.add_variables()->set_name("A");
  settings.mutable_variables(0)->set_text("yes: \"no\"\n");
  settings.add_variables()->set_name("B");
  settings.mutable_variables(1)->set_json("{\"n\":1}");
  settings.add_kv()->set_name("KV");
  settings.mutable_kv(0)->set_namespace_("shop-kv");
  for (const auto& [name, text] : std::map<std::string, std::string>{{"cpu", "20 ms"},
                                                                     {"wall", "3 s"},
                                                                     {"top-level-cpu", "300 ms"},
                                                                     {"heap", "64 MiB"},
                                                                     {"memory", "256 MiB"},
                                                                     {"request-body", "3 MiB"},
                                                                     {"subrequests", "7"},
                                                                     {"log", "64 KiB"},
                                                                     {"script", "2 MiB"}}) {
    auto limits = with_limit(settings.limits(), name, text);
    ASSERT_TRUE(limits.ok()) << limits.error().message;
    *settings.mutable_limits() = limits.value();
  }
  ASSERT_EQ(limits_set(settings.limits()).size(), limit_names().size());
  const Result<WorkerConfig> config = read_as("worker.yaml", worker_yaml(version, "src/app.js"));
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config.value().name, "shop");
  EXPECT_EQ(config.value().main_module, "src/app.js");
  EXPECT_THAT(config.value().routes, ElementsAre("shop.example/*"));
  EXPECT_EQ(canonical_settings(config.value().settings), canonical_settings(settings));
}

TEST(WorkerConfigRollout, IsReadWithItsWavesInOrder) {
  const Result<WorkerConfig> config = read_as("worker.yaml",
                                              "rollout:\n"
                                              "  waves: {canary: 'AMS,FRA', eu: region=eu}\n"
                                              "  abort-on: [nack, 'error-rate>1%']\n"
                                              "  bake: 2 s\n");
  ASSERT_TRUE(config.ok()) << config.error().message;
  const v1::RolloutPlan& plan = config.value().rollout;
  ASSERT_EQ(plan.waves_size(), 2);
  EXPECT_EQ(plan.waves(0).selector(), "AMS,FRA");
  EXPECT_EQ(plan.waves(1).name(), "eu");
  EXPECT_EQ(plan.bake_ms(), 2000U);
  const auto guards = [](const std::string& rollout) {
    return read_as("worker.yaml", "rollout: " + rollout).value().rollout.abort_on();
  };
  EXPECT_THAT(guards("{waves: {canary: AMS}}"), ElementsAre("nack", "crashes>0"));
  EXPECT_THAT(guards("{waves: {canary: AMS}, abort-on: []}"), ElementsAre());
  EXPECT_THAT(guards("{bake: 2 s}"), ElementsAre());
  EXPECT_THAT(refusal("worker.yaml", "rollout:\n  waves: {a: '200%'}\n"),
              HasSubstr("worker.yaml:2"));
  EXPECT_THAT(refusal("worker.yaml", "rollout: {abort-on: [rain]}\n"), HasSubstr("worker.yaml:1"));
  EXPECT_THAT(refusal("worker.yaml", "kv: {KV: 'A B'}\n"), HasSubstr("worker.yaml:1"));
}

}  // namespace
}  // namespace isopop::control::cli
