#include "sim/launch/state_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace isopop::sim {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class StateFolderTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& content) {
    ASSERT_TRUE(create_folders((state_.path() / name).parent_path()).ok());
    ASSERT_TRUE(write_file_atomically(state_.path() / name, content).ok());
  }
  [[nodiscard]] bool has(const std::string& name) const { return fs::exists(state_.path() / name); }

  TempFolder temp_ = TempFolder::create("isopop-state-test").value();
  StateFolder state_ = StateFolder::at((temp_.path() / "s").string()).value();
};

TEST_F(StateFolderTest, RemembersALaunch) {
  ASSERT_TRUE(state_.create().ok());
  EXPECT_FALSE(state_.read_record().has_value());
  const LaunchRecord record{.topology = "tiny",
                            .digest = "abc",
                            .pops = 6,
                            .isolation = "container",
                            .engine = LaunchRecord::Engine::kCompose,
                            .project = "isopop-1234",
                            .control_rpc = "10.220.0.2:7070",
                            .control_http = "10.220.0.2:7071",
                            .router = "127.0.0.1:8081",
                            .is_complete = true};
  ASSERT_TRUE(state_.write_record(record).ok());
  const std::optional<LaunchRecord> read = state_.read_record();
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->topology, "tiny");
  EXPECT_EQ(read->digest, "abc");
  EXPECT_EQ(read->pops, 6U);
  EXPECT_EQ(read->isolation, "container");
  EXPECT_EQ(read->engine, LaunchRecord::Engine::kCompose);
  EXPECT_EQ(read->project, "isopop-1234");
  EXPECT_EQ(read->control_rpc, "10.220.0.2:7070");
  EXPECT_EQ(read->control_http, "10.220.0.2:7071");
  EXPECT_EQ(read->router, "127.0.0.1:8081");
  EXPECT_TRUE(read->is_complete);
}

TEST_F(StateFolderTest, TakesABrokenRecordForNone) {
  for (const char* text : {"", "{", "[]", "{\"topology\": 5}", "\x01\x02"}) {
    write("launch.json", text);
    EXPECT_FALSE(state_.read_record().has_value()) << text;
  }
}

TEST_F(StateFolderTest, KeepsTheLogsOfTheLastRun) {
  write("logs/AMS.log", "first\n");
  ASSERT_TRUE(state_.begin_logs().ok());
  EXPECT_FALSE(has("logs/AMS.log"));
  EXPECT_TRUE(has("logs.previous/AMS.log"));
  write("logs/AMS.log", "second\n");
  ASSERT_TRUE(state_.begin_logs().ok());
  EXPECT_EQ(read_file(state_.path() / "logs.previous/AMS.log").value(), "second\n");
}

TEST_F(StateFolderTest, ShowsTheEndOfALog) {
  write("logs/AMS.log", "one\ntwo\nthree\n");
  EXPECT_EQ(state_.log_tail("AMS", 2), "two\nthree");
  EXPECT_EQ(state_.log_tail("AMS", 9), "one\ntwo\nthree");
  EXPECT_EQ(state_.log_tail("CDG", 2), "");
}

TEST_F(StateFolderTest, RemovesWhatARunLeavesAndKeepsTheRest) {
  write("control.endpoint", "127.20.0.1:7070");
  write(".router.endpoint.12ab", "half");
  write("launch.json", "{}");
  write("control.db", "data");
  write("logs/AMS.log", "x");
  write("mine.txt", "the user's");
  ASSERT_TRUE(state_.remove_run_files().ok());
  EXPECT_FALSE(has("control.endpoint"));
  EXPECT_FALSE(has(".router.endpoint.12ab"));
  EXPECT_FALSE(has("launch.json"));
  EXPECT_TRUE(has("control.db"));
  EXPECT_TRUE(has("logs/AMS.log"));
  ASSERT_TRUE(state_.purge().ok());
  EXPECT_FALSE(has("control.db"));
  EXPECT_FALSE(has("logs"));
  EXPECT_TRUE(has("mine.txt"));
  fs::remove(state_.path() / "mine.txt");
  ASSERT_TRUE(state_.purge().ok());
  EXPECT_FALSE(state_.exists());
  EXPECT_TRUE(state_.purge().ok());
}

TEST_F(StateFolderTest, OnlyOneHoldsTheLock) {
  ASSERT_TRUE(state_.create().ok());
  {
    const Result<UniqueFd> lock = lock_state(state_);
    ASSERT_TRUE(lock.ok());
    const Result<UniqueFd> second = lock_state(state_);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().code, ErrorCode::kFailedPrecondition);
    EXPECT_THAT(second.error().message, HasSubstr("is working on"));
  }
  EXPECT_TRUE(lock_state(state_).ok());
}

TEST_F(StateFolderTest, SaysThatItCannotBeWrittenTo) {
  const StateFolder impossible = StateFolder::at("/proc/isopop").value();
  EXPECT_THAT(impossible.create().error().message, HasSubstr("cannot write to the state folder"));
}

}  // namespace
}  // namespace isopop::sim
