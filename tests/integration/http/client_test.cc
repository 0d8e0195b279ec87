#include "common/http/client_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "tests/integration/http/raw_client.h"
#include "tests/integration/http/threaded_server.h"
#include "tests/support/wait.h"

namespace isopop::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

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

http::RequestHead post(std::string target) {
  http::RequestHead request;
  request.method = "POST";
  request.target = std::move(target);
  return request;
}

TEST(HttpClient, FetchesAndKeepsTheConnection) {
  ThreadedServer server(echo);
  BlockingClient client;
  for (int i = 0; i < 3; ++i) {
    const http::FetchOutcome outcome = client.fetch(server.address(), post("/a"), "body");
    ASSERT_TRUE(outcome.response.ok()) << outcome.response.error().message;
    EXPECT_EQ(outcome.response.value().body, "POST /a body");
    EXPECT_EQ(outcome.connection_reused, i > 0);
  }
  EXPECT_EQ(client.counters().connections_opened, 1U);
  EXPECT_EQ(client.counters().connections_idle, 1U);
}

TEST(HttpClient, SendsTheHostOfItsCaller) {
  ThreadedServer server([](http::Exchange& exchange) -> asio::awaitable<void> {
    const std::string host(exchange.request().headers.get("host").value_or(""));
    (co_await exchange.respond(http::ResponseHead(), host)).ignore("checked by the client");
  });
  BlockingClient client;
  EXPECT_EQ(client.get(server.address(), "/").response.value().body, server.address());
  EXPECT_EQ(client.get(server.address(), "/", {{"Host", "other.example"}}).response.value().body,
            "other.example");
}

TEST(HttpClient, CarriesLargeBodiesBothWays) {
  ThreadedServer server(echo);
  BlockingClient client;
  const std::string body(5'000'000, 'x');
  const http::FetchOutcome outcome = client.fetch(server.address(), post("/"), body);
  ASSERT_TRUE(outcome.response.ok()) << outcome.response.error().message;
  EXPECT_EQ(outcome.response.value().body, "POST / " + body);
}

