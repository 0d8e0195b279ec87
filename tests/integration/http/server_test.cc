#include "common/http/server.h"

#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "tests/integration/http/raw_client.h"
#include "tests/integration/http/threaded_server.h"
#include "tests/support/wait.h"

namespace isopop::test {
namespace {

using namespace std::string_view_literals;
using std::chrono::milliseconds;
using std::chrono::seconds;

bool begins(const std::string& text, std::string_view with) {
  return text.starts_with(with);
}
bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// Answers with the method, the target and the body.
asio::awaitable<void> echo(http::Exchange& exchange) {
  std::string text = exchange.request().method + " " + exchange.request().target + " ";
  while (true) {
    Result<std::string> piece = co_await exchange.read_body();
    if (!piece.ok()) co_return;
    if (piece.value().empty()) break;
    text += piece.value();
  }
  (co_await exchange.respond(http::ResponseHead(), text)).ignore("the client's loss");
}

// Answers in three pieces of unknown total length.
asio::awaitable<void> stream(http::Exchange& exchange) {
  EXPECT_TRUE((co_await exchange.start_response(http::ResponseHead(), std::nullopt)).ok());
  for (const std::string_view piece : {"one,", "two,", "three"}) {
    EXPECT_TRUE((co_await exchange.write(piece)).ok());
  }
  (co_await exchange.finish()).ignore("the client's loss");
}

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

TEST(HttpServer, AnswersAndKeepsTheConnection) {
  ThreadedServer server(echo);
  RawClient client(server.address());
  for (int i = 0; i < 3; ++i) {
    client.send(kGet);
    const std::string response = client.read_response();
    EXPECT_TRUE(begins(response, "HTTP/1.1 200 OK\r\n")) << response;
    EXPECT_TRUE(holds(response, "\r\ndate: ")) << response;
    EXPECT_TRUE(response.ends_with("\r\n\r\nGET /a ")) << response;
  }
  EXPECT_EQ(server.counters().connections_accepted, 1U);
  EXPECT_EQ(server.counters().requests, 3U);
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  ThreadedServer server(echo);
  RawClient client(server.address());
  client.send(
      "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n"
      "POST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
      "\r\nGET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_TRUE(client.read_response().ends_with("GET /1 "));
  EXPECT_TRUE(client.read_response().ends_with("POST /2 abc"));
  EXPECT_TRUE(client.read_response().ends_with("GET /3 "));
}

TEST(HttpServer, TakesARequestByteByByte) {
  ThreadedServer server(echo);
  RawClient client(server.address());
  for (const char c :
       std::string_view("POST /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                        "\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nTrailer: t\r\n\r\n")) {
    ASSERT_TRUE(client.send({&c, 1}));
  }
  EXPECT_TRUE(client.read_response().ends_with("POST /b abcde"));
  client.send(kGet);
  EXPECT_TRUE(client.read_response().ends_with("GET /a "));
}

TEST(HttpServer, StreamsInChunks) {
  ThreadedServer server(stream);
  RawClient client(server.address());
  client.send(kGet);
  const std::string response = client.read_until("0\r\n\r\n");
  EXPECT_TRUE(holds(response, "transfer-encoding: chunked\r\n")) << response;
  EXPECT_TRUE(response.ends_with("\r\n\r\n4\r\none,\r\n4\r\ntwo,\r\n5\r\nthree\r\n0\r\n\r\n"))
      << response;
}

TEST(HttpServer, EndsAStreamToHttp10ByClosing) {
  ThreadedServer server(stream);
  RawClient client(server.address());
  client.send("GET / HTTP/1.0\r\n\r\n");
  const std::string response = client.read_all();
  EXPECT_FALSE(holds(response, "chunked")) << response;
  EXPECT_TRUE(response.ends_with("\r\n\r\none,two,three")) << response;
}

TEST(HttpServer, KeepsAnHttp10ConnectionOnRequest) {
  ThreadedServer server(echo);
  RawClient client(server.address());
  client.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(holds(client.read_response(), "connection: keep-alive\r\n"));
  client.send("GET /2 HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(client.read_all().ends_with("GET /2 "));
}

TEST(HttpServer, GivesHeadNoBody) {
  ThreadedServer server(echo);
  RawClient client(server.address());
  client.send("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_TRUE(holds(head, "content-length: 8\r\n")) << head;
  client.send(kGet);
  EXPECT_TRUE(begins(client.read_response(), "HTTP/1.1 200")) << "a body came between";
}

TEST(HttpServer, SaysContinueWhenTheBodyIsWanted) {
  ThreadedServer server(echo);
  RawClient client(server.address());
  client.send("PUT /b HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ok");
  EXPECT_TRUE(client.read_response().ends_with("PUT /b ok"));
}

TEST(HttpServer, AnswersWithoutContinueWhenTheBodyIsNotWanted) {
  ThreadedServer server(answering("no, thanks"));
  RawClient client(server.address());
  client.send("PUT /b HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  const std::string response = client.read_all();
  EXPECT_TRUE(begins(response, "HTTP/1.1 200")) << response;
  EXPECT_TRUE(holds(response, "connection: close\r\n")) << response;
}

TEST(HttpServer, DrainsASmallBodyNobodyRead) {
  ThreadedServer server(answering("x"));
  RawClient client(server.address());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n12345");
  EXPECT_TRUE(begins(client.read_response(), "HTTP/1.1 200"));
  client.send(kGet);
  EXPECT_TRUE(begins(client.read_response(), "HTTP/1.1 200"));
}

struct BadRequest {
  std::string_view what;
  std::string_view bytes;
  std::string_view status;
};

class HttpServerRefuses : public testing::TestWithParam<BadRequest> {};

TEST_P(HttpServerRefuses, WithAStatusAndCloses) {
  std::atomic<int> handled = 0;
  ThreadedServer server([&handled](http::Exchange& exchange) -> asio::awaitable<void> {
    ++handled;
    co_await echo(exchange);
  });
  RawClient client(server.address());
  client.send(GetParam().bytes);
  client.send("GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
  const std::string response = client.read_all();
  EXPECT_TRUE(begins(response, std::string("HTTP/1.1 ").append(GetParam().status))) << response;
  EXPECT_FALSE(holds(response, "/smuggled")) << response;
}

constexpr BadRequest kBadRequests[] = {
    {"LengthAndCoding",
     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: "
     "chunked\r\n\r\n0\r\n\r\n",
     "400"},
    {"CodingAndLength",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nContent-Length: "
     "4\r\n\r\n0\r\n\r\n",
     "400"},
    {"TwoLengths",
     "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd", "400"},
    {"SignedLength", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +4\r\n\r\nabcd", "400"},
    {"NegativeLength", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n", "400"},
    {"HugeLength", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999999\r\n\r\n",
     "400"},
    {"OtherCoding", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
     "501"},
    {"LookalikeCoding", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n", "501"},
    {"TwoCodings",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
     "400"},
    {"CodingInHttp10", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400"},
    {"FoldedHeader", "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", "400"},
    {"SpaceBeforeColon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", "400"},
    {"TwoHosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"},
    {"NoHost", "GET / HTTP/1.1\r\n\r\n", "400"},
    {"NulInHeader", "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"sv, "400"},
    {"BareNewlines", "GET / HTTP/1.1\nHost: h\n\n\r\n\r\n", "400"},
    {"NotHttp", "\x16\x03\x01 hello there\r\n\r\n", "400"},
    {"Version2", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", "400"},
    {"RelativeTarget", "GET etc/passwd HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
    {"BadChunkSize",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
     "400"},
    {"HugeChunkSize",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
     "fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
     "400"},
    {"NoCrlfBehindChunk",
     "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n",
     "400"},
};

INSTANTIATE_TEST_SUITE_P(Framing, HttpServerRefuses, testing::ValuesIn(kBadRequests),
                         [](const auto& test) { return std::string(test.param.what); });

TEST(HttpServer, RefusesAThousandHeaders) {
  ThreadedServer server(echo);
  RawClient client(server.address());
  std::string request = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 1000; ++i) request += "X-" + std::to_string(i) + ": v\r\n";
  client.send(request + "\r\n");
  EXPECT_TRUE(begins(client.read_all(), "HTTP/1.1 431"));
}

TEST(HttpServer, RefusesAHeadWithoutEnd) {
  ThreadedServer server(echo);
  RawClient client(server.address());
  client.send("GET / HTTP/1.1\r\nHost: h\r\nX: ");
  client.send(std::string(200'000, 'x'));
  EXPECT_TRUE(begins(client.read_all(), "HTTP/1.1 431"));
}

TEST(HttpServer, RefusesALongTarget) {
  ThreadedServer server(echo);
  for (const std::size_t size : {17'000U, 100'000U}) {
    RawClient client(server.address());
    client.send("GET /" + std::string(size, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_TRUE(begins(client.read_all(), "HTTP/1.1 414")) << size;
  }
}

TEST(HttpServer, RefusesAGigabyteAtOnce) {
  ThreadedServer server(echo, {.body_bytes_max = 1'000'000});
  RawClient client(server.address());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1073741824\r\n\r\n");
  // Nothing of the body was sent, and yet the answer is here.
  EXPECT_TRUE(begins(client.read_response(), "HTTP/1.1 413"));
}

TEST(HttpServer, LetsASenderReadTheRefusalOfItsBody) {
  ThreadedServer server(echo, {.body_bytes_max = 1'000'000});
  RawClient client(server.address());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30000000\r\n\r\n");
  // One that does not listen before it has sent everything.
  EXPECT_TRUE(client.send(std::string(30'000'000, 'x')));
  client.finish();
  EXPECT_TRUE(begins(client.read_all(), "HTTP/1.1 413"));
}

TEST(HttpServer, RefusesAChunkedBodyWhenItGetsTooLarge) {
  ThreadedServer server(echo, {.body_bytes_max = 100'000});
  RawClient client(server.address());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "4000\r\n" + std::string(0x4000, 'x') + "\r\n";
  for (int i = 0; i < 10; ++i) client.send(chunk);
  EXPECT_TRUE(begins(client.read_response(), "HTTP/1.1 413"));
}

TEST(HttpServer, GivesUpOnAHeadThatComesTooSlowly) {
  ThreadedServer server(echo, {.head_timeout = milliseconds(150)});
  RawClient client(server.address());
  client.send("GET / HTTP/1.1\r\nHost: h\r\nX: ");
  // A byte now and then must not help.
  std::string answer;
  for (int i = 0; i < 100 && answer.empty(); ++i) {
    client.send("x");
    answer = client.read_until("\r\n\r\n", milliseconds(20));
  }
  EXPECT_TRUE(begins(answer, "HTTP/1.1 408")) << answer;
}

TEST(HttpServer, GivesUpOnABodyThatStops) {
  ThreadedServer server(echo, {.progress_timeout = milliseconds(100)});
  RawClient client(server.address());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nabc");
  EXPECT_TRUE(begins(client.read_response(), "HTTP/1.1 408"));
}

TEST(HttpServer, GivesUpOnABodyThatTrickles) {
  ThreadedServer server(
      echo, {.progress_timeout = milliseconds(100), .body_rate_min_bytes_per_s = 10'000});
  RawClient client(server.address());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n");
  std::string answer;
  for (int i = 0; i < 99 && answer.empty(); ++i) {
    client.send("x");
    answer = client.read_until("\r\n\r\n", milliseconds(20));
  }
  EXPECT_TRUE(begins(answer, "HTTP/1.1 408")) << answer;
}

TEST(HttpServer, ClosesIdleConnections) {
  ThreadedServer server(echo, {.idle_timeout = milliseconds(50)});
  RawClient client(server.address());
  client.send(kGet);
  EXPECT_TRUE(begins(client.read_response(), "HTTP/1.1 200"));
  EXPECT_TRUE(client.is_closed_within());
  EXPECT_TRUE(wait_until([&] { return server.counters().connections_open == 0; }));
}

TEST(HttpServer, TurnsAwayConnectionsOverItsBound) {
  ThreadedServer server(echo, {.connections_max = 2});
  RawClient first(server.address());
  RawClient second(server.address());
  first.send(kGet);
  second.send(kGet);
  EXPECT_TRUE(begins(first.read_response(), "HTTP/1.1 200"));
  EXPECT_TRUE(begins(second.read_response(), "HTTP/1.1 200"));
  RawClient third(server.address());
  EXPECT_TRUE(begins(third.read_all(), "HTTP/1.1 503"));
  EXPECT_EQ(server.counters().connections_refused, 1U);
}

TEST(HttpServer, RefusesToSplitAResponse) {
  std::atomic<bool> refused = false;
  ThreadedServer server([&refused](http::Exchange& exchange) -> asio::awaitable<void> {
    http::ResponseHead head;
    head.headers.add("x", "a\r\nset-cookie: evil=1");
    const Result<void> outcome = co_await exchange.respond(std::move(head), "");
    refused = !outcome.ok() && outcome.error().code == ErrorCode::kInvalidArgument;
    (co_await exchange.respond(http::ResponseHead(), "clean")).ignore("checked by the client");
  });
  RawClient client(server.address());
  client.send(kGet);
  const std::string response = client.read_response();
  EXPECT_TRUE(refused);
  EXPECT_TRUE(response.ends_with("clean")) << response;
  EXPECT_FALSE(holds(response, "evil")) << response;
}

TEST(HttpServer, GivesOneAnswerARequest) {
  std::atomic<bool> refused = false;
  ThreadedServer server([&refused](http::Exchange& exchange) -> asio::awaitable<void> {
    (co_await exchange.respond(http::ResponseHead(), "first")).ignore("checked by the client");
    const Result<void> second = co_await exchange.respond(http::ResponseHead(), "second");
    refused = !second.ok() && second.error().code == ErrorCode::kFailedPrecondition;
  });
  RawClient client(server.address());
  client.send(kGet);
  EXPECT_TRUE(client.read_response().ends_with("first"));
  client.send(kGet);
  EXPECT_TRUE(client.read_response().ends_with("first"));
  EXPECT_TRUE(refused);
}

TEST(HttpServer, AnswersForAHandlerThatDoesNot) {
  ThreadedServer server([](http::Exchange&) -> asio::awaitable<void> { co_return; });
  RawClient client(server.address());
  client.send(kGet);
  EXPECT_TRUE(begins(client.read_all(), "HTTP/1.1 500"));
}

asio::awaitable<void> fail(http::Exchange& /*exchange*/) {
  co_await pause_for(milliseconds(1));
  throw std::runtime_error("a bug");
}

TEST(HttpServer, SurvivesAHandlerThatThrows) {
  ThreadedServer server(fail);
  RawClient client(server.address());
  client.send(kGet);
  EXPECT_TRUE(begins(client.read_all(), "HTTP/1.1 500"));
}

TEST(HttpServer, CutsTheConnectionOfAnUnfinishedResponse) {
  ThreadedServer server([](http::Exchange& exchange) -> asio::awaitable<void> {
    (co_await exchange.start_response(http::ResponseHead(), 100)).ignore("checked by the client");
    (co_await exchange.write("ten bytes.")).ignore("checked by the client");
  });
  RawClient client(server.address());
  client.send(kGet);
  EXPECT_TRUE(client.read_all().ends_with("\r\n\r\nten bytes."));
}

TEST(HttpServer, TellsTheHandlerThatItsClientHasGone) {
  std::atomic<bool> told = false;
  std::atomic<bool> started = false;
  std::atomic<bool> asked = false;
  ThreadedServer server([&](http::Exchange& exchange) -> asio::awaitable<void> {
    exchange.on_client_gone([&told] { told = true; });
    started = true;
    while (!told) co_await pause_for(milliseconds(2));
    asked = exchange.client_gone();
  });
  {
    RawClient client(server.address());
    client.send(kGet);
    ASSERT_TRUE(wait_until([&] { return started.load(); }));
    EXPECT_FALSE(told);
  }
  EXPECT_TRUE(wait_until([&] { return asked.load(); }));
}

TEST(HttpServer, DrainsByFinishingWhatRuns) {
  std::atomic<bool> started = false;
  std::atomic<bool> go_on = false;
  ThreadedServer server([&](http::Exchange& exchange) -> asio::awaitable<void> {
    started = true;
    while (!go_on) co_await pause_for(milliseconds(2));
    (co_await exchange.respond(http::ResponseHead(), "done")).ignore("checked by the client");
  });
  RawClient busy(server.address());
  RawClient idle(server.address());
  busy.send(kGet);
  ASSERT_TRUE(wait_until([&] { return started && server.counters().connections_open == 2; }));
  std::thread drain([&] { server.drain(seconds(10)); });
  EXPECT_TRUE(idle.is_closed_within());
  go_on = true;
  const std::string response = busy.read_all();
  EXPECT_TRUE(holds(response, "connection: close\r\n")) << response;
  EXPECT_TRUE(response.ends_with("done")) << response;
  drain.join();
}

TEST(HttpServer, CutsWhatDoesNotEndWhileDraining) {
  ThreadedServer server(
      [](http::Exchange&) -> asio::awaitable<void> { co_await pause_for(seconds(60)); });
  RawClient client(server.address());
  client.send(kGet);
  ASSERT_TRUE(wait_until([&] { return server.counters().requests == 1; }));
  server.drain(milliseconds(50));
  EXPECT_TRUE(client.is_closed_within());
}

std::string body_of(const http::FetchOutcome& outcome) {
  return outcome.response.ok() ? outcome.response.value().body : outcome.response.error().message;
}

TEST(HttpServer, IsAsGoneWhileItIsSuspendedAndComesBackAtTheSameAddress) {
  ThreadedServer server(answering("here"));
  for (int i = 0; i < 3; ++i) {
    RawClient kept(server.address());
    kept.send(kGet);
    server.suspend();
    server.suspend();  // does nothing
    EXPECT_TRUE(kept.is_closed_within());
    EXPECT_FALSE(BlockingClient().get(server.address(), "/").response.ok());
    ASSERT_TRUE(server.resume().ok());
    ASSERT_TRUE(server.resume().ok());  // does nothing
    EXPECT_EQ(body_of(BlockingClient().get(server.address(), "/")), "here");
  }
}

TEST(HttpServer, CannotComeBackWhileSomebodyElseHasItsAddress) {
  ThreadedServer server(answering("here"));
  server.suspend();
  {
    const ThreadedServer other(answering("other"), {}, server.address());
    const Result<void> resumed = server.resume();
    ASSERT_FALSE(resumed.ok());
    EXPECT_EQ(resumed.error().code, ErrorCode::kAlreadyExists);
  }
  EXPECT_TRUE(server.resume().ok());
  EXPECT_EQ(body_of(BlockingClient().get(server.address(), "/")), "here");
}

TEST(HttpServer, SaysWhenItsAddressIsTaken) {
  ThreadedServer server(echo);
  asio::io_context io;
  const auto second =
      http::Server::create(io, parse_endpoint(server.address()).value(), answering("x"));
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code, ErrorCode::kAlreadyExists);
  EXPECT_TRUE(holds(second.error().message, server.address())) << second.error().message;
  EXPECT_TRUE(holds(second.error().message, "in use")) << second.error().message;
}

}  // namespace
}  // namespace isopop::test
