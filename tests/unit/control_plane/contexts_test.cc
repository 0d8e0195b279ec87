#include "control_plane/cli/contexts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "common/files/files.h"
#include "control_plane/cli/target.h"

namespace isopop::control::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ContextsTest : public ::testing::Test {
 protected:
  ContextsTest() : folder_(TempFolder::create("contexts").value()) {}

  [[nodiscard]] fs::path file() const { return folder_.path() / "popctl" / "config.yaml"; }
  void write(const fs::path& path, const std::string& text) const {
    ASSERT_TRUE(create_folders(path.parent_path()).ok());
    ASSERT_TRUE(write_file_atomically(path, text).ok());
  }
  // A state folder as a running control plane keeps it.
  [[nodiscard]] std::string state() const {
    const fs::path state = folder_.path() / "state";
    write(state / "control.endpoint", "127.0.0.1:7070\n");
    write(state / "pki" / "admin.token", "isopop_of_state\n");
    write(state / "join" / "ca.crt", "PEM");
    return state.string();
  }
  [[nodiscard]] Target target(const TargetOptions& options) const {
    const Result<Target> found = find_target(options, file());
    EXPECT_TRUE(found.ok()) << found.error().message;
    return found.ok() ? found.value() : Target{};
  }
  [[nodiscard]] std::string refused(const TargetOptions& options) const {
    const Result<Target> found = find_target(options, file());
    return found.ok() ? "accepted" : found.error().message;
  }

  TempFolder folder_;
};

TEST_F(ContextsTest, AreThereAgainAfterTheyWereSaved) {
  Contexts contexts;
  contexts.current = "prod";
  contexts.by_name["prod"] = {.endpoint = "control.example:7070", .ca = "/ca.crt"};
  contexts.by_name["1.5"] = {.state = "/srv/my net", .token_file = "/token"};
  ASSERT_TRUE(save_contexts(file(), contexts).ok());
  const Result<Contexts> loaded = load_contexts(file());
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  EXPECT_EQ(loaded.value().current, "prod");
  EXPECT_EQ(loaded.value().by_name.at("prod").ca, "/ca.crt");
  EXPECT_EQ(loaded.value().by_name.at("1.5").state, "/srv/my net");
  EXPECT_TRUE(load_contexts(folder_.path() / "nowhere").value().by_name.empty());
}

TEST_F(ContextsTest, MistakesInTheFileHaveTheirPlace) {
  const auto refusal = [this](const std::string& text) {
    write(file(), text);
    const Result<Contexts> loaded = load_contexts(file());
    return loaded.ok() ? "accepted" : loaded.error().message;
  };
  EXPECT_THAT(refusal("current: gone\ncontexts: {}\n"), HasSubstr("no context 'gone'"));
  EXPECT_THAT(refusal("contexts: {a: {endpont: x}}\n"), HasSubstr("endpont"));
  EXPECT_THAT(refusal("contexts:\n  a: {ca: x}\n"), HasSubstr("config.yaml:2"));
  EXPECT_THAT(refusal("contexts:\n  a: {endpoint: x, state: y}\n"), HasSubstr("one of the two"));
  EXPECT_THAT(refusal("contexts: {'a/b': {endpoint: x}}\n"), HasSubstr("context name"));
  EXPECT_THAT(refusal("contexts: [\n"), HasSubstr("config.yaml:"));
}

TEST_F(ContextsTest, FlagsBeatTheEnvironmentAndThatBeatsContexts) {
  write(file(), "current: prod\ncontexts: {prod: {endpoint: 'prod:1', token-file: " +
                    (folder_.path() / "token").string() + "}}\n");
  write(folder_.path() / "token", "isopop_of_prod\n");
  EXPECT_EQ(target({}).address, "prod:1");
  EXPECT_EQ(target({}).token, "isopop_of_prod");
  EXPECT_EQ(target({.endpoint_of_environment = "env:2"}).address, "env:2");
  EXPECT_EQ(target({.state = state(), .endpoint_of_environment = "env:2"}).address,
            "127.0.0.1:7070");
  EXPECT_EQ(target({.endpoint = "flag:3", .endpoint_of_environment = "env:2"}).address, "flag:3");
  EXPECT_EQ(target({.context = "prod", .endpoint_of_environment = "env:2"}).address, "prod:1");
}

TEST_F(ContextsTest, TokensGoOnlyWhereTheyBelong) {
  write(file(), "current: prod\ncontexts: {prod: {endpoint: 'prod:1', token-file: " +
                    (folder_.path() / "token").string() + "}}\n");
  write(folder_.path() / "token", "isopop_of_prod\n");
  EXPECT_EQ(target({.endpoint = "elsewhere:1"}).token, "");
  EXPECT_EQ(target({.endpoint_of_environment = "elsewhere:1"}).token, "");
  EXPECT_EQ(target({.endpoint = "proxy:1", .context = "prod"}).token, "isopop_of_prod");
  const Target of_state = target({.state = state()});
  EXPECT_EQ(of_state.token, "isopop_of_state");
  EXPECT_THAT(of_state.tls.ca, HasSubstr("join/ca.crt"));
  EXPECT_EQ(target({.state = state(), .token_of_environment = "isopop_env"}).token, "isopop_env");
  EXPECT_EQ(target({.state = state(),
                    .token_file = (folder_.path() / "token").string(),
                    .token_of_environment = "isopop_env"})
                .token,
            "isopop_of_prod");
}

TEST_F(ContextsTest, WhatMakesNoSenseIsRefused) {
  write(file(), "contexts: {prod: {endpoint: 'prod:1'}}\n");
  EXPECT_THAT(refused({.context = "prd"}), HasSubstr("did you mean prod?"));
  EXPECT_THAT(refused({.context = "prod", .state = "x"}), HasSubstr("one of the two"));
  EXPECT_THAT(refused({.state = "nowhere"}), HasSubstr("no control plane runs"));
  for (const char* bad : {"", "host", ":1", "host:", "host:0", "host:65536", "host:x"}) {
    EXPECT_THAT(refused({.endpoint = bad}), HasSubstr("HOST:PORT")) << bad;
  }
  write(folder_.path() / "two", "one two\n");
  EXPECT_THAT(refused({.endpoint = "a:1", .token_file = (folder_.path() / "two").string()}),
              HasSubstr("one token"));
  EXPECT_THAT(refused({.endpoint = "a:1", .token_file = "nowhere"}), HasSubstr("token file"));
}

}  // namespace
}  // namespace isopop::control::cli
