#include "common/process/orphans.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <string>

#include "common/files/files.h"
#include "common/process/child.h"
#include "common/text/text.h"
#include "tests/support/wait.h"

namespace isopop {
namespace {

using namespace std::chrono_literals;

struct Pipe {
  UniqueFd read_end;
  UniqueFd write_end;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

// While it lives this process is given orphans, as the first one of a container is.
class OrphansTest : public testing::Test {
 protected:
  OrphansTest() { prctl(PR_SET_CHILD_SUBREAPER, 1); }
  ~OrphansTest() override { prctl(PR_SET_CHILD_SUBREAPER, 0); }

  // Of a process that lost its parent and runs until end_orphan().
  pid_t make_orphan() {
    life_ = make_pipe();
    Pipe told = make_pipe();
    Child parent = Child::start({.program = "/bin/sh",
                                 .arguments = {"-c", "cat <&3 >/dev/null & echo $!"},
                                 .environment = {"PATH=/usr/bin:/bin"},
                                 .channel = life_.read_end.get(),
                                 .standard_output = told.write_end.get()})
                       .value();
    life_.read_end.reset();
    std::array<char, 32> digits{};
    EXPECT_GT(read(told.read_end.get(), digits.data(), digits.size() - 1), 0);
    EXPECT_TRUE(parent.wait_exit(10s).has_value());
    return static_cast<pid_t>(parse_integer(trim(digits.data())).value());
  }
  void end_orphan() { life_.write_end.reset(); }

  Pipe life_;
};

// 'Z' of one that has ended and is still in the table; 0: not there.
char state_of(pid_t pid) {
  const Result<std::string> stat = read_file(fmt::format("/proc/{}/stat", pid));
  return stat.ok() ? stat.value().at(stat.value().rfind(')') + 2) : '\0';
}

TEST_F(OrphansTest, AreGivenToWhoAskedForThem) {
  EXPECT_TRUE(is_given_orphans());
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  EXPECT_FALSE(is_given_orphans());
}

TEST_F(OrphansTest, AreTakenOutOfTheTableOnceTheyHaveEnded) {
  const pid_t orphan = make_orphan();
  EXPECT_TRUE(reap_orphans([](pid_t) { return false; }));
  EXPECT_NE(state_of(orphan), '\0') << "it runs";
  end_orphan();
  ASSERT_TRUE(test::wait_until([&] { return state_of(orphan) == 'Z'; }));
  EXPECT_TRUE(reap_orphans([](pid_t) { return false; }));
  EXPECT_EQ(state_of(orphan), '\0');
}

TEST_F(OrphansTest, WhatSomebodyWaitsForIsLeftToThem) {
  Child child = Child::start({.program = "/bin/sh", .arguments = {"-c", "exit 9"}}).value();
  ASSERT_TRUE(test::wait_until([&] { return state_of(child.pid()) == 'Z'; }));
  const pid_t orphan = make_orphan();
  end_orphan();
  ASSERT_TRUE(test::wait_until([&] { return state_of(orphan) == 'Z'; }));
  const auto is_child = [&child](pid_t pid) { return pid == child.pid(); };
  // Which of them the kernel shows first is its own affair.
  if (!reap_orphans(is_child)) {
    EXPECT_EQ(state_of(child.pid()), 'Z');
  }
  EXPECT_EQ(child.wait_exit(10s)->code, 9);
  EXPECT_TRUE(reap_orphans(is_child));
  EXPECT_EQ(state_of(orphan), '\0');
}

}  // namespace
}  // namespace isopop
