#include "sim/launch/stopper.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "common/process/child.h"
#include "sim/launch/interrupt.h"
#include "sim/launch/process_table.h"

namespace isopop::sim {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

class StopperTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(state_.create().ok()); }

  // Starts the idle program under that name and returns when it can be signalled.
  Child start(const std::string& name, std::vector<std::string> arguments) {
    const fs::path program = temp_.path() / name;
    std::error_code ignored;
    fs::copy_file(ISOPOP_IDLE_PROGRAM, program, fs::copy_options::skip_existing, ignored);
    std::array<int, 2> pipe_ends{};
    EXPECT_EQ(pipe2(pipe_ends.data(), O_CLOEXEC), 0);
    const UniqueFd read_end(pipe_ends[0]);
    UniqueFd write_end(pipe_ends[1]);
    ChildOptions options;
    options.program = program;
    options.arguments = std::move(arguments);
    options.standard_output = write_end.get();
    Result<Child> child = Child::start(options);
    EXPECT_TRUE(child.ok()) << (child.ok() ? "" : child.error().message);
    write_end.reset();
    char byte = 0;
    EXPECT_EQ(read(read_end.get(), &byte, 1), 1);
    return std::move(child).value();
  }

  [[nodiscard]] std::string state() const { return state_.path().string(); }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> names;
    const std::vector<RunningProcess> processes = find_processes(state_.path()).value();
    names.reserve(processes.size());
    for (const RunningProcess& process : processes) names.push_back(process.name);
    return names;
  }

  TempFolder temp_ = TempFolder::create("isopop-stopper-test").value();
  StateFolder state_ = StateFolder::at((temp_.path() / "state").string()).value();
  SystemClock clock_;
};

TEST_F(StopperTest, FindsExactlyTheProcessesOfItsFolder) {
  const Child pop = start("isopop-pop", {"--id", "AMS", "--state", state()});
  const Child router = start("isopop-router", {"--state=" + state()});
  const Child other_network = start("isopop-pop", {"--id", "CDG", "--state", state() + "2"});
  const Child foreign = start("isopop-something", {"--state", state()});
  EXPECT_THAT(names(), ElementsAre("router", "AMS"));
}

TEST_F(StopperTest, DoesNotSeeProcessesThatHaveEnded) {
  Child pop = start("isopop-pop", {"--id", "AMS", "--state", state()});
  const std::vector<RunningProcess> before = find_processes(state_.path()).value();
  ASSERT_EQ(before.size(), 1U);
  pop.send_signal(SIGKILL);
  pollfd ended{.fd = before.front().pid_fd.get(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&ended, 1, 10'000), 1);
  EXPECT_THAT(names(), IsEmpty());  // a zombie until the test reaps it
  EXPECT_FALSE(before.front().is_running());
  EXPECT_TRUE(before.front().send_signal(SIGTERM).ok());
}

TEST_F(StopperTest, StopsOnlyItsOwn) {
  const Child pop = start("isopop-pop", {"--id", "AMS", "--state", state()});
  const Child control = start("isopop-control", {"--state", state()});
  Child other = start("isopop-pop", {"--id", "CDG", "--state", state() + "2"});
  std::size_t last_done = 0;
  StopOptions options;
  options.on_progress = [&last_done](std::size_t done, std::size_t) { last_done = done; };
  const Result<StopOutcome> outcome = stop_network(state_, options, clock_);
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome.value().stopped, 2U);
  EXPECT_EQ(outcome.value().killed, 0U);
  EXPECT_EQ(last_done, 2U);
  EXPECT_THAT(names(), IsEmpty());
  EXPECT_FALSE(other.poll_exit().has_value());
}

TEST_F(StopperTest, KillsWhatDoesNotEndInTime) {
  const Child stubborn = start("isopop-pop", {"--id", "AMS", "--ignore-term", "--state", state()});
  const Child willing = start("isopop-pop", {"--id", "CDG", "--state", state()});
  StopOptions options;
  options.drain = 50ms;
  const Result<StopOutcome> outcome = stop_network(state_, options, clock_);
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome.value().killed, 1U);
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(StopperTest, EndsExecutorsWithoutAPop) {
  const Child orphan = start("isopop-executor", {"--ignore-term", "--state", state()});
  const Result<StopOutcome> outcome = stop_network(state_, {}, clock_);
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome.value().stopped, 1U);
  EXPECT_THAT(names(), IsEmpty());
}

TEST_F(StopperTest, IsContentWhenNothingRuns) {
  const Result<StopOutcome> outcome = stop_network(state_, {}, clock_);
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome.value().stopped, 0U);
}

TEST(InterruptTest, KeepsASignalUntilItIsAskedFor) {
  Result<Interrupt> interrupt = Interrupt::create();
  ASSERT_TRUE(interrupt.ok());
  EXPECT_FALSE(interrupt.value().has_come());
  EXPECT_FALSE(interrupt.value().wait(1ms));
  ASSERT_EQ(raise(SIGINT), 0);
  EXPECT_TRUE(interrupt.value().wait(10s));
  EXPECT_TRUE(interrupt.value().has_come());
}

}  // namespace
}  // namespace isopop::sim
