#include "sim/doctor/engine_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isopop::sim::doctor {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using State = EngineFacts::State;

CommandOutput answer(int code, std::string output, std::string errors = "") {
  return {.status = {.code = code}, .output = std::move(output), .errors = std::move(errors)};
}

constexpr const char* kClientOnly = R"({"Client":{"Version":"20.10.24+dfsg1"},"Server":null})";

TEST(VersionAnswer, GivesBothVersions) {
  const EngineFacts engine = read_version_answer(
      answer(0, R"({"Client":{"Version":"27.1.0"},"Server":{"Version":"20.10.24+dfsg1"}})"));
  EXPECT_EQ(engine.state, State::kAnswers);
  EXPECT_EQ(engine.client_version, "27.1.0");
  EXPECT_EQ(engine.server_version, "20.10.24+dfsg1");
}

TEST(VersionAnswer, TellsADaemonThatDoesNotRun) {
  // Docker 20.10 and 28; Docker 29.
  for (const char* errors : {"Cannot connect to the Docker daemon at unix:///nope.sock. Is the "
                             "docker daemon running?\n",
                             "failed to connect to the docker API at unix:///nope.sock"}) {
    const EngineFacts engine = read_version_answer(answer(1, kClientOnly, errors));
    EXPECT_EQ(engine.state, State::kNotRunning);
    EXPECT_THAT(engine.message, HasSubstr("unix:///nope.sock"));
    EXPECT_EQ(engine.client_version, "20.10.24+dfsg1");
  }
}

TEST(VersionAnswer, TellsAUserWhoMayNot) {
  for (const char* errors :
       {"Got permission denied while trying to connect to the Docker daemon socket at "
        "unix:///var/run/docker.sock: dial unix: connect: permission denied",
        "permission denied while trying to connect to the docker API at unix:///x"}) {
    EXPECT_EQ(read_version_answer(answer(1, kClientOnly, errors)).state, State::kPermissionDenied);
  }
}

TEST(VersionAnswer, KeepsWhatItDoesNotUnderstandForPeople) {
  const EngineFacts engine = read_version_answer(
      answer(1, "", "error during connect: client is newer than server\nhint: upgrade\n"));
  EXPECT_EQ(engine.state, State::kFailed);
  EXPECT_EQ(engine.message, "error during connect: client is newer than server hint: upgrade");
  EXPECT_THAT(read_version_answer(answer(3, "")).message, HasSubstr("exit code 3"));
  EXPECT_LE(read_version_answer(answer(1, "", std::string(100'000, 'x'))).message.size(), 300U);
}

TEST(VersionAnswer, BelievesNoAnswerWithoutAServer) {
  for (const char* output :
       {"", "json", "[]", "null", "{", "{}", R"({"Server":"20.10"})", R"({"Server":{}})",
        R"({"Server":{"Version":20}})", R"({"Server":[{"Version":"20.10"}]})", kClientOnly}) {
    EXPECT_EQ(read_version_answer(answer(0, output)).state, State::kFailed) << output;
  }
}

TEST(InfoAnswer, GivesWhatContainersAreLimitedBy) {
  const EngineFacts engine = with_info(
      {}, R"({"KernelVersion":"6.1.0","MemTotal":25276510208,"DockerRootDir":"/var/lib/docker",
             "CgroupVersion":"2","MemoryLimit":true,"PidsLimit":false,
             "SecurityOptions":["name=seccomp,profile=default",7,"name=cgroupns"]})");
  EXPECT_EQ(engine.kernel, "6.1.0");
  EXPECT_EQ(engine.memory_total_bytes, 25'276'510'208ULL);
  EXPECT_EQ(engine.data_folder, "/var/lib/docker");
  EXPECT_EQ(engine.cgroup_version, "2");
  EXPECT_EQ(engine.limits_memory, true);
  EXPECT_EQ(engine.limits_tasks, false);
  EXPECT_THAT(*engine.security, ElementsAre("name=seccomp,profile=default", "name=cgroupns"));
}

TEST(InfoAnswer, TellsNothingWhenItIsNotUnderstood) {
  for (const char* printed :
       {"", "ERROR: cannot connect", "[1,2]", "7", R"({"MemTotal":-1,"MemoryLimit":"yes"})",
        R"({"SecurityOptions":{"a":1},"KernelVersion":null,"CgroupVersion":2})"}) {
    const EngineFacts engine = with_info({}, printed);
    EXPECT_EQ(engine.kernel, "");
    EXPECT_EQ(engine.memory_total_bytes, std::nullopt);
    EXPECT_EQ(engine.cgroup_version, "");
    EXPECT_EQ(engine.limits_memory, std::nullopt);
    EXPECT_EQ(engine.security, std::nullopt);
  }
}

TEST(ImageAnswer, TellsAMissingImageFromAnyOtherFailure) {
  EXPECT_EQ(read_image_answer(answer(0, "sha256:1")), true);
  EXPECT_EQ(read_image_answer(answer(1, "", "Error: No such image: isopop:latest")), false);
  EXPECT_EQ(read_image_answer(answer(1, "", "Error response from daemon: server error")),
            std::nullopt);
}

TEST(IsElsewhere, ComparesKernelAndMemory) {
  HostFacts facts;
  facts.kernel = "6.1.0";
  facts.memory_total_bytes = 1'000;
  EXPECT_FALSE(is_elsewhere({}, facts));
  EXPECT_FALSE(is_elsewhere({.kernel = "6.1.0", .memory_total_bytes = 1'000}, facts));
  EXPECT_TRUE(is_elsewhere({.kernel = "6.1.1", .memory_total_bytes = 1'000}, facts));
  EXPECT_TRUE(is_elsewhere({.kernel = "6.1.0", .memory_total_bytes = 1'001}, facts));
}

}  // namespace
}  // namespace isopop::sim::doctor
