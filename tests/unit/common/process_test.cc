#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "common/process/child.h"
#include "common/process/command.h"

namespace isopop {
namespace {

using namespace std::chrono_literals;

ChildOptions shell(std::string script) {
  return {.program = "/bin/sh", .arguments = {"-c", std::move(script)}, .environment = {}};
}

std::string read_to_end(int fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  ssize_t size = 0;
  while ((size = read(fd, buffer.data(), buffer.size())) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return text;
}

// Runs it with its standard output in a pipe, and gives what it wrote.
std::string output_of(ChildOptions options) {
  std::array<int, 2> pipe_ends{};
  EXPECT_EQ(pipe2(pipe_ends.data(), O_CLOEXEC), 0);
  const UniqueFd read_end(pipe_ends[0]);
  UniqueFd write_end(pipe_ends[1]);
  options.standard_output = write_end.get();
  Child child = Child::start(options).value();
  write_end.reset();
  std::string text = read_to_end(read_end.get());
  EXPECT_TRUE(child.wait_exit(10s).has_value());
  return text;
}

TEST(ChildTest, TellsHowAProcessEnded) {
  EXPECT_EQ(Child::start(shell("exit 9")).value().wait_exit(10s)->code, 9);
  const ExitStatus killed = *Child::start(shell("kill -TERM $$")).value().wait_exit(10s);
  EXPECT_EQ(killed.signal, SIGTERM);
  EXPECT_EQ(killed.describe(), "signal 15 (Terminated)");
  EXPECT_FALSE(killed.success());
}

TEST(ChildTest, AProgramThatIsNotThereIsAnErrorAtOnce) {
  const Result<Child> child = Child::start({.program = "/no/such/program"});
  ASSERT_FALSE(child.ok());
  EXPECT_EQ(child.error().code, ErrorCode::kNotFound);
  EXPECT_NE(child.error().message.find("/no/such/program"), std::string::npos);
}

TEST(ChildTest, InheritsNothingThatIsNotNamed) {
  setenv("ISOPOP_TEST_SECRET", "leaked", 1);
  const int open_before = open("/dev/null", O_RDONLY);  // not close-on-exec, on purpose
  EXPECT_EQ(output_of(shell("echo $ISOPOP_TEST_SECRET; ls /proc/self/fd")), "\n0\n1\n2\n3\n");
  // 3 above is the folder that ls itself opened: without a channel the child has 0, 1 and 2 only.
  close(open_before);
}

TEST(ChildTest, TheChannelBecomesDescriptorThree) {
  std::array<int, 2> ends{};
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  ChildOptions options = shell("echo hello >&3");
  options.channel = theirs.get();
  Child child = Child::start(options).value();
  theirs.reset();
  EXPECT_EQ(read_to_end(ours.get()), "hello\n");
}

TEST(ChildTest, IsGoneWhenItsObjectGoes) {
  pid_t pid = 0;
  {
    const Child child = Child::start(shell("exec cat /dev/zero")).value();
    pid = child.pid();
    EXPECT_EQ(kill(pid, 0), 0);
  }
  EXPECT_EQ(kill(pid, 0), -1);
}

TEST(ChildTest, WaitingEndsAtTheDeadline) {
  Child child = Child::start(shell("exec cat /dev/zero")).value();
  EXPECT_FALSE(child.wait_exit(10ms).has_value());
  child.send_signal(SIGTERM);
  EXPECT_EQ(child.wait_exit(10s)->signal, SIGTERM);
}

TEST(ChildTest, DiesWithItsParent) {
  // The fork plays a parent that dies without any clean-up while its own child runs.
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(pipe2(pipe_ends.data(), O_CLOEXEC), 0);
  const UniqueFd read_end(pipe_ends[0]);
  UniqueFd write_end(pipe_ends[1]);
  const pid_t parent = fork();
  if (parent == 0) {
    ChildOptions options = shell("echo started; exec cat /dev/zero");
    options.standard_output = write_end.get();
    const Result<Child> child = Child::start(options);
    std::array<char, 1> go{};
    if (child.ok() && read(read_end.get(), go.data(), 1) == 1) _exit(0);
    _exit(1);
  }
  write_end.reset();
  int status = 0;
  ASSERT_EQ(waitpid(parent, &status, 0), parent);
  EXPECT_EQ(status, 0);
  // The grandchild held the write end: end-of-file means it is gone.
  EXPECT_EQ(read_to_end(read_end.get()).substr(0, 1), "t");
}

TEST(Command, GivesWhatAProgramPrintedAndHowItEnded) {
  const Result<CommandOutput> ran =
      run_command({.program = "sh",
                   .arguments = {"-c", "cat; echo $WORD; echo bad >&2; exit 3"},
                   .environment = {"WORD=one"},
                   .input = "in "},
                  10s);
  ASSERT_TRUE(ran.ok()) << ran.error().message;
  EXPECT_EQ(ran.value().output, "in one\n");
  EXPECT_EQ(ran.value().errors, "bad\n");
  EXPECT_EQ(ran.value().status.code, 3);
}

TEST(Command, InheritsTheEnvironmentUnlessToldOtherwise) {
  const CommandLine line{.program = "/bin/sh", .arguments = {"-c", "echo $PATH"}};
  const Result<CommandOutput> with = run_command(line, 10s);
  CommandLine bare = line;
  bare.inherits_environment = false;
  bare.environment = {"PATH=/nowhere"};
  const Result<CommandOutput> without = run_command(bare, 10s);
  ASSERT_TRUE(with.ok() && without.ok());
  EXPECT_NE(with.value().output, "/nowhere\n");
  EXPECT_EQ(without.value().output, "/nowhere\n");
}

TEST(Command, IsStoppedWhenItTakesTooLong) {
  const Result<CommandOutput> ran = run_command({.program = "sleep", .arguments = {"60"}}, 50ms);
  ASSERT_FALSE(ran.ok());
  EXPECT_EQ(ran.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_NE(ran.error().message.find("sleep"), std::string::npos);
}

TEST(Command, ThatIsNotInstalledIsNamed) {
  const Result<CommandOutput> ran = run_command({.program = "isopop-no-such-program"}, 1s);
  ASSERT_FALSE(ran.ok());
  EXPECT_EQ(ran.error().code, ErrorCode::kNotFound);
  EXPECT_NE(ran.error().message.find("isopop-no-such-program"), std::string::npos);
}

}  // namespace
}  // namespace isopop
