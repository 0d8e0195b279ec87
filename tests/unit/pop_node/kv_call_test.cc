#include "pop_node/http/kv_call.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "pop_node/pool/frame_codec.h"

namespace isopop::pop {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Holds namespaces itself; answers when the test lets it.
class HeldUpstream final : public KvUpstream {
 public:
  void read(const KvKey& key, ReadAnswer answer) override {
    asked.push_back("read " + key.space + "/" + key.key);
    later.push_back([this, answer = std::move(answer)] { answer(found); });
  }
  void write(v1::KvWriteRequest::Write write, WriteAnswer answer) override {
    asked.push_back((write.deleted() ? "delete " : "write ") + write.namespace_() + "/" +
                    write.key());
    written = write;
    later.push_back([stamp = write.stamp(), answer = std::move(answer)] {
      v1::KvWriteResponse response;
      response.add_stamps(stamp);
      answer(std::move(response));
    });
  }
  void list(const v1::KvListRequest& request, ListAnswer answer) override {
    asked.push_back("list " + request.namespace_() + "/" + request.prefix() + " " +
                    std::to_string(request.limit()) + " " + request.cursor());
    later.push_back([this, answer = std::move(answer)] { answer(listed); });
  }
  void connect_anew() override {}
  void answer_all() {
    for (const auto& answer : std::exchange(later, {})) answer();
  }

  std::vector<std::string> asked;
  std::vector<std::function<void()>> later;
  Result<KvCopy> found = KvCopy(std::make_shared<v1::KvReadResponse>());
  v1::KvListResponse listed;
  v1::KvWriteRequest::Write written;
};

class KvCallTest : public ::testing::Test, public SubresponseSink {
 protected:
  [[nodiscard]] bool is_under_way(std::uint32_t, std::uint32_t) const override {
    return is_under_way_;
  }
  [[nodiscard]] std::size_t subresponse_window(std::uint32_t, std::uint32_t) const override {
    return window_;
  }
  void send_subresponse(v1::Subresponse part) override {
    EXPECT_EQ(part.parent(), 3U);
    EXPECT_EQ(part.id(), 7U);
    if (part.has_head()) head_ = part.head();
    EXPECT_LE(part.body().data().size(), std::min(window_, kBodyPieceBytesMax));
    window_ -= part.body().data().size();
    body_ += part.body().data();
    is_whole_ = part.head().body_complete() || part.body().last();
    if (is_whole_) is_under_way_ = false;
  }

  void open() {
    auto worker = std::make_shared<LiveWorker>();
    v1::KvBinding& binding = *worker->version.mutable_settings()->add_kv();
    binding.set_name("SHOP");
    binding.set_namespace_("my-shop");
    SubrequestOrigin origin;
    origin.parent = 3;
    origin.worker = worker;
    call_ = std::make_shared<KvCall>(kv_, origin, *this, load_, [this](const std::string& outcome) {
      outcomes_.push_back(outcome);
    });
  }
  void ask(const std::string& method, const std::string& url,
           const std::vector<std::pair<std::string, std::string>>& headers = {},
           const std::string& binding = "SHOP", bool has_body = false) {
    if (call_ == nullptr) open();
    v1::Subrequest part;
    part.set_parent(3);
    part.set_id(7);
    v1::SubrequestHead& head = *part.mutable_head();
    head.set_method(method);
    head.set_url(url);
    head.set_binding(binding);
    head.set_has_body(has_body);
    for (const auto& [name, value] : headers) {
      head.add_headers()->set_name(name);
      head.mutable_headers()->rbegin()->set_value(value);
    }
    call_->take(std::move(part));
  }
  void send_body(const std::string& data, bool last) {
    v1::Subrequest part;
    part.set_id(7);
    part.mutable_body()->set_data(data);
    part.mutable_body()->set_last(last);
    call_->take(std::move(part));
  }
  [[nodiscard]] std::string header(const std::string& name) const {
    for (const v1::Header& one : head_.headers()) {
      if (one.name() == name) return one.value();
    }
    return "(none)";
  }

