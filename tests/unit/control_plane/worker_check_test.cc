#include "control_plane/registry/worker_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <thread>

#include "common/files/files.h"
#include "tests/support/wait.h"

namespace isopop::control {
namespace {

using ::testing::HasSubstr;

// The protocol between the control plane and `isopop-executor --check`, with scripts in the
// executor's place so that each of its possible endings can be had. The real one is in the
// integration tests.
class WorkerCheck : public ::testing::Test {
 protected:
  Result<std::optional<v1::WorkerError>> check(const std::string& script, const std::string& bundle,
                                               WorkerCheckOptions options = {}) {
    options.executor = folder_.path() / "executor";
    EXPECT_TRUE(write_file_atomically(options.executor, "#!/bin/sh\n" + script).ok());
    EXPECT_EQ(chmod(options.executor.c_str(), 0755), 0);
    return check_worker(options, bundle);
  }

  TempFolder folder_ = TempFolder::create("isopop-check-").value();
};

TEST_F(WorkerCheck, PassesTheWholeBundleAndAcceptsOk) {
  const std::string bundle(3 << 20, 'b');
  const auto outcome = check(
      "[ \"$1\" = --check ] && [ $(/usr/bin/wc -c) = 3145728 ] && echo '{\"ok\":true}'", bundle);
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_FALSE(outcome.value());
}

TEST_F(WorkerCheck, TellsWhereTheErrorIs) {
  const auto outcome = check(
      "echo '{\"ok\":false,\"module\":\"a.js\",\"line\":3,\"column\":7,\"message\":\"bad\"}'; exit "
      "9",
      "bundle");
  ASSERT_TRUE(outcome.ok() && outcome.value());
  EXPECT_EQ(outcome.value()->module(), "a.js");
  EXPECT_EQ(outcome.value()->line(), 3U);
  EXPECT_EQ(outcome.value()->column(), 7U);
  EXPECT_EQ(outcome.value()->message(), "bad");
}

TEST_F(WorkerCheck, NoAnswerInTimeIsTheWorkersFault) {
  const auto outcome =
      check("exec /bin/sleep 60", "bundle", {.timeout = std::chrono::milliseconds(200)});
  ASSERT_TRUE(outcome.ok() && outcome.value());
  EXPECT_THAT(outcome.value()->message(), HasSubstr("did not end within"));
}

TEST_F(WorkerCheck, AnswerWithoutAnEndOfProcessIsTooLateToo) {
  const auto outcome = check("echo '{\"ok\":true}'; exec >&-; exec /bin/sleep 60", "bundle",
                             {.timeout = std::chrono::milliseconds(200)});
  ASSERT_TRUE(outcome.ok() && outcome.value());
}

TEST_F(WorkerCheck, CrashIsTheWorkersFault) {
  const auto outcome = check("kill -ABRT $$", "bundle");
  ASSERT_TRUE(outcome.ok() && outcome.value());
  EXPECT_THAT(outcome.value()->message(), HasSubstr("signal 6"));
}

TEST_F(WorkerCheck, NonsenseIsNotTheWorkersFault) {
  EXPECT_FALSE(check("echo hello", "bundle").ok());
  EXPECT_FALSE(check("echo '{\"ok\":true}'; exit 1", "bundle").ok());
  EXPECT_FALSE(check("echo '[]'; exit 9", "bundle").ok());
  EXPECT_FALSE(check("exec /usr/bin/yes", "bundle").ok());
}

TEST_F(WorkerCheck, OddFieldsAreUnknownFields) {
  const auto outcome =
      check("echo '{\"module\":7,\"line\":-1,\"column\":1e99,\"message\":null}'; exit 9", "bundle");
  ASSERT_TRUE(outcome.ok() && outcome.value());
  EXPECT_EQ(outcome.value()->line(), 0U);
  EXPECT_EQ(outcome.value()->column(), 0U);
  EXPECT_FALSE(outcome.value()->message().empty());
}

TEST_F(WorkerCheck, ChildThatDoesNotReadIsFine) {
  const auto outcome = check("echo '{\"ok\":true}'", std::string(8 << 20, 'b'));
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_FALSE(outcome.value());
}

TEST_F(WorkerCheck, MissingExecutorSaysSo) {
  const auto outcome = check_worker({.executor = "/nowhere/isopop-executor"}, "bundle");
  ASSERT_FALSE(outcome.ok());
  EXPECT_THAT(outcome.error().message, HasSubstr("/nowhere/isopop-executor"));
}

TEST_F(WorkerCheck, StopEndsARunningCheck) {
  std::stop_source stop;
  WorkerCheckOptions options;
  options.stop = stop.get_token();
  const std::filesystem::path started = folder_.path() / "started";
  std::thread stopper([&stop, &started] {
    static_cast<void>(test::wait_until([&started] { return std::filesystem::exists(started); }));
    stop.request_stop();
  });
  const auto outcome = check("> " + started.string() + "; exec /bin/sleep 60", "bundle", options);
  stopper.join();
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace isopop::control
