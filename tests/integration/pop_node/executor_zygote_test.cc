// ExecutorZygote by itself, with deadlines that no option of a PoP sets. The zygote is
// scripted_executor.cc.

#include "pop_node/pool/executor_zygote.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "common/files/files.h"
#include "common/time/clock.h"
#include "tests/integration/pop_node/pop_process.h"

namespace isopop::pop {
namespace {

TEST(ExecutorZygoteTest, OneThatLeavesAnOrderUnansweredIsReplacedHoweverLongItMightHaveStarted) {
  const TempFolder folder = TempFolder::create("zygote_test").value();
  std::ofstream(folder.path() / "zygote") << "mute";
  asio::io_context io;
  const SystemClock clock;
  const auto zygote = std::make_shared<ExecutorZygote>(
      io, clock,
      ExecutorZygoteOptions{.program = scripted_executor(),
                            .arguments = {"--state", folder.path().string()},
                            .start_timeout = std::chrono::hours(1),
                            .answer_timeout = std::chrono::milliseconds(50)});
  zygote->start();
  const Result<ExecutorZygote::Seat> seat = zygote->take();
  ASSERT_TRUE(seat.ok()) << seat.error().message;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (zygote->restarts() == 0 && std::chrono::steady_clock::now() < deadline)
    io.run_one_for(std::chrono::seconds(1));
  EXPECT_EQ(zygote->restarts(), 1U);
  EXPECT_EQ(seat.value().child->fate(), ExecutorChild::Fate::kDiedWithZygote);
  zygote->close();
}

}  // namespace
}  // namespace isopop::pop
