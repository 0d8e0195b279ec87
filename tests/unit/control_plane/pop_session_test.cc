#include "control_plane/distribution/pop_session.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace isopop::control {
namespace {

constexpr Instant kNow{std::chrono::hours(1)};

PopSession::Live live_of(std::initializer_list<std::pair<std::string, std::uint64_t>> workers) {
  PopSession::Live live;
  for (const auto& [name, number] : workers) {
    live[name].set_worker(name);
    live[name].add_shares()->mutable_version()->set_number(number);
  }
  return live;
}

class PopSessionTest : public ::testing::Test {
 protected:
  void welcome(const std::set<std::string>& workers) {
    session_.welcome("AMS", 1, workers);
    const auto first = session_.next({}, kNow);
    ASSERT_TRUE(first && first->has_welcome());
    EXPECT_EQ(first->welcome().workers(), workers.size());
  }

  PopSession session_{{.peer = "ipv4:127.0.0.1:1"}, kNow};
};

TEST_F(PopSessionTest, NumbersPushesWithoutGaps) {
  welcome({"a", "b"});
  const auto live = live_of({{"a", 1}, {"b", 4}});
  const auto first = session_.next(live, kNow);
  const auto second = session_.next(live, kNow);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->push().sequence(), 1U);
  EXPECT_EQ(second->push().sequence(), 2U);
  EXPECT_NE(first->push().nonce(), second->push().nonce());
  EXPECT_EQ(second->push().live().shares(0).version().number(), 4U);
  EXPECT_FALSE(session_.next(live, kNow));
}

TEST_F(PopSessionTest, WorkerThatChangesWhileItWaitsIsSentOnceAndNewest) {
  welcome({});
  session_.enqueue("a");
  session_.enqueue("a");
  const auto push = session_.next(live_of({{"a", 3}}), kNow);
  ASSERT_TRUE(push);
  EXPECT_EQ(push->push().live().shares(0).version().number(), 3U);
  EXPECT_FALSE(session_.has_next());
}

TEST_F(PopSessionTest, WorkerThatIsGoneWhenItsTurnComesIsRemoved) {
  welcome({"a"});
  const auto push = session_.next({}, kNow);
  ASSERT_TRUE(push);
  EXPECT_EQ(push->push().removed(), "a");
}

TEST_F(PopSessionTest, IsCompleteOnceItsSnapshotWasAnswered) {
  welcome({"a", "b"});
  const auto live = live_of({{"a", 1}, {"b", 1}});
  const auto first = session_.next(live, kNow);
  const auto second = session_.next(live, kNow);
  EXPECT_TRUE(session_.answer(second->push().nonce()));
  EXPECT_FALSE(session_.is_complete());
  EXPECT_TRUE(session_.answer(first->push().nonce()));
  EXPECT_TRUE(session_.is_complete());
}

TEST_F(PopSessionTest, NonceIsAnsweredOnce) {
  welcome({"a"});
  const auto push = session_.next(live_of({{"a", 1}}), kNow);
  EXPECT_TRUE(session_.answer(push->push().nonce()));
  EXPECT_FALSE(session_.answer(push->push().nonce()));
  EXPECT_FALSE(session_.answer(999));
}

TEST_F(PopSessionTest, HoldsPushesBackWhileTooManyAreOpen) {
  welcome({});
  PopSession::Live live;
  for (std::size_t i = 0; i < PopSession::kInFlightMax + 5; ++i) {
    const std::string name = "w" + std::to_string(i);
    live[name].set_worker(name);
    live[name].add_shares()->mutable_version()->set_number(1);
    session_.enqueue(name);
  }
  std::uint64_t nonce = 0;
  std::size_t sent = 0;
  while (const auto push = session_.next(live, kNow)) {
    nonce = push->push().nonce();
    ++sent;
  }
  EXPECT_EQ(sent, PopSession::kInFlightMax);
  EXPECT_FALSE(session_.has_next());
  EXPECT_TRUE(session_.answer(nonce));
  EXPECT_TRUE(session_.has_next());
}

TEST_F(PopSessionTest, CutsABundleIntoChunks) {
  welcome({});
  const std::string bytes = std::string(kBundleChunkBytes, 'a') + std::string(100, 'b');
  ASSERT_TRUE(session_.begin_transfer("sha", 0));
  EXPECT_FALSE(session_.has_next());
  EXPECT_TRUE(session_.wants("sha"));
  session_.provide("sha", std::make_shared<const std::string>(bytes));
  std::string received;
  while (const auto message = session_.next({}, kNow)) {
    EXPECT_LE(message->bundle_chunk().data().size(), kBundleChunkBytes);
    EXPECT_EQ(message->bundle_chunk().offset(), received.size());
    EXPECT_EQ(message->bundle_chunk().total_bytes(), bytes.size());
    received += message->bundle_chunk().data();
  }
  EXPECT_EQ(received, bytes);
}

TEST_F(PopSessionTest, ResumesABundleWhereThePopSays) {
  welcome({});
  ASSERT_TRUE(session_.begin_transfer("sha", 6));
  session_.provide("sha", std::make_shared<const std::string>("hello world"));
  EXPECT_EQ(session_.next({}, kNow)->bundle_chunk().data(), "world");
}

TEST_F(PopSessionTest, OffsetPastTheEndGetsAnEmptyChunk) {
  welcome({});
  ASSERT_TRUE(session_.begin_transfer("sha", 1ULL << 60U));
  session_.provide("sha", std::make_shared<const std::string>("hello"));
  const auto chunk = session_.next({}, kNow);
  ASSERT_TRUE(chunk);
  EXPECT_EQ(chunk->bundle_chunk().offset(), 5U);
  EXPECT_TRUE(chunk->bundle_chunk().data().empty());
  EXPECT_FALSE(session_.has_next());
}

TEST_F(PopSessionTest, PushesOvertakeBundles) {
  welcome({});
  ASSERT_TRUE(session_.begin_transfer("sha", 0));
  session_.provide("sha", std::make_shared<const std::string>(kBundleChunkBytes * 3, 'x'));
  ASSERT_TRUE(session_.next({}, kNow)->has_bundle_chunk());
  session_.enqueue("a");
  EXPECT_TRUE(session_.next(live_of({{"a", 1}}), kNow)->has_push());
  EXPECT_TRUE(session_.next({}, kNow)->has_bundle_chunk());
}

TEST_F(PopSessionTest, TransfersAreBounded) {
  welcome({});
  for (std::size_t i = 0; i < PopSession::kTransfersMax; ++i) {
    EXPECT_TRUE(session_.begin_transfer("sha", 0));
  }
  EXPECT_FALSE(session_.begin_transfer("sha", 0));
}

TEST_F(PopSessionTest, PostsAndPushesTakeTurns) {
  welcome({"a", "b"});
  const auto live = live_of({{"a", 1}, {"b", 1}});
  v1::ControlMessage tail;
  tail.mutable_tail_stop()->set_id(1);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(session_.post(tail));
  std::string order;
  while (const auto message = session_.next(live, kNow)) {
    order += message->has_push() ? 'p' : 't';
  }
  EXPECT_EQ(order, "tptpt");
  EXPECT_FALSE(session_.has_next());
}

TEST_F(PopSessionTest, NothingFollowsARefusal) {
  welcome({"a"});
  session_.refuse("because");
  EXPECT_TRUE(session_.next(live_of({{"a", 1}}), kNow)->has_refusal());
  EXPECT_FALSE(session_.next(live_of({{"a", 1}}), kNow));
}

}  // namespace
}  // namespace isopop::control
