#include <google/protobuf/struct.pb.h>
#include <gtest/gtest.h>

#include <string>

#include "common/protobuf/deterministic.h"

namespace isopop {
namespace {

// Maps, which have no order of their own, and messages in messages.
google::protobuf::Struct nested(int fields) {
  google::protobuf::Struct outer;
  for (int i = 0; i < fields; ++i) {
    google::protobuf::Struct& inner =
        *(*outer.mutable_fields())["key" + std::to_string(i)].mutable_struct_value();
    (*inner.mutable_fields())["value"].set_number_value(i);
  }
  return outer;
}

TEST(DeterministicTest, EqualMessagesGiveEqualBytes) {
  google::protobuf::Struct backwards;
  const google::protobuf::Struct message = nested(50);
  for (int i = 49; i >= 0; --i) {
    const std::string key = "key" + std::to_string(i);
    (*backwards.mutable_fields())[key] = message.fields().at(key);
  }
  EXPECT_EQ(serialise_deterministically(message), serialise_deterministically(backwards));
}

TEST(DeterministicTest, AChangedMessageIsMeasuredAnew) {
  // Sizes of inner messages are remembered by protobuf; those of before the change would spoil the
  // bytes.
  google::protobuf::Struct message = nested(3);
  EXPECT_GT(message.ByteSizeLong(), 0U);
  (*(*message.mutable_fields())["key1"].mutable_struct_value()->mutable_fields())["more"]
      .set_string_value(std::string(300, 'x'));
  const std::string bytes = serialise_deterministically(message);
  google::protobuf::Struct parsed;
  ASSERT_TRUE(parsed.ParseFromString(bytes));
  EXPECT_EQ(parsed.SerializeAsString().size(), message.SerializeAsString().size());
  EXPECT_EQ(serialise_deterministically(parsed), bytes);
}

}  // namespace
}  // namespace isopop
