#include "control_plane/distribution/pop_session.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace isopop::control {
namespace {

constexpr Instant kNow{std::chrono::hours(1)};

class PopSessionTest : public ::testing::Test {
 protected:
  void welcome(const std::vector<WorkerIndex>& workers) {
    session_.welcome("AMS", 2, workers);
    const auto first = next();
    ASSERT_TRUE(first && first->has_welcome());
    EXPECT_EQ(first->welcome().workers(), workers.size());
  }

  // Live as that version from now on.
  WorkerIndex live(const std::string& name, std::uint64_t number) {
    Release release;
    release.deployment.set_number(number);
    release.deployment.add_shares()->set_number(number);
    release.versions.emplace_back().set_number(number);
    const WorkerIndex worker = catalog_.index_of(name);
    EXPECT_TRUE(catalog_.set(worker, release, std::nullopt).ok());
    return worker;
  }

  std::optional<v1::ControlMessage> next() {
    const std::optional<WorkerIndex> worker = session_.next_worker();
    return session_.next(catalog_, worker ? catalog_.desired(*worker, {}) : nullptr, kNow);
  }

  Catalog catalog_;
  PopSession session_{{.peer = "ipv4:127.0.0.1:1"}, kNow};
};

TEST_F(PopSessionTest, NumbersPushesWithoutGaps) {
  welcome({live("a", 1), live("b", 4)});
  const auto first = next();
  const auto second = next();
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->push().sequence(), 1U);
  EXPECT_EQ(second->push().sequence(), 2U);
  EXPECT_NE(first->push().nonce(), second->push().nonce());
  EXPECT_EQ(second->push().live().shares(0).version().number(), 4U);
  EXPECT_FALSE(next());
}

TEST_F(PopSessionTest, WorkerThatChangesWhileItWaitsIsSentOnceAndNewest) {
  welcome({});
  session_.enqueue(live("a", 1));
  session_.enqueue(live("a", 3));
  const auto push = next();
  ASSERT_TRUE(push);
  EXPECT_EQ(push->push().live().shares(0).version().number(), 3U);
  EXPECT_FALSE(session_.has_next());
}

TEST_F(PopSessionTest, WorkerThatIsGoneWhenItsTurnComesIsRemoved) {
  welcome({catalog_.index_of("a")});
  const auto push = next();
  ASSERT_TRUE(push);
  EXPECT_EQ(push->push().removed(), "a");
}

TEST_F(PopSessionTest, IsCompleteOnceItsSnapshotWasAnswered) {
  welcome({live("a", 1), live("b", 1)});
  const auto first = next();
  const auto second = next();
  EXPECT_TRUE(session_.answer(second->push().nonce()));
  EXPECT_FALSE(session_.is_complete());
  EXPECT_TRUE(session_.answer(first->push().nonce()));
  EXPECT_TRUE(session_.is_complete());
}

TEST_F(PopSessionTest, SkippedWorkerTakesNoSequenceNumber) {
  welcome({live("a", 1), live("b", 1)});
  EXPECT_EQ(session_.next_worker(), catalog_.find("a"));
  session_.skip_worker();
  const auto push = next();
  EXPECT_EQ(push->push().live().worker(), "b");
  EXPECT_EQ(push->push().sequence(), 1U);
  EXPECT_TRUE(session_.answer(push->push().nonce()));
  EXPECT_TRUE(session_.is_complete());
}

TEST_F(PopSessionTest, NonceIsAnsweredOnceAndSaysWhatWasPushed) {
  const WorkerIndex a = live("a", 1);
  welcome({a});
  const auto push = next();
  EXPECT_TRUE(session_.is_in_flight(a));
  live("a", 2);
  const auto change = session_.answer(push->push().nonce());
  ASSERT_TRUE(change);
  EXPECT_EQ(change->worker, a);
  EXPECT_EQ(change->desired->assignment.deployment(), 1U);
  EXPECT_FALSE(session_.is_in_flight(a));
  EXPECT_FALSE(session_.answer(push->push().nonce()));
  EXPECT_FALSE(session_.answer(999));
}

TEST_F(PopSessionTest, HoldsPushesBackWhileTooManyAreOpen) {
  welcome({});
  for (std::size_t i = 0; i < PopSession::kInFlightMax + 5; ++i) {
    session_.enqueue(live("w" + std::to_string(i), 1));
  }
  std::uint64_t nonce = 0;
  std::size_t sent = 0;
  while (const auto push = next()) {
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
  ASSERT_TRUE(session_.transfers().begin("sha", 0));
  EXPECT_FALSE(session_.has_next());
  EXPECT_TRUE(session_.transfers().wants("sha"));
  session_.transfers().provide("sha", std::make_shared<const std::string>(bytes));
  std::string received;
  while (const auto message = next()) {
    EXPECT_LE(message->bundle_chunk().data().size(), kBundleChunkBytes);
    EXPECT_EQ(message->bundle_chunk().offset(), received.size());
    EXPECT_EQ(message->bundle_chunk().total_bytes(), bytes.size());
    received += message->bundle_chunk().data();
  }
  EXPECT_EQ(received, bytes);
}

TEST_F(PopSessionTest, ResumesABundleWhereThePopSays) {
  welcome({});
  ASSERT_TRUE(session_.transfers().begin("sha", 6));
  session_.transfers().provide("sha", std::make_shared<const std::string>("hello world"));
  EXPECT_EQ(next()->bundle_chunk().data(), "world");
}

TEST_F(PopSessionTest, OffsetPastTheEndGetsAnEmptyChunk) {
  welcome({});
  ASSERT_TRUE(session_.transfers().begin("sha", 1ULL << 60U));
  session_.transfers().provide("sha", std::make_shared<const std::string>("hello"));
  const auto chunk = next();
  ASSERT_TRUE(chunk);
  EXPECT_EQ(chunk->bundle_chunk().offset(), 5U);
  EXPECT_TRUE(chunk->bundle_chunk().data().empty());
  EXPECT_FALSE(session_.has_next());
}

TEST_F(PopSessionTest, PushesOvertakeBundles) {
  welcome({});
  ASSERT_TRUE(session_.transfers().begin("sha", 0));
  session_.transfers().provide("sha",
                               std::make_shared<const std::string>(kBundleChunkBytes * 3, 'x'));
  ASSERT_TRUE(next()->has_bundle_chunk());
  session_.enqueue(live("a", 1));
  EXPECT_TRUE(next()->has_push());
  EXPECT_TRUE(next()->has_bundle_chunk());
}

TEST_F(PopSessionTest, TransfersAreBounded) {
  welcome({});
  for (std::size_t i = 0; i < BundleTransfers::kTransfersMax; ++i) {
    EXPECT_TRUE(session_.transfers().begin("sha", 0));
  }
  EXPECT_FALSE(session_.transfers().begin("sha", 0));
}

TEST_F(PopSessionTest, PostsAndPushesTakeTurns) {
  welcome({live("a", 1), live("b", 1)});
  v1::ControlMessage tail;
  tail.mutable_tail_stop()->set_id(1);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(session_.post(tail));
  std::string order;
  while (const auto message = next()) {
    order += message->has_push() ? 'p' : 't';
  }
  EXPECT_EQ(order, "tptpt");
  EXPECT_FALSE(session_.has_next());
}

TEST_F(PopSessionTest, NothingFollowsARefusal) {
  welcome({live("a", 1)});
  session_.refuse("because");
  EXPECT_TRUE(next()->has_refusal());
  EXPECT_FALSE(next());
}

}  // namespace
}  // namespace isopop::control