  ManualClock clock_{from_unix_ms(1'795'000'000'000)};
  HeldUpstream upstream_;
  PopKv kv_{clock_, upstream_};
  std::shared_ptr<SubrequestLoad> load_ = std::make_shared<SubrequestLoad>();
  std::shared_ptr<KvCall> call_;
  std::vector<std::string> outcomes_;
  v1::ResponseHead head_;
  std::string body_;
  std::size_t window_ = std::size_t{256} << 10U;
  bool is_under_way_ = true;
  bool is_whole_ = false;
};

TEST_F(KvCallTest, ReadsTheNamespaceThatTheBindingStandsFor) {
  auto copy = std::make_shared<v1::KvReadResponse>();
  copy->set_found(true);
  copy->set_value("value");
  copy->set_metadata(R"({"a":"é"})");
  copy->set_expires_at_s(1'800'000'000);
  upstream_.found = KvCopy(copy);
  ask("GET", "a/../b \xf0\x9f\x98\x80", {{"age-max", "30"}});
  EXPECT_THAT(upstream_.asked, ElementsAre("read my-shop/a/../b \xf0\x9f\x98\x80"));
  upstream_.answer_all();
  EXPECT_EQ(head_.status(), 200U);
  EXPECT_EQ(body_, "value");
  EXPECT_EQ(header("metadata"), R"({"a":"é"})");
  EXPECT_EQ(header("expiration"), "1800000000");
  EXPECT_TRUE(is_whole_);
  EXPECT_THAT(outcomes_, ElementsAre("answered"));
}

TEST_F(KvCallTest, AKeyThatIsNotThere) {
  ask("GET", "a");
  upstream_.answer_all();
  EXPECT_EQ(head_.status(), 404U);
  EXPECT_TRUE(head_.body_complete());
}

TEST_F(KvCallTest, ALargeValueGoesAsTheWorkerGivesCredit) {
  auto copy = std::make_shared<v1::KvReadResponse>();
  copy->set_found(true);
  copy->set_value(std::string(200'000, 'x'));
  upstream_.found = KvCopy(copy);
  window_ = 100'000;
  ask("GET", "a");
  upstream_.answer_all();
  EXPECT_EQ(body_.size(), 100'000U);
  EXPECT_FALSE(is_whole_);
  window_ = 150'000;
  v1::Subrequest credit;
  credit.set_credit(150'000);
  call_->take(credit);
  EXPECT_EQ(body_.size(), 200'000U);
  EXPECT_TRUE(is_whole_);
}

TEST_F(KvCallTest, WritesWithMetadataAndExpiration) {
  ask("PUT", "a", {{"metadata", "[1]"}, {"expiration", "1800000000"}}, "SHOP", true);
  send_body("val", false);
  EXPECT_THAT(upstream_.asked, IsEmpty());
  send_body("ue", true);
  EXPECT_THAT(upstream_.asked, ElementsAre("write my-shop/a"));
  EXPECT_EQ(upstream_.written.value(), "value");
  EXPECT_EQ(upstream_.written.metadata(), "[1]");
  EXPECT_EQ(upstream_.written.expires_at_s(), 1'800'000'000);
  EXPECT_FALSE(is_whole_) << "not before it is durable";
  upstream_.answer_all();
  EXPECT_EQ(head_.status(), 200U);
}

TEST_F(KvCallTest, Deletes) {
  ask("DELETE", "a");
  EXPECT_THAT(upstream_.asked, ElementsAre("delete my-shop/a"));
}

TEST_F(KvCallTest, ListsAsJson) {
  v1::KvListResponse::Key& key = *upstream_.listed.add_keys();
  key.set_name("a\"b");
  key.set_expires_at_s(5);
  key.set_metadata(R"({"n":1})");
  upstream_.listed.add_keys()->set_name("c");
  upstream_.listed.set_cursor("c");
  ask("LIST", "p", {{"limit", "2"}, {"cursor", "b"}});
  EXPECT_THAT(upstream_.asked, ElementsAre("list my-shop/p 2 b"));
  upstream_.answer_all();
  EXPECT_EQ(body_, R"({"keys":[{"name":"a\"b","expiration":5,"metadata":{"n":1}},{"name":"c"}],)"
                   R"("list_complete":false,"cursor":"c"})");
}

TEST_F(KvCallTest, WhatAnExecutorShouldNotAskIsRefused) {
  struct Asked {
    const char* method;
    std::string url;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string binding;
  };
  for (const Asked& asked : std::vector<Asked>{
           {"GET", "a", {}, "OTHER"},
           {"POST", "a", {}, "SHOP"},
           {"GET", "", {}, "SHOP"},
           {"GET", ".", {}, "SHOP"},
           {"PUT", std::string(513, 'x'), {}, "SHOP"},
           {"PUT", "a", {{"expiration", "soon"}}, "SHOP"},
           {"PUT", "a", {{"metadata", "{"}}, "SHOP"},
           {"PUT", "a", {{"metadata", "\"\xff\""}}, "SHOP"},
           {"PUT", "a", {{"metadata", '"' + std::string(1'023, 'x') + '"'}}, "SHOP"},
           {"GET", "a", {{"age-max", "9999999999999999999999"}}, "SHOP"},
           {"LIST", std::string(513, 'x'), {}, "SHOP"},
       }) {
    call_.reset();
    is_under_way_ = true;
    is_whole_ = false;
    ask(asked.method, asked.url, asked.headers, asked.binding);
    EXPECT_EQ(head_.status(), 400U) << asked.method << " " << asked.url;
    EXPECT_TRUE(is_whole_);
  }
  EXPECT_THAT(upstream_.asked, IsEmpty());
}

TEST_F(KvCallTest, SaysWhatIsWrongUpstream) {
  upstream_.found = Error{ErrorCode::kUnavailable, "the control plane is away"};
  ask("GET", "a");
  upstream_.answer_all();
  EXPECT_EQ(head_.status(), 503U);
  EXPECT_THAT(body_, HasSubstr("away"));
}

TEST_F(KvCallTest, SendsNothingAfterItWasCancelled) {
  ask("GET", "a");
  call_->cancel();
  call_.reset();
  upstream_.answer_all();
  EXPECT_EQ(head_.status(), 0U);
  EXPECT_THAT(outcomes_, IsEmpty());
}

TEST_F(KvCallTest, LeavesNothingOfTheLoadBehind) {
  ask("PUT", "a", {}, "SHOP", true);
  send_body(std::string(1'000, 'x'), false);
  EXPECT_FALSE(load_->hold(SubrequestLoad::kBodyBytesMax)) << "its body is counted";
  call_->cancel();
  EXPECT_TRUE(load_->hold(SubrequestLoad::kBodyBytesMax));
}

TEST_F(KvCallTest, IsRefusedWhenThePoPHasTooMuchToDo) {
  for (std::size_t i = 0; i < SubrequestLoad::kUnderWayMax; ++i) ASSERT_TRUE(load_->enter());
  ask("GET", "a");
  EXPECT_EQ(head_.status(), 429U);
  EXPECT_THAT(outcomes_, ElementsAre("refused"));
}

}  // namespace
}  // namespace isopop::pop
