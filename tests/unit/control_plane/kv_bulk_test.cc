#include "control_plane/cli/kv_bulk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace isopop::control::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr std::int64_t kNowS = 1'795'000'000;

Result<std::vector<v1::KvWriteRequest>> read(const std::string& text,
                                             BulkKind kind = BulkKind::kPut) {
  return read_bulk(text, {.space = "shop", .kind = kind, .now = from_unix_ms(kNowS * 1000)});
}
std::string refusal_of(const std::string& text, BulkKind kind = BulkKind::kPut) {
  const auto requests = read(text, kind);
  return requests.ok() ? "taken" : requests.error().message;
}

TEST(KvBulk, ReadsWhatWranglerWrites) {
  const auto requests = read(R"([
    {"key": "a", "value": "1"},
    {"key": "b", "value": "2", "expiration": 1795000100, "metadata": {"x": [1]}},
    {"key": "c", "value": "AP8=", "base64": true, "expiration_ttl": 60}])");
  ASSERT_TRUE(requests.ok()) << requests.error().message;
  ASSERT_THAT(requests.value(), SizeIs(1));
  const auto& writes = requests.value()[0].writes();
  ASSERT_EQ(writes.size(), 3);
  EXPECT_EQ(writes[0].namespace_(), "shop");
  EXPECT_EQ(writes[0].key(), "a");
  EXPECT_EQ(writes[0].value(), "1");
  EXPECT_EQ(writes[1].expires_at_s(), 1'795'000'100);
  EXPECT_EQ(writes[1].metadata(), R"({"x":[1]})");
  EXPECT_EQ(writes[2].value(), std::string("\0\xff", 2));
  EXPECT_EQ(writes[2].expires_at_s(), kNowS + 60);
}

TEST(KvBulk, ReadsKeysToDelete) {
  const auto requests = read(R"(["a", {"key": "b"}])", BulkKind::kDelete);
  ASSERT_TRUE(requests.ok()) << requests.error().message;
  ASSERT_EQ(requests.value()[0].writes_size(), 2);
  EXPECT_TRUE(requests.value()[0].writes(1).deleted());
  EXPECT_EQ(requests.value()[0].writes(1).key(), "b");
}

TEST(KvBulk, SaysWhichEntryIsWrong) {
  EXPECT_THAT(refusal_of("{"), HasSubstr("must be a JSON array"));
  EXPECT_THAT(refusal_of("[]"), HasSubstr("no keys"));
  EXPECT_THAT(refusal_of(R"([{"key": "a", "value": "1"}, {"key": "b"}])"), HasSubstr("entry 2: "));
  EXPECT_THAT(refusal_of(R"([{"key": "a", "value": 1}])"), HasSubstr("must be texts"));
  EXPECT_THAT(refusal_of(R"([{"key": "a", "value": "1", "ttl": 60}])"),
              HasSubstr("unknown field \"ttl\""));
  EXPECT_THAT(refusal_of(R"([{"key": "a", "value": "1", "expiration_ttl": "60"}])"),
              HasSubstr("expiration_ttl must be a whole number"));
  EXPECT_THAT(refusal_of(R"([{"key": "a", "value": "?", "base64": true}])"),
              HasSubstr("no base64"));
  EXPECT_THAT(refusal_of(R"([{"key": "a", "value": "A===", "base64": true}])"),
              HasSubstr("no base64"));
  EXPECT_THAT(refusal_of(R"([{"key": "", "value": "1"}])"), HasSubstr("the key is empty"));
  EXPECT_THAT(refusal_of(R"([{"key": "a", "value": "1", "expiration_ttl": 1}])"),
              HasSubstr("expiration"));
  EXPECT_THAT(refusal_of("[1]", BulkKind::kDelete), HasSubstr("entry 1: must be a key"));
}

TEST(KvBulk, ManyKeysAreSeveralRequests) {
  std::string text = "[";
  for (int i = 0; i < 10'001; ++i) {
    text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\"";
  }
  const auto requests = read(text + "]", BulkKind::kDelete);
  ASSERT_TRUE(requests.ok()) << requests.error().message;
  ASSERT_THAT(requests.value(), SizeIs(2));
  EXPECT_EQ(requests.value()[0].writes_size(), 10'000);
  EXPECT_EQ(requests.value()[1].writes_size(), 1);
}

}  // namespace
}  // namespace isopop::control::cli
