#include "pop_node/http/subrequest_translation.h"

#include <gtest/gtest.h>

#include <string>

#include "pop_node/http/subrequest_load.h"

namespace isopop::pop {
namespace {

constexpr WallTime kNow{};

v1::SubrequestHead asked(const std::string& url, const std::string& method = "GET") {
  v1::SubrequestHead head;
  head.set_method(method);
  head.set_url(url);
  return head;
}
void add(v1::SubrequestHead& head, const std::string& name, const std::string& value) {
  v1::Header& header = *head.add_headers();
  header.set_name(name);
  header.set_value(value);
}
std::string header(const auto& message, const std::string& name) {
  for (const v1::Header& each : message.headers()) {
    if (each.name() == name) return each.value();
  }
  return "none";
}

SubrequestOrigin origin(unsigned depth = 0) {
  SubrequestOrigin origin{.parent = 1, .lineage = {.ray = "ray-AMS", .depth = depth}};
  origin.client.set_city("Paris");
  return origin;
}

std::string refusal(const v1::SubrequestHead& head, unsigned depth = 0) {
  const auto translated = to_executor_request(head, 0, origin(depth), kNow);
  return translated.ok() ? "accepted" : translated.error().message;
}

TEST(SubrequestTranslationTest, IsARequestOfTheSameClient) {
  v1::SubrequestHead head = asked("http://Back.Example:8080/a?b", "POST");
  head.set_has_body(true);
  add(head, "x-one", "1");
  add(head, "host", "elsewhere.example");
  add(head, "content-length", "999999");
  add(head, "connection", "x-hop");
  add(head, "x-hop", "1");
  add(head, "isopop-client-city", "Nowhere");
  add(head, "isopop-ray", "forged");
  const auto translated = to_executor_request(head, 5, origin(), kNow);
  ASSERT_TRUE(translated.ok()) << translated.error().message;
  EXPECT_EQ(translated.value().target.host, "back.example");
  EXPECT_EQ(translated.value().target.path, "/a");
  const v1::RequestHead& request = translated.value().head;
  EXPECT_EQ(request.method(), "POST");
  EXPECT_EQ(request.url(), "http://Back.Example:8080/a?b");
  EXPECT_TRUE(request.has_body());
  EXPECT_EQ(request.client().city(), "Paris");
  EXPECT_EQ(header(request, "x-one"), "1");
  EXPECT_EQ(header(request, "host"), "Back.Example:8080");
  EXPECT_EQ(header(request, "content-length"), "5");
  EXPECT_EQ(header(request, "isopop-ray"), "ray-AMS");
  for (const char* hidden : {"connection", "x-hop", "isopop-client-city"}) {
    EXPECT_EQ(header(request, hidden), "none") << hidden;
  }
}

TEST(SubrequestTranslationTest, KeepsTheSchemeThatWasAsked) {
  const auto translated = to_executor_request(asked("https://b.example/x"), 0, origin(), kNow);
  ASSERT_TRUE(translated.ok());
  EXPECT_EQ(translated.value().head.url(), "https://b.example/x");
}

TEST(SubrequestTranslationTest, RefusesWhatAnHonestRuntimeDoesNotSend) {
  EXPECT_EQ(refusal(asked("http://b.example/")), "accepted");
  for (const char* url : {"ftp://b.example/", "/b", "", "http://", "http://me@b.example/",
                          "http://b.example/a b", "http://b.example/\r\nx: y"}) {
    EXPECT_NE(refusal(asked(url)), "accepted") << url;
  }
  EXPECT_NE(refusal(asked("http://b.example/", "GE T")), "accepted");
  EXPECT_NE(refusal(asked("http://b.example/", "")), "accepted");
  v1::SubrequestHead broken = asked("http://b.example/");
  add(broken, "x", "a\r\nhost: y");
  EXPECT_NE(refusal(broken), "accepted");
  v1::SubrequestHead many = asked("http://b.example/");
  for (int i = 0; i < 300; ++i) add(many, "x", "1");
  EXPECT_NE(refusal(many), "accepted");
  v1::SubrequestHead large = asked("http://b.example/");
  add(large, "x", std::string(200'000, 'x'));
  EXPECT_NE(refusal(large), "accepted");
}

TEST(SubrequestTranslationTest, EndsCircles) {
  EXPECT_EQ(refusal(asked("http://b.example/"), kSubrequestDepthMax - 1), "accepted");
  EXPECT_NE(refusal(asked("http://b.example/"), kSubrequestDepthMax).find("passed this request on"),
            std::string::npos);
}

TEST(SubrequestTranslationTest, AnswersArePassedOnWithoutWhatIsThePops) {
  v1::ResponseHead response;
  response.set_status(201);
  for (const auto& [name, value] :
       {std::pair("x-back", "1"), std::pair("isopop-start", "forged"),
        std::pair("transfer-encoding", "chunked"), std::pair("isopop-ray", "forged")}) {
    v1::Header& added = *response.add_headers();
    added.set_name(name);
    added.set_value(value);
  }
  const auto answer = to_subresponse(response, origin());
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.value().status(), 201U);
  EXPECT_EQ(header(answer.value(), "x-back"), "1");
  EXPECT_EQ(header(answer.value(), "isopop-ray"), "ray-AMS");
  EXPECT_EQ(header(answer.value(), "isopop-start"), "none");
  EXPECT_EQ(header(answer.value(), "transfer-encoding"), "none");
  response.set_status(99);
  EXPECT_FALSE(to_subresponse(response, origin()).ok());
}

TEST(SubrequestTranslationTest, ErrorsAreAnswersAsClientsGetThem) {
  const v1::ResponseHead answer =
      to_subresponse(refusal_answer(RejectReason::kQueueFull, std::chrono::seconds(1)), origin());
  EXPECT_EQ(answer.status(), 503U);
  EXPECT_TRUE(answer.body_complete());
  EXPECT_TRUE(answer.body().starts_with("error code: 503\n")) << answer.body();
  EXPECT_EQ(header(answer, "retry-after"), "1");
}

TEST(SubrequestTranslationTest, SaysThatThereIsNoWayOut) {
  const std::string message = nobody_answers(asked("http://example.com/")).message;
  EXPECT_EQ(message,
            "fetch: no worker answers at http://example.com/; there is no way out of the PoP");
}

TEST(SubrequestLoadTest, HasRoomForSoManyAndNoMore) {
  SubrequestLoad load;
  for (std::size_t n = 0; n < SubrequestLoad::kUnderWayMax; ++n) ASSERT_TRUE(load.enter());
  EXPECT_FALSE(load.enter());
  load.leave();
  EXPECT_TRUE(load.enter());
}

TEST(SubrequestLoadTest, HoldsSoManyBytesAndNoMore) {
  SubrequestLoad load;
  EXPECT_TRUE(load.hold(SubrequestLoad::kBodyBytesMax - 1));
  EXPECT_FALSE(load.hold(2));
  EXPECT_TRUE(load.hold(1));
  load.release(SubrequestLoad::kBodyBytesMax);
  EXPECT_TRUE(load.hold(SubrequestLoad::kBodyBytesMax));
}

}  // namespace
}  // namespace isopop::pop
