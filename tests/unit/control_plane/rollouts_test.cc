#include "control_plane/distribution/rollouts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace isopop::control {
namespace {

using ::testing::ElementsAre;

constexpr Instant kStart{std::chrono::hours(1)};
Instant after(int ms) {
  return kStart + std::chrono::milliseconds(ms);
}

TEST(Rollouts, IsDoneWhenEveryConnectedPopAnswered) {
  Rollouts rollouts;
  rollouts.begin("a", 1, kStart);
  rollouts.acknowledge("FRA", "a", 1, after(20));
  EXPECT_FALSE(rollouts.progress("a", 1, {"AMS", "FRA"}).done());
  EXPECT_EQ(rollouts.progress("a", 1, {"AMS", "FRA"}).acked(), 1U);
  rollouts.acknowledge("AMS", "a", 1, after(10));
  const v1::VersionProgress done = rollouts.progress("a", 1, {"AMS", "FRA"});
  EXPECT_TRUE(done.done());
  EXPECT_THAT(done.ack_ms(), ElementsAre(10.0, 20.0));
}

TEST(Rollouts, TimesComeWithTheEndOnly) {
  Rollouts rollouts;
  rollouts.begin("a", 1, kStart);
  rollouts.acknowledge("FRA", "a", 1, after(20));
  EXPECT_EQ(rollouts.progress("a", 1, {"AMS", "FRA"}).ack_ms_size(), 0);
}

TEST(Rollouts, APopThatLeftIsNotWaitedFor) {
  Rollouts rollouts;
  rollouts.begin("a", 1, kStart);
  rollouts.acknowledge("AMS", "a", 1, after(10));
  EXPECT_TRUE(rollouts.progress("a", 1, {"AMS"}).done());
  EXPECT_TRUE(rollouts.progress("a", 1, {}).done());
}

TEST(Rollouts, ARejectionIsAnAnswer) {
  Rollouts rollouts;
  rollouts.begin("a", 1, kStart);
  rollouts.refuse("AMS", "a", 1, "too old");
  const v1::VersionProgress progress = rollouts.progress("a", 1, {"AMS"});
  EXPECT_TRUE(progress.done());
  EXPECT_EQ(progress.acked(), 0U);
  ASSERT_EQ(progress.rejections_size(), 1);
  EXPECT_EQ(progress.rejections(0).error(), "too old");
}

TEST(Rollouts, TheLastAnswerCounts) {
  Rollouts rollouts;
  rollouts.begin("a", 1, kStart);
  rollouts.refuse("AMS", "a", 1, "busy");
  rollouts.acknowledge("AMS", "a", 1, after(5));
  EXPECT_EQ(rollouts.progress("a", 1, {"AMS"}).rejections_size(), 0);
  rollouts.refuse("AMS", "a", 1, "lost it");
  EXPECT_EQ(rollouts.progress("a", 1, {"AMS"}).acked(), 0U);
}

TEST(Rollouts, AnswersForAnOlderVersionDoNotCount) {
  Rollouts rollouts;
  rollouts.begin("a", 1, kStart);
  rollouts.begin("a", 2, after(5));
  EXPECT_FALSE(rollouts.acknowledge("AMS", "a", 1, after(10)));
  EXPECT_FALSE(rollouts.refuse("AMS", "a", 1, "x"));
  EXPECT_EQ(rollouts.progress("a", 2, {"AMS"}).acked(), 0U);
  EXPECT_TRUE(rollouts.progress("a", 1, {"AMS"}).superseded());
  EXPECT_TRUE(rollouts.progress("a", 1, {"AMS"}).done());
}

TEST(Rollouts, ADeletedWorkerIsSuperseded) {
  Rollouts rollouts;
  rollouts.begin("a", 1, kStart);
  rollouts.end("a");
  EXPECT_TRUE(rollouts.progress("a", 1, {"AMS"}).superseded());
}

TEST(Rollouts, WhatAPopHeldBeforeHasNoTime) {
  Rollouts rollouts;
  rollouts.begin("a", 1, kStart);
  EXPECT_TRUE(rollouts.found_at("AMS", "a", 1));
  rollouts.acknowledge("FRA", "a", 1, after(7));
  const v1::VersionProgress progress = rollouts.progress("a", 1, {"AMS", "FRA"});
  EXPECT_EQ(progress.acked(), 2U);
  EXPECT_THAT(progress.ack_ms(), ElementsAre(7.0));
}

TEST(Rollouts, FirstAcknowledgementSetsTheTime) {
  Rollouts rollouts;
  rollouts.begin("a", 1, kStart);
  rollouts.acknowledge("AMS", "a", 1, after(10));
  rollouts.acknowledge("AMS", "a", 1, after(9000));
  EXPECT_THAT(rollouts.progress("a", 1, {"AMS"}).ack_ms(), ElementsAre(10.0));
}

TEST(Rollouts, APopThatLostItsStateIsWaitedForAgain) {
  Rollouts rollouts;
  rollouts.begin("a", 1, kStart);
  rollouts.acknowledge("AMS", "a", 1, after(10));
  rollouts.forget("AMS", "a");
  EXPECT_FALSE(rollouts.progress("a", 1, {"AMS"}).done());
}

}  // namespace
}  // namespace isopop::control
