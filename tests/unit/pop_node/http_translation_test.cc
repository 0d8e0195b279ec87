#include <gtest/gtest.h>

#include "pop_node/http/error_answers.h"
#include "pop_node/http/request_translation.h"
#include "pop_node/http/response_translation.h"

namespace isopop::pop {
namespace {

http::RequestHead get(std::string target, http::Headers headers) {
  http::RequestHead head;
  head.target = std::move(target);
  head.headers = std::move(headers);
  return head;
}

TEST(RequestTranslationTest, MakesAnAbsoluteUrl) {
  const RequestTarget target = parse_target(get("/a?b", {{"Host", "Hello.Example:80"}})).value();
  EXPECT_EQ(target.url, "http://Hello.Example:80/a?b");
  EXPECT_EQ(target.host, "hello.example");
  EXPECT_EQ(target.path, "/a");
}

TEST(RequestTranslationTest, WritesBytesThatAreNoAsciiAsAUrlDoes) {
  EXPECT_EQ(parse_target(get("/\xff?\xc3\xa9", {{"host", "h"}})).value().url,
            "http://h/%FF?%C3%A9");
}

TEST(RequestTranslationTest, ACityThatIsNoTextIsLeftOut) {
  EXPECT_EQ(client_place({{"isopop-client-city", "S\xc3\xa3o Paulo"}}).city(), "S\xc3\xa3o Paulo");
  for (const char* text : {"\xff", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\xc3"}) {
    EXPECT_EQ(client_place({{"isopop-client-city", text}}).city(), "") << text;
  }
}

TEST(RequestTranslationTest, AnAbsoluteTargetCountsMoreThanTheHostHeader) {
  const RequestTarget target =
      parse_target(get("http://one.example/x", {{"host", "two.example"}})).value();
  EXPECT_EQ(target.host, "one.example");
  EXPECT_EQ(target.url, "http://one.example/x");
}

TEST(RequestTranslationTest, RefusesHostsAndTargetsThatNoUrlHas) {
  EXPECT_FALSE(parse_target(get("/", {})).ok());
  EXPECT_FALSE(parse_target(get("/", {{"host", "a b"}})).ok());
  EXPECT_FALSE(parse_target(get("/", {{"host", "a/b"}})).ok());
  EXPECT_FALSE(parse_target(get("/", {{"host", "user@h"}})).ok());
  EXPECT_FALSE(parse_target(get("/a b", {{"host", "h"}})).ok());
  EXPECT_FALSE(parse_target(get("nonsense", {{"host", "h"}})).ok());
}

TEST(RequestTranslationTest, HidesWhatIsNotTheWorkers) {
  http::RequestHead head = get("/", {{"Host", "h"},
                                     {"Connection", "close, X-Hop"},
                                     {"X-Hop", "1"},
                                     {"Isopop-Client-City", "Paris"},
                                     {"Expect", "100-continue"},
                                     {"X-Forwarded-For", "1.2.3.4"},
                                     {"Accept", "a"},
                                     {"Accept", "b"}});
  const RequestTarget target = parse_target(head).value();
  const v1::RequestHead request = to_executor_request(head, target, "ray-AMS", WallTime{});
  std::string names;
  for (const v1::Header& header : request.headers()) names += header.name() + " ";
  EXPECT_EQ(names, "host x-forwarded-for accept accept isopop-ray ");
}

TEST(RequestTranslationTest, ReadsTheClientsPlace) {
  const v1::ClientPlace place = client_place({{"isopop-client-location", " 48.86, 2.35"},
                                              {"isopop-client-city", "Paris"},
                                              {"isopop-client-country", "FR"}});
  EXPECT_TRUE(place.known());
  EXPECT_DOUBLE_EQ(place.latitude_deg(), 48.86);
  EXPECT_EQ(place.city(), "Paris");
  EXPECT_EQ(place.country(), "FR");
}

TEST(RequestTranslationTest, APlaceThatIsNoneIsUnknown) {
  for (const char* text : {"", "1", "1,2,3", "91,0", "0,181", "x,y", "nan,0"}) {
    EXPECT_FALSE(client_place({{"isopop-client-location", text}}).known()) << text;
  }
}

v1::ResponseHead response(const std::string& name, const std::string& value) {
  v1::ResponseHead head;
  head.set_status(200);
  head.add_headers()->set_name(name);
  head.mutable_headers(0)->set_value(value);
  return head;
}

TEST(ResponseTranslationTest, KeepsTheWorkersHeadersAndDropsThoseOfTheConnection) {
  v1::ResponseHead head = response("set-cookie", "a");
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"set-cookie", "b"},
                                                        {"transfer-encoding", "chunked"},
                                                        {"content-length", "12"},
                                                        {"isopop-ray", "forged"},
                                                        {"connection", "close"}}) {
    head.add_headers()->set_name(name);
    head.mutable_headers(head.headers_size() - 1)->set_value(value);
  }
  const WorkerAnswer answer = to_http_answer(head).value();
  EXPECT_EQ(answer.head.headers.size(), 2U);
  EXPECT_EQ(answer.head.headers.get_all("set-cookie").size(), 2U);
  EXPECT_EQ(answer.declared_length, 12U);
}

TEST(ResponseTranslationTest, RefusesWhatHttpCannotSay) {
  EXPECT_FALSE(to_http_answer(response("x", "a\r\nb: c")).ok());
  EXPECT_FALSE(to_http_answer(response("x y", "a")).ok());
  EXPECT_FALSE(to_http_answer(response("", "a")).ok());
  v1::ResponseHead many;
  many.set_status(200);
  for (int i = 0; i < 300; ++i) many.add_headers()->set_name("x");
  EXPECT_FALSE(to_http_answer(many).ok());
  v1::ResponseHead informational;
  informational.set_status(101);
  EXPECT_FALSE(to_http_answer(informational).ok());
}

TEST(ErrorAnswersTest, SaysCodeSentenceRayAndWhenToRetry) {
  const ErrorAnswer answer =
      refusal_answer(RejectReason::kCannotStart, std::chrono::milliseconds(1200));
  EXPECT_EQ(error_head(answer).headers.get("retry-after"), "2");
  v1::WorkerLimits limits;
  EXPECT_EQ(error_text(failure_answer(v1::FAILURE_KIND_EXCEPTION, limits), "12-AMS"),
            "error code: 1101\nThe worker threw an exception.\nray: 12-AMS\n");
}

TEST(ErrorAnswersTest, NameTheLimitThatWasReached) {
  v1::WorkerLimits limits;
  limits.set_cpu_ms(50);
  limits.set_wall_ms(30'000);
  limits.set_heap_mib(128);
  limits.set_memory_mib(256);
  limits.set_request_body_bytes(1024 * 1024);
  const ErrorAnswer cpu = failure_answer(v1::FAILURE_KIND_CPU_LIMIT, limits);
  EXPECT_EQ(cpu.code, 1102U);
  EXPECT_EQ(cpu.status, 503U);
  EXPECT_EQ(cpu.sentence, "The worker reached its CPU time limit of 50 ms.");
  EXPECT_EQ(failure_answer(v1::FAILURE_KIND_MEMORY_LIMIT, limits).sentence,
            "The worker reached its memory limit: 128 MiB of heap, 256 MiB in all.");
  EXPECT_EQ(failure_answer(v1::FAILURE_KIND_WALL_LIMIT, limits).sentence,
            "The worker did not answer within its time limit of 30000 ms.");
  EXPECT_EQ(body_too_large_answer(limits).sentence,
            "The request body is larger than the worker's limit of 1 MiB.");
}

}  // namespace
}  // namespace isopop::pop
