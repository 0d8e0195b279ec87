#include "control_plane/kv/kv_interest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "control_plane/kv/kv_outbox.h"

namespace isopop::control {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

KvKey key_of(const std::string& key, const std::string& space = "shop") {
  return {.space = space, .key = key};
}

TEST(KvInterest, TellsWhomItGaveACopyOnce) {
  KvInterest interest;
  EXPECT_THAT(interest.add("FRA", key_of("a")), IsEmpty());
  EXPECT_THAT(interest.add("AMS", key_of("a")), IsEmpty());
  EXPECT_THAT(interest.add("AMS", key_of("a")), IsEmpty());
  EXPECT_EQ(interest.marks(), 2U);
  EXPECT_THAT(interest.changed(key_of("a")), ElementsAre("FRA", "AMS"));
  EXPECT_THAT(interest.changed(key_of("a")), IsEmpty());
  EXPECT_EQ(interest.marks(), 0U);
}

TEST(KvInterest, KeysAndNamespacesAreToldApart) {
  KvInterest interest;
  EXPECT_THAT(interest.add("AMS", key_of("a")), IsEmpty());
  EXPECT_THAT(interest.changed(key_of("b")), IsEmpty());
  EXPECT_THAT(interest.changed(key_of("a", "other")), IsEmpty());
  EXPECT_THAT(interest.changed(key_of("a")), ElementsAre("AMS"));
}

TEST(KvInterest, ADeletedNamespaceConcernsTheReadersOfAllItsKeys) {
  KvInterest interest;
  EXPECT_THAT(interest.add("AMS", key_of("a")), IsEmpty());
  EXPECT_THAT(interest.add("FRA", key_of("b")), IsEmpty());
  EXPECT_THAT(interest.add("AMS", key_of("b")), IsEmpty());
  EXPECT_THAT(interest.add("LHR", key_of("a", "shop2")), IsEmpty());
  EXPECT_THAT(interest.space_deleted("shop"), ElementsAre("AMS", "FRA"));
  EXPECT_EQ(interest.marks(), 1U);
  EXPECT_THAT(interest.changed(key_of("a")), IsEmpty());
  EXPECT_THAT(interest.changed(key_of("a", "shop2")), ElementsAre("LHR"));
}

TEST(KvInterest, WhenTheBookIsFullEverybodyForgetsAndItBeginsAnew) {
  KvInterest interest({.marks_max = 2, .key_bytes_max = 1'000});
  EXPECT_THAT(interest.add("AMS", key_of("a")), IsEmpty());
  EXPECT_THAT(interest.add("FRA", key_of("b")), IsEmpty());
  EXPECT_THAT(interest.add("LHR", key_of("c")), ElementsAre("AMS", "FRA", "LHR"));
  EXPECT_EQ(interest.marks(), 0U);
  EXPECT_THAT(interest.add("LHR", key_of("c")), IsEmpty());
  EXPECT_THAT(interest.changed(key_of("c")), ElementsAre("LHR"));
}

TEST(KvInterest, ItsKeysAreBoundedInBytes) {
  KvInterest interest({.marks_max = 100, .key_bytes_max = 20});
  EXPECT_THAT(interest.add("AMS", key_of("0123456789")), IsEmpty());  // with its namespace 14
  EXPECT_THAT(interest.add("FRA", key_of("0123456789")), IsEmpty());  // counts once
  EXPECT_THAT(interest.add("AMS", key_of("abcdef")), ElementsAre("AMS", "FRA"));
}

TEST(KvOutbox, GathersAMessageAReader) {
  KvOutbox outbox;
  EXPECT_TRUE(outbox.is_empty());
  outbox.add({"AMS", "FRA"}, {.key = key_of("a"), .stamp = 7, .committed_at_ms = 70});
  outbox.add({"AMS"}, {.key = key_of("b"), .stamp = 8, .committed_at_ms = 80});
  EXPECT_FALSE(outbox.is_empty());
  const auto messages = outbox.take();
  EXPECT_TRUE(outbox.is_empty());
  ASSERT_THAT(messages, SizeIs(2));
  ASSERT_EQ(messages.at("AMS").entries_size(), 2);
  EXPECT_EQ(messages.at("FRA").entries_size(), 1);
  const v1::KvInvalidations::Entry& entry = messages.at("AMS").entries(1);
  EXPECT_EQ(entry.namespace_(), "shop");
  EXPECT_EQ(entry.key(), "b");
  EXPECT_EQ(entry.stamp(), 8U);
  EXPECT_EQ(entry.committed_at_ms(), 80);
}

TEST(KvOutbox, ATooLongListBecomesEverything) {
  KvOutbox outbox;
  for (std::size_t i = 0; i < KvOutbox::kEntriesMax; ++i) {
    outbox.add({"AMS"}, {.key = key_of(std::to_string(i)), .stamp = 1, .committed_at_ms = 1});
  }
  outbox.add({"AMS"}, {.key = key_of("more"), .stamp = 1, .committed_at_ms = 1});
  outbox.add({"AMS"}, {.key = key_of("after"), .stamp = 1, .committed_at_ms = 1});
  const auto messages = outbox.take();
  EXPECT_TRUE(messages.at("AMS").everything());
  EXPECT_EQ(messages.at("AMS").entries_size(), 0);
}

}  // namespace
}  // namespace isopop::control
