#include "pop_node/executor/zygote_messages.h"

#include <gtest/gtest.h>

#include <limits>

#include "isopop/v1/executor.pb.h"

namespace isopop::executor {
namespace {

// The other side of each test is libprotobuf with the contract itself.

v1::ZygoteMessage parsed(const std::string& packet) {
  v1::ZygoteMessage message;
  EXPECT_TRUE(message.ParseFromString(packet));
  return message;
}

TEST(ZygoteMessages, ReadAnOrderToFork) {
  v1::ZygoteMessage message;
  message.mutable_fork()->set_token(std::numeric_limits<std::uint64_t>::max());
  const Result<ForkOrder> order = decode_zygote_message(message.SerializeAsString());
  ASSERT_TRUE(order.ok()) << order.error().message;
  EXPECT_EQ(order.value().token, std::numeric_limits<std::uint64_t>::max());
}

TEST(ZygoteMessages, RefuseWhatIsNoOrder) {
  v1::ZygoteMessage other;
  other.mutable_exited()->set_token(1);
  EXPECT_FALSE(decode_zygote_message(other.SerializeAsString()).ok());
  EXPECT_FALSE(decode_zygote_message("").ok());
  EXPECT_FALSE(decode_zygote_message("\x08\x01").ok()) << "field 1 that is no message";
  v1::ZygoteMessage order;
  order.mutable_fork()->set_token(300);
  const std::string bytes = order.SerializeAsString();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_zygote_message(bytes.substr(0, size)).ok()) << size;
  }
}

TEST(ZygoteMessages, SayWhatTheSandboxGave) {
  const v1::ZygoteMessage message = parsed(encode_zygote_message(ZygoteReady{
      .measures = {{.name = "seccomp", .active = true, .detail = {}},
                   {.name = "user-namespace", .active = false, .detail = "not permitted"}},
      .dirty_finder = "pagemap-scan",
      .start_us = 1'234}));
  ASSERT_TRUE(message.has_ready());
  ASSERT_EQ(message.ready().sandbox().measures_size(), 2);
  EXPECT_EQ(message.ready().sandbox().measures(0).name(), "seccomp");
  EXPECT_TRUE(message.ready().sandbox().measures(0).active());
  EXPECT_FALSE(message.ready().sandbox().measures(1).active());
  EXPECT_EQ(message.ready().sandbox().measures(1).detail(), "not permitted");
  EXPECT_EQ(message.ready().dirty_finder(), "pagemap-scan");
  EXPECT_EQ(message.ready().start_us(), 1'234U);
}

TEST(ZygoteMessages, SayWhatBecameOfAChild) {
  const v1::ZygoteMessage forked = parsed(encode_zygote_message(Forked{.token = 7, .pid = 4321}));
  EXPECT_EQ(forked.forked().token(), 7U);
  EXPECT_EQ(forked.forked().pid(), 4321);

  const v1::ZygoteMessage failed =
      parsed(encode_zygote_message(ForkFailed{.token = 7, .reason = "no memory"}));
  EXPECT_EQ(failed.fork_failed().token(), 7U);
  EXPECT_EQ(failed.fork_failed().reason(), "no memory");

  const v1::ZygoteMessage exited =
      parsed(encode_zygote_message(Exited{.token = 7, .code = 21, .signal = 0}));
  EXPECT_EQ(exited.exited().token(), 7U);
  EXPECT_EQ(exited.exited().code(), 21);
  EXPECT_EQ(exited.exited().signal(), 0);

  const v1::ZygoteMessage killed =
      parsed(encode_zygote_message(Exited{.token = 8, .code = 0, .signal = 9}));
  EXPECT_EQ(killed.exited().signal(), 9);
}

}  // namespace
}  // namespace isopop::executor
