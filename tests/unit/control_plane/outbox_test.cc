#include "control_plane/distribution/outbox.h"

#include <gtest/gtest.h>

#include <string>

namespace isopop::control {
namespace {

v1::ControlMessage invalidation(const std::string& key) {
  v1::ControlMessage message;
  message.mutable_kv_invalidations()->add_entries()->set_key(key);
  return message;
}

v1::ControlMessage tail_stop(std::uint64_t id) {
  v1::ControlMessage message;
  message.mutable_tail_stop()->set_id(id);
  return message;
}

TEST(Outbox, TurnsAwayWhatIsTooMuch) {
  Outbox outbox;
  for (std::size_t i = 0; i < Outbox::kMessagesMax; ++i) EXPECT_TRUE(outbox.post(tail_stop(i)));
  EXPECT_FALSE(outbox.post(tail_stop(999)));
  EXPECT_TRUE(outbox.post(invalidation("k")));
  EXPECT_TRUE(outbox.take().has_kv_invalidations());
  EXPECT_EQ(outbox.take().tail_stop().id(), 0U);
  EXPECT_TRUE(outbox.post(tail_stop(999)));
}

TEST(Outbox, KeysThatWaitTravelTogether) {
  Outbox outbox;
  EXPECT_TRUE(outbox.post(invalidation("a")));
  EXPECT_TRUE(outbox.post(invalidation("b")));
  const v1::KvInvalidations both = outbox.take().kv_invalidations();
  EXPECT_EQ(both.entries_size(), 2);
  EXPECT_FALSE(both.everything());
  EXPECT_TRUE(outbox.is_empty());
}

TEST(Outbox, TooManyKeysBecomeEverything) {
  Outbox outbox;
  for (int i = 0; i < Outbox::kInvalidationsMax; ++i) EXPECT_TRUE(outbox.post(invalidation("k")));
  Outbox one_more = outbox;
  EXPECT_FALSE(outbox.take().kv_invalidations().everything());
  EXPECT_TRUE(one_more.post(invalidation("k")));
  EXPECT_TRUE(one_more.post(invalidation("k")));
  const v1::KvInvalidations all = one_more.take().kv_invalidations();
  EXPECT_TRUE(all.everything());
  EXPECT_EQ(all.entries_size(), 0);
  // What comes after that is told key by key again.
  EXPECT_TRUE(one_more.post(invalidation("k")));
  EXPECT_EQ(one_more.take().kv_invalidations().entries_size(), 1);
}

TEST(Outbox, LongKeysBecomeEverythingSooner) {
  Outbox outbox;
  const std::string key(512, 'k');
  const std::size_t fit = Outbox::kInvalidationBytesMax / key.size();
  ASSERT_LT(fit, static_cast<std::size_t>(Outbox::kInvalidationsMax));
  for (std::size_t i = 0; i < fit; ++i) EXPECT_TRUE(outbox.post(invalidation(key)));
  EXPECT_TRUE(outbox.take().kv_invalidations().everything());
}

}  // namespace
}  // namespace isopop::control
