// With shell scripts in the place of PoPs. Each ends the host itself, by the signal that an engine
// would send.

#include "sim/host/pop_host.h"

#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include "common/files/files.h"
#include "common/text/text.h"

namespace isopop::sim {
namespace {

using namespace std::chrono_literals;

class PopHostTest : public testing::Test {
 protected:
  void host(const std::vector<std::string>& scripts, std::chrono::milliseconds restart = 5ms,
            std::chrono::milliseconds stop_patience = 20s) {
    PopHostOptions options{.program = "/bin/sh",
                           .environment = {"DIR=" + folder_.path().string(), "PATH=/usr/bin:/bin"},
                           .pops = {},
                           .restart_min = restart,
                           .restart_max = restart,
                           .stop_patience = stop_patience};
    for (const std::string& script : scripts) {
      options.pops.push_back({.id = "P" + std::to_string(options.pops.size()),
                              .arguments = {"-c", "cd $DIR; " + script}});
    }
    const Result<void> outcome = host_pops(options, clock_);
    EXPECT_TRUE(outcome.ok());
  }
  std::string content(const std::string& file) const {
    const Result<std::string> text = read_file(folder_.path() / file);
    return text.ok() ? text.value() : "";
  }

  TempFolder folder_ = TempFolder::create("pop-host").value();
  SystemClock clock_;
};

TEST_F(PopHostTest, StartsAgainWhatEndsAndLeavesTheOthersAlone) {
  host({"echo a >> first; exit 3",
        "trap 'echo stopped >> second; exit 0' TERM; echo started >> second;"
        "while [ $(wc -l < first) -lt 3 ]; do sleep 0.01; done; kill -TERM $PPID;"
        "while :; do sleep 0.01; done"});
  EXPECT_GE(content("first").size(), 6U);
  EXPECT_EQ(content("second"), "started\nstopped\n");
}

TEST_F(PopHostTest, WaitsUntilTheLastHasStopped) {
  host(
      {"trap 'sleep 0.1; echo 0 >> done; exit 0' TERM; touch ready;"
       "while :; do sleep 0.01; done",
       "trap 'echo 1 >> done; exit 1' TERM;"
       "while [ ! -e ready ]; do sleep 0.01; done; kill -TERM $PPID;"
       "while :; do sleep 0.01; done"});
  EXPECT_EQ(content("done"), "1\n0\n");
}

TEST_F(PopHostTest, KillsWhatDoesNotStop) {
  host({"trap '' TERM; echo $$ > pid; kill -TERM $PPID; while :; do sleep 0.01; done"}, 5ms, 100ms);
  const auto stubborn = static_cast<pid_t>(parse_integer(trim(content("pid"))).value());
  EXPECT_EQ(kill(stubborn, 0), -1);
  EXPECT_EQ(errno, ESRCH);
}

TEST_F(PopHostTest, StartsNothingAgainWhileItStops) {
  host({"echo a >> starts; kill -TERM $PPID; exit 0"}, 1h);
  EXPECT_EQ(content("starts"), "a\n");
}

TEST_F(PopHostTest, ReapsWhatItsPopsLeaveBehind) {
  // As it is for the first process of a container.
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  host({"sh -c 'echo $$ > orphan' & exit 0",
        "while [ ! -s orphan ] || [ -e /proc/$(cat orphan) ]; do sleep 0.01; done;"
        "kill -TERM $PPID; while :; do sleep 0.01; done"},
       1h);
  EXPECT_NE(content("orphan"), "");
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST(RestartPause, DoublesUpToItsBoundAndBeginsAnewAfterAGoodRun) {
  const PopHostOptions options;
  EXPECT_EQ(restart_pause(options, 0ms, 0s), 1s);
  EXPECT_EQ(restart_pause(options, 1s, 0s), 2s);
  EXPECT_EQ(restart_pause(options, 16s, 29s), 30s);
  EXPECT_EQ(restart_pause(options, 30s, 29s), 30s);
  EXPECT_EQ(restart_pause(options, 30s, 30s), 1s);
}

}  // namespace
}  // namespace isopop::sim
