// ExecutorZygote by itself, with deadlines that no option of a PoP sets. The zygote is
// scripted_executor.cc.

#include "pop_node/pool/executor_zygote.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/time/clock.h"
#include "tests/integration/pop_node/pop_process.h"

namespace isopop::pop {
namespace {

class ExecutorZygoteTest : public ::testing::Test {
 protected:
  ~ExecutorZygoteTest() override {
    if (zygote_ != nullptr) zygote_->close();
  }
  void start(const std::string& script, std::chrono::nanoseconds answer_timeout) {
    std::ofstream(folder_.path() / "zygote") << script;
    zygote_ = std::make_shared<ExecutorZygote>(
        io_, clock_,
        ExecutorZygoteOptions{.program = scripted_executor(),
                              .arguments = {"--state", folder_.path().string()},
                              .start_timeout = std::chrono::hours(1),
                              .answer_timeout = answer_timeout});
    zygote_->start();
  }
  void run_until(const std::function<bool()>& is_so) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!is_so() && std::chrono::steady_clock::now() < deadline) {
      io_.run_one_for(std::chrono::seconds(1));
    }
  }

  const TempFolder folder_ = TempFolder::create("zygote_test").value();
  asio::io_context io_;
  const SystemClock clock_;
  std::shared_ptr<ExecutorZygote> zygote_;
};

TEST_F(ExecutorZygoteTest, OneThatLeavesAnOrderUnansweredIsReplacedHoweverLongItMightHaveStarted) {
  start("mute", std::chrono::milliseconds(50));
  const Result<ExecutorZygote::Seat> seat = zygote_->take();
  ASSERT_TRUE(seat.ok()) << seat.error().message;
  run_until([this] { return zygote_->restarts() > 0; });
  EXPECT_EQ(zygote_->restarts(), 1U);
  EXPECT_EQ(seat.value().child->fate(), ExecutorChild::Fate::kDiedWithZygote);
}

// As when clients have taken all descriptors: what was ordered before comes all the same.
TEST_F(ExecutorZygoteTest, AnAnswerFindsRoomForItsDescriptor) {
  start("", std::chrono::seconds(10));
  run_until([this] { return zygote_->report() != nullptr; });
  const Result<ExecutorZygote::Seat> first = zygote_->take();
  const Result<ExecutorZygote::Seat> second = zygote_->take();
  ASSERT_TRUE(first.ok() && second.ok());
  rlimit usual{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &usual), 0);
  const rlimit few{.rlim_cur = 64, .rlim_max = usual.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  std::vector<UniqueFd> taken;
  do {
    taken.emplace_back(open("/dev/null", O_RDONLY | O_CLOEXEC));
  } while (taken.back().valid());
  run_until([&] {
    return zygote_->restarts() > 0 ||
           (first.value().child->pid() > 0 && second.value().child->pid() > 0);
  });
  setrlimit(RLIMIT_NOFILE, &usual);
  EXPECT_EQ(zygote_->restarts(), 0U);
  EXPECT_TRUE(first.value().child->is_running());
  EXPECT_TRUE(second.value().child->is_running());
}

// As the first process of a container is: whoever loses its parent becomes its child.
TEST_F(ExecutorZygoteTest, ExecutorsThatAnEndedZygoteLeavesBehindAreReaped) {
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  start("", std::chrono::seconds(10));
  const Result<ExecutorZygote::Seat> seat = zygote_->take();
  ASSERT_TRUE(seat.ok()) << seat.error().message;
  const auto child = seat.value().child;
  run_until([&] { return child->pid() > 0; });
  const pid_t orphan = child->pid();
  const pid_t zygote = getpgid(orphan);
  ASSERT_NE(zygote, getpgrp());
  kill(zygote, SIGKILL);
  // A process that was not reaped can still be sent signals.
  run_until([&] { return kill(orphan, 0) != 0; });
  EXPECT_EQ(kill(orphan, 0), -1);
  EXPECT_EQ(errno, ESRCH);
  EXPECT_EQ(zygote_->restarts(), 1U);
  // And what is nothing of the PoP's, as a command that somebody ran in the container.
  const std::string pid_file = ::testing::TempDir() + "orphan." + std::to_string(getpid());
  const std::string script = "sleep 0.05 & echo $! > " + pid_file;
  Child shell = Child::start({.program = "/bin/sh",
                              .arguments = {"-c", script},
                              .environment = {"PATH=/usr/bin:/bin"}})
                    .value();
  ASSERT_TRUE(shell.wait_exit(std::chrono::seconds(10)));
  pid_t stranger = 0;
  std::ifstream(pid_file) >> stranger;
  std::filesystem::remove(pid_file);
  ASSERT_GT(stranger, 1);
  run_until([&] { return kill(stranger, 0) != 0; });
  EXPECT_EQ(kill(stranger, 0), -1);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

}  // namespace
}  // namespace isopop::pop