TEST(HttpClient, SaysThatNothingWasSentWhenRefused) {
  const DeadAddress nobody;
  BlockingClient client;
  const http::FetchOutcome outcome = client.fetch(nobody.address(), post("/"), "x");
  ASSERT_FALSE(outcome.response.ok());
  EXPECT_EQ(outcome.response.error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(outcome.request_was_sent);
  EXPECT_EQ(client.counters().connections_open, 0U);
  EXPECT_NE(outcome.response.error().message.find(nobody.address()), std::string::npos);
}

TEST(HttpClient, NoticesAClosedConnectionBeforeUsingIt) {
  auto server = std::make_unique<ThreadedServer>(echo);
  const std::string address = server->address();
  BlockingClient client;
  ASSERT_TRUE(client.get(address, "/").response.ok());
  server.reset();
  ThreadedServer successor(echo, {}, address);
  // Even a POST: it is known that nothing went over the dead connection.
  const http::FetchOutcome outcome = client.fetch(address, post("/again"), "b");
  ASSERT_TRUE(outcome.response.ok()) << outcome.response.error().message;
  EXPECT_FALSE(outcome.connection_reused);
  EXPECT_EQ(client.counters().stale_retries, 0U);
}

TEST(HttpClient, RepeatsAGetOnceWhenItsKeptConnectionBreaks) {
  std::atomic<int> requests = 0;
  ThreadedServer server([&requests](http::Exchange& exchange) -> asio::awaitable<void> {
    if (++requests == 2) {
      // Closes as a server does whose idle time-out ends just as a request comes.
      (co_await exchange.start_response(http::ResponseHead(), 5)).ignore("never sent");
      co_return;
    }
    (co_await exchange.respond(http::ResponseHead(), "ok")).ignore("checked by the client");
  });
  BlockingClient client;
  ASSERT_TRUE(client.get(server.address(), "/1").response.ok());
  const http::FetchOutcome outcome = client.get(server.address(), "/2");
  ASSERT_TRUE(outcome.response.ok()) << outcome.response.error().message;
  EXPECT_EQ(client.counters().stale_retries, 1U);
  EXPECT_EQ(requests, 3);
}

TEST(HttpClient, NeverRepeatsAPostThatMayHaveArrived) {
  std::atomic<int> requests = 0;
  ThreadedServer server([&requests](http::Exchange& exchange) -> asio::awaitable<void> {
    if (++requests == 2) {
      (co_await exchange.start_response(http::ResponseHead(), 5)).ignore("never sent");
      co_return;
    }
    (co_await exchange.respond(http::ResponseHead(), "ok")).ignore("checked by the client");
  });
  BlockingClient client;
  ASSERT_TRUE(client.get(server.address(), "/1").response.ok());
  const http::FetchOutcome outcome = client.fetch(server.address(), post("/2"), "pay");
  ASSERT_FALSE(outcome.response.ok());
  EXPECT_EQ(outcome.response.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(outcome.request_was_sent);
  EXPECT_FALSE(outcome.response_began);
  EXPECT_EQ(requests, 2);
}

struct BadAnswer {
  std::string_view what;
  std::string_view bytes;
};
class HttpClientRefuses : public testing::TestWithParam<BadAnswer> {};

TEST_P(HttpClientRefuses, AsDataLoss) {
  RawListener listener;
  std::thread server([&listener] {
    listener.accept_request();
    listener.send(GetParam().bytes);
    listener.close_connection();
  });
  BlockingClient client;
  const http::FetchOutcome outcome = client.get(listener.address(), "/");
  server.join();
  ASSERT_FALSE(outcome.response.ok());
  EXPECT_EQ(outcome.response.error().code, ErrorCode::kDataLoss)
      << outcome.response.error().message;
  EXPECT_TRUE(outcome.response_began);
  EXPECT_EQ(client.counters().connections_open, 0U);
}

constexpr BadAnswer kBadAnswers[] = {
    {"Garbage", "\x01\x02 what?\r\n\r\n"},
    {"NotWholeHead", "HTTP/1.1 200 OK\r\nX: "},
    {"ShortBody", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"},
    {"ShortChunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"},
    {"NoLastChunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"},
    {"BadChunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n"},
    {"LengthAndCoding",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc"},
    {"Upgrade", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"},
};
INSTANTIATE_TEST_SUITE_P(Answers, HttpClientRefuses, testing::ValuesIn(kBadAnswers),
                         [](const auto& test) { return std::string(test.param.what); });

TEST(HttpClient, SkipsInterimAnswers) {
  RawListener listener;
  std::thread server([&listener] {
    listener.accept_request();
    listener.send(
        "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  });
  BlockingClient client;
  const http::FetchOutcome outcome = client.get(listener.address(), "/");
  server.join();
  ASSERT_TRUE(outcome.response.ok()) << outcome.response.error().message;
  EXPECT_EQ(outcome.response.value().head.status, 200U);
  EXPECT_EQ(outcome.response.value().body, "ok");
}

TEST(HttpClient, ReadsABodyThatEndsWithTheConnection) {
  RawListener listener;
  std::thread server([&listener] {
    listener.accept_request();
    listener.send("HTTP/1.1 200 OK\r\n\r\nall there is");
    listener.close_connection();
  });
  BlockingClient client;
  const http::FetchOutcome outcome = client.get(listener.address(), "/");
  server.join();
  ASSERT_TRUE(outcome.response.ok()) << outcome.response.error().message;
  EXPECT_EQ(outcome.response.value().body, "all there is");
  EXPECT_EQ(client.counters().connections_open, 0U);
}

TEST(HttpClient, ExpectsNoBodyBehindHead) {
  ThreadedServer server(echo);
  BlockingClient client;
  http::RequestHead request;
  request.method = "HEAD";
  request.target = "/x";
  for (int i = 0; i < 2; ++i) {
    const http::FetchOutcome outcome = client.fetch(server.address(), request);
    ASSERT_TRUE(outcome.response.ok()) << outcome.response.error().message;
    EXPECT_EQ(outcome.response.value().body, "");
    EXPECT_EQ(outcome.response.value().head.headers.get("content-length"), "8");
  }
  EXPECT_EQ(client.counters().connections_opened, 1U);
}

TEST(HttpClient, GivesUpOnASilentServer) {
  RawListener listener;
  std::thread server([&listener] { listener.accept_request(); });
  BlockingClient client({.head_timeout = milliseconds(100)});
  const http::FetchOutcome outcome = client.fetch(listener.address(), post("/"), "x");
  server.join();
  ASSERT_FALSE(outcome.response.ok());
  EXPECT_EQ(outcome.response.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_TRUE(outcome.request_was_sent);
}

TEST(HttpClient, EndsAFetchAtItsTimeout) {
  RawListener listener;
  std::thread server([&listener] {
    listener.accept_request();
    listener.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc");
  });
  BlockingClient client;
  http::RequestHead request;
  const http::FetchOutcome outcome =
      client.fetch(listener.address(), request, "", milliseconds(100));
  server.join();
  ASSERT_FALSE(outcome.response.ok());
  EXPECT_EQ(outcome.response.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(client.counters().connections_open, 0U);
}

TEST(HttpClient, ClosesIdleConnections) {
  ThreadedServer server(echo);
  BlockingClient client({.idle_timeout = milliseconds(30)});
  client.run([&](http::ClientPool& pool) -> asio::awaitable<void> {
    const Endpoint endpoint = parse_endpoint(server.address()).value();
    const http::FetchOutcome outcome = co_await pool.fetch(endpoint, http::RequestHead(), "");
    EXPECT_TRUE(outcome.response.ok());
    EXPECT_EQ(pool.counters().connections_idle, 1U);
    for (int i = 0; i < 500 && pool.counters().connections_idle > 0; ++i) {
      co_await pause_for(milliseconds(10));
    }
    EXPECT_EQ(pool.counters().connections_open, 0U);
  });
}

struct Tally {
  std::size_t good = 0;
  std::size_t done = 0;
};

asio::awaitable<void> fetch_one(http::ClientPool& pool, std::string address, Tally& tally) {
  const http::FetchOutcome outcome =
      co_await pool.fetch(parse_endpoint(address).value(), http::RequestHead(), "");
  if (outcome.response.ok()) ++tally.good;
  ++tally.done;
}

// Fetches from all addresses at once; how many went well.
std::size_t fetch_together(BlockingClient& client, const std::vector<std::string>& addresses) {
  Tally tally;
  client.run([&](http::ClientPool& pool) -> asio::awaitable<void> {
    const auto executor = co_await asio::this_coro::executor;
    for (const std::string& address : addresses) {
      asio::co_spawn(executor, fetch_one(pool, address, tally), asio::detached);
    }
    while (tally.done < addresses.size()) co_await pause_for(milliseconds(1));
  });
  return tally.good;
}

asio::awaitable<void> slow(http::Exchange& exchange) {
  co_await pause_for(milliseconds(5));
  (co_await exchange.respond(http::ResponseHead(), "slow")).ignore("checked by the client");
}

TEST(HttpClient, KeepsToItsBoundForEachEndpoint) {
  ThreadedServer server(slow);
  BlockingClient client({.connections_per_endpoint_max = 2});
  EXPECT_EQ(fetch_together(client, std::vector<std::string>(20, server.address())), 20U);
  EXPECT_LE(server.counters().connections_accepted, 2U);
}

TEST(HttpClient, KeepsToItsBoundInAll) {
  ThreadedServer one(slow);
  ThreadedServer two(slow);
  ThreadedServer three(slow);
  BlockingClient client({.connections_max = 2});
  std::vector<std::string> addresses;
  for (int i = 0; i < 5; ++i) {
    for (ThreadedServer* server : {&one, &two, &three}) addresses.push_back(server->address());
  }
  EXPECT_EQ(fetch_together(client, addresses), 15U);
  EXPECT_LE(client.counters().connections_open, 2U);
}

TEST(HttpClient, RefusesWhenTooManyWait) {
  ThreadedServer server(slow);
  BlockingClient client({.connections_per_endpoint_max = 1, .waiting_max = 3});
  EXPECT_EQ(fetch_together(client, std::vector<std::string>(10, server.address())), 4U);
}

TEST(HttpClient, StreamsARequestAndItsAnswer) {
  ThreadedServer server(echo);
  BlockingClient client;
  client.run([&](http::ClientPool& pool) -> asio::awaitable<void> {
    auto opened = co_await pool.open(parse_endpoint(server.address()).value());
    EXPECT_TRUE(opened.ok());
    const std::unique_ptr<http::ClientCall> call = std::move(opened).value();
    EXPECT_FALSE(call->request_was_sent());
    http::RequestHead request = post("/s");
    EXPECT_TRUE((co_await call->start(request, std::nullopt)).ok());
    EXPECT_FALSE(call->request_was_sent());
    EXPECT_TRUE((co_await call->write("one,")).ok());
    EXPECT_TRUE(call->request_was_sent());
    EXPECT_TRUE((co_await call->write("two")).ok());
    EXPECT_TRUE((co_await call->finish_body()).ok());
    const Result<http::ResponseHead> head = co_await call->read_head();
    EXPECT_TRUE(head.ok());
    EXPECT_EQ(call->body_length(), 15U);
    const Result<std::string> body = co_await call->read_body();
    EXPECT_EQ(body.value(), "POST /s one,two");
    EXPECT_EQ((co_await call->read_body()).value(), "");
  });
  EXPECT_EQ(client.counters().connections_idle, 1U);
}

TEST(HttpClient, TakesAnAnswerThatComesBeforeTheBodyIsSent) {
  ThreadedServer server(answering("early"));
  BlockingClient client;
  client.run([&](http::ClientPool& pool) -> asio::awaitable<void> {
    const std::unique_ptr<http::ClientCall> call =
        std::move(co_await pool.open(parse_endpoint(server.address()).value())).value();
    http::RequestHead request = post("/");
    EXPECT_TRUE((co_await call->start(request, 1'000'000)).ok());
    EXPECT_TRUE((co_await call->write("only a part")).ok());
    EXPECT_TRUE((co_await call->read_head()).ok());
    EXPECT_EQ((co_await call->read_body()).value(), "early");
  });
  EXPECT_EQ(client.counters().connections_open, 0U) << "its request was never whole";
}

TEST(HttpClient, RefusesToSplitARequest) {
  ThreadedServer server(echo);
  BlockingClient client;
  const http::FetchOutcome outcome =
      client.get(server.address(), "/", {{"x", "a\r\nGET /evil HTTP/1.1"}});
  ASSERT_FALSE(outcome.response.ok());
  EXPECT_EQ(outcome.response.error().code, ErrorCode::kInvalidArgument);
  EXPECT_FALSE(outcome.request_was_sent);
  EXPECT_FALSE(client.get(server.address(), "/ HTTP/1.1\r\nX: y").response.ok());
  EXPECT_EQ(server.counters().requests, 0U);
}

}  // namespace
}  // namespace isopop::test
