// The image itself: what it promises to whoever runs it. With a real engine; skipped, with the
// reason, where there is none or no image.

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "common/files/files.h"
#include "common/text/text.h"
#include "tests/e2e/network.h"

namespace isopop::test {
namespace {

using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr std::uint64_t kBytesMax = 150'000'000;

std::string image() {
  const char* given = std::getenv("ISOPOP_TEST_IMAGE");  // NOLINT(concurrency-mt-unsafe)
  return given == nullptr ? "isopop:latest" : given;
}

CommandOutcome docker(const std::vector<std::string>& arguments) {
  return run_command("docker", arguments, {.environment = engine_environment(), .timeout = 120s});
}

class ImageTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const CommandOutcome version = docker({"version", "--format", "{{.Server.Version}}"});
    if (!version.success()) GTEST_SKIP() << "no container engine answers: " << version.errors;
    const CommandOutcome inspected = docker({"image", "inspect", image()});
    if (!inspected.success()) GTEST_SKIP() << "no image " << image() << ": ./run image builds it";
    facts_ = nlohmann::json::parse(inspected.output).at(0);
  }

  // In a container that may do as little as those of the compose files.
  static CommandOutcome run_confined(const std::vector<std::string>& command) {
    std::vector<std::string> arguments = {"run",
                                          "--rm",
                                          "--network",
                                          "none",
                                          "--read-only",
                                          "--tmpfs",
                                          "/tmp",
                                          "--tmpfs",
                                          "/var/lib/isopop",
                                          "--cap-drop",
                                          "ALL",
                                          "--security-opt",
                                          "no-new-privileges",
                                          image()};
    arguments.insert(arguments.end(), command.begin(), command.end());
    return docker(arguments);
  }

  nlohmann::json facts_;
};

TEST_F(ImageTest, IsSmall) {
  EXPECT_LT(facts_.at("Size").get<std::uint64_t>(), kBytesMax);
}

TEST_F(ImageTest, RunsAsNobodySpecialAndStopsBySigterm) {
  const nlohmann::json& config = facts_.at("Config");
  EXPECT_EQ(config.at("User"), "10001:10001");
  EXPECT_EQ(config.at("StopSignal"), "SIGTERM");
  EXPECT_EQ(config.at("WorkingDir"), "/var/lib/isopop");
  EXPECT_EQ(config.at("Entrypoint"), nullptr);
  EXPECT_EQ(config.at("Cmd"), nlohmann::json({"isopop", "--help"}));
  EXPECT_EQ(config.at("Labels").at("org.opencontainers.image.title"), "Isopop");
  EXPECT_NE(config.at("Labels").at("org.opencontainers.image.version"), "unknown");
}

// Each finds its libraries, and none is left out.
TEST_F(ImageTest, HasEveryProgram) {
  for (const std::string program :
       {"isopop", "isopop-control", "isopop-pop", "isopop-router", "popctl"}) {
    const CommandOutcome told = run_confined({program, "--help"});
    EXPECT_TRUE(told.success()) << told.describe();
    EXPECT_THAT(told.output, HasSubstr("Usage: " + program));
  }
  const CommandOutcome no_worker = run_confined({"isopop-executor", "--check"});
  EXPECT_THAT(no_worker.output, StartsWith("{")) << no_worker.describe();
  const CommandOutcome deaf = run_confined({"isopop-health"});
  EXPECT_EQ(deaf.status.code, 1) << deaf.describe();
  EXPECT_THAT(deaf.errors, HasSubstr("cannot connect"));
}

TEST_F(ImageTest, WritesItsStateAndNothingElse) {
  const CommandOutcome written =
      run_confined({"sh", "-c", "id -u && touch /var/lib/isopop/state /tmp/scratch"});
  EXPECT_TRUE(written.success()) << written.describe();
  EXPECT_EQ(trim(written.output), "10001");
  EXPECT_FALSE(run_confined({"touch", "/usr/bin/x"}).success());
  // A volume takes over who owns the folder that it is mounted on.
  const CommandOutcome owner =
      docker({"run", "--rm", image(), "stat", "-c", "%U", "/var/lib/isopop"});
  EXPECT_EQ(trim(owner.output), "isopop");
}

// The shell is looked for too, so that the search is seen to find things.
TEST_F(ImageTest, LendsNobodyPrivileges) {
  const CommandOutcome found =
      run_confined({"find", "/", "-xdev", "-type", "f", "(", "-name", "busybox", "-o", "-perm",
                    "-4000", "-o", "-perm", "-2000", ")"});
  EXPECT_EQ(found.output, "/usr/bin/busybox\n") << found.describe();
}

TEST_F(ImageTest, BringsTheBundledTopologiesAndTheListOfItsPackages) {
  const CommandOutcome files = run_confined(
      {"ls", "/usr/share/isopop/configs/topologies", "/usr/share/isopop/configs/data"});
  EXPECT_THAT(files.output, HasSubstr("world.yaml"));
  EXPECT_THAT(files.output, HasSubstr("cities.csv"));
  const CommandOutcome packages = run_confined({"cat", "/var/lib/dpkg/status", "/etc/os-release"});
  EXPECT_THAT(packages.output, HasSubstr("Package: libnode108\n"));
  EXPECT_THAT(packages.output, HasSubstr("Package: libc6\n"));
  EXPECT_THAT(packages.output, HasSubstr("VERSION_ID=\"12\""));
}

// Needs no engine: what only BuildKit understands would keep the classic builder from building it.
TEST(DockerfileTest, IsOneThatEveryBuilderReads) {
  const std::string text = read_file(std::string(ISOPOP_SOURCE_DIR) + "/docker/Dockerfile").value();
  for (const std::string_view line : split(text, '\n')) {
    if (!line.starts_with('#')) {
      EXPECT_THAT(std::string(line), Not(AnyOf(HasSubstr("--mount"), HasSubstr("<<"))));
    }
    EXPECT_THAT(std::string(line), Not(HasSubstr("syntax=")));
  }
  EXPECT_THAT(text, HasSubstr("ARG BASE="));
}

}  // namespace
}  // namespace isopop::test
