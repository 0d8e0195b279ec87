#include "pop_node/pool/zygote_protocol.h"

#include <gtest/gtest.h>

namespace isopop::pop {
namespace {

v1::ZygoteMessage ready() {
  v1::ZygoteMessage message;
  message.mutable_ready()->set_dirty_finder("pagemap-scan");
  return message;
}

v1::ZygoteMessage forked(std::uint64_t token, int pid = 77) {
  v1::ZygoteMessage message;
  message.mutable_forked()->set_token(token);
  message.mutable_forked()->set_pid(pid);
  return message;
}

v1::ZygoteMessage fork_failed(std::uint64_t token) {
  v1::ZygoteMessage message;
  message.mutable_fork_failed()->set_token(token);
  return message;
}

v1::ZygoteMessage exited(std::uint64_t token) {
  v1::ZygoteMessage message;
  message.mutable_exited()->set_token(token);
  return message;
}

class ZygoteProtocolTest : public ::testing::Test {
 protected:
  ZygoteProtocolTest() { EXPECT_TRUE(protocol_.check(ready(), 0).ok()); }
  ZygoteProtocol protocol_;
};

TEST_F(ZygoteProtocolTest, AllowsTheLifeOfAChild) {
  protocol_.asked(1);
  EXPECT_TRUE(protocol_.check(forked(1), 1).ok());
  EXPECT_TRUE(protocol_.check(exited(1), 0).ok());
}

TEST_F(ZygoteProtocolTest, AllowsAnswersInAnyOrder) {
  protocol_.asked(1);
  protocol_.asked(2);
  EXPECT_TRUE(protocol_.check(fork_failed(2), 0).ok());
  EXPECT_TRUE(protocol_.check(forked(1), 1).ok());
}

TEST_F(ZygoteProtocolTest, NothingComesBeforeReadyAndReadyOnce) {
  ZygoteProtocol fresh;
  EXPECT_FALSE(fresh.is_ready());
  fresh.asked(1);
  EXPECT_FALSE(fresh.check(forked(1), 1).ok());
  EXPECT_FALSE(protocol_.check(ready(), 0).ok());
}

TEST_F(ZygoteProtocolTest, AnswersAreForWhatWasAskedAndOnce) {
  EXPECT_FALSE(protocol_.check(forked(9), 1).ok());
  EXPECT_FALSE(protocol_.check(fork_failed(9), 0).ok());
  protocol_.asked(1);
  EXPECT_TRUE(protocol_.check(forked(1), 1).ok());
  EXPECT_FALSE(protocol_.check(forked(1), 1).ok());
  EXPECT_FALSE(protocol_.check(fork_failed(1), 0).ok());
}

TEST_F(ZygoteProtocolTest, OnlyWhatLivesCanEnd) {
  EXPECT_FALSE(protocol_.check(exited(1), 0).ok());
  protocol_.asked(1);
  EXPECT_FALSE(protocol_.check(exited(1), 0).ok());
  EXPECT_TRUE(protocol_.check(forked(1), 1).ok());
  EXPECT_TRUE(protocol_.check(exited(1), 0).ok());
  EXPECT_FALSE(protocol_.check(exited(1), 0).ok());
}

TEST_F(ZygoteProtocolTest, AChildComesWithItsDescriptorAndNothingElseWithAny) {
  protocol_.asked(1);
  EXPECT_FALSE(protocol_.check(forked(1), 0).ok());
  EXPECT_FALSE(protocol_.check(forked(1), 2).ok());
  EXPECT_FALSE(protocol_.check(fork_failed(1), 1).ok());
}

TEST_F(ZygoteProtocolTest, APidThatCouldHitOthersIsRefused) {
  for (const int pid : {-1, 0, 1}) {
    protocol_.asked(static_cast<std::uint64_t>(10 + pid));
    EXPECT_FALSE(protocol_.check(forked(static_cast<std::uint64_t>(10 + pid), pid), 1).ok());
  }
}

TEST_F(ZygoteProtocolTest, TheZygoteDoesNotGiveOrders) {
  v1::ZygoteMessage order;
  order.mutable_fork()->set_token(1);
  EXPECT_FALSE(protocol_.check(order, 0).ok());
  EXPECT_FALSE(protocol_.check(v1::ZygoteMessage(), 0).ok());
}

}  // namespace
}  // namespace isopop::pop
