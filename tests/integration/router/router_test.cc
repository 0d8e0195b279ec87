#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/http/server_timing.h"
#include "common/text/text.h"
#include "common/time/clock.h"
#include "tests/integration/router/router_fixture.h"
#include "tests/support/command.h"
#include "tests/support/wait.h"

namespace isopop::test {
namespace {

using std::chrono::milliseconds;

// Answers with the request's head as it arrived, and its body.
asio::awaitable<void> mirror(http::Exchange& exchange) {
  std::string text = exchange.request().method + " " + exchange.request().target + "\n";
  for (const http::HeaderView line : exchange.request().headers) {
    text.append(line.name).append(": ").append(line.value).append("\n");
  }
  while (true) {
    Result<std::string> piece = co_await exchange.read_body();
    if (!piece.ok()) co_return;
    if (piece.value().empty()) break;
    text += piece.value();
  }
  http::ResponseHead head;
  head.headers.add("server-timing", "pop;dur=1.5");
  head.headers.add("isopop-ray", "0123456789abcdef-AMS");
  (co_await exchange.respond(std::move(head), text)).ignore("checked by the client");
}

TEST_F(RouterTest, TakesTheClientToItsNearestPop) {
  ThreadedServer ams(answering("from AMS"));
  ThreadedServer nrt(answering("from NRT"));
  start_router();
  announce({amsterdam(ams.address()), tokyo(nrt.address())});

  const http::FetchOutcome paris = get({{"isopop-client-location", "48.85,2.35"}});
  EXPECT_EQ(body(paris), "from AMS");
  EXPECT_EQ(header(paris, "isopop-pop"), "AMS");
  EXPECT_NEAR(parse_double(header(paris, "isopop-distance-km")).value_or(0), 419, 5);
  EXPECT_EQ(header(paris, "isopop-net"), "account");
  const http::FetchOutcome japan = get({{"isopop-client-city", "Tokyo"}});
  EXPECT_EQ(body(japan), "from NRT");
  EXPECT_EQ(header(japan, "isopop-pop"), "NRT");
  EXPECT_EQ(control_->router_address(), address_);
}

TEST_F(RouterTest, TellsThePopWhoAsks) {
  ThreadedServer ams(mirror);
  start_router();
  announce({amsterdam(ams.address())});
  RawClient client(address_);
  client.send(
      "GET /path?q=1 HTTP/1.1\r\nHost: hello.test\r\nisopop-client-city: Sao Paulo\r\n"
      "isopop-client-id: secret\r\nConnection: x-hop\r\nX-Hop: dropped\r\n"
      "X-Forwarded-For: 203.0.113.9\r\nX-Kept: as it is\r\n\r\n");
  const std::string seen = client.read_response();
  for (const std::string_view line :
       {"GET /path?q=1\n", "Host: hello.test\n", "isopop-client-location: -23.5475,-46.6361\n",
        "isopop-client-city: São Paulo\n", "isopop-client-country: BR\n",
        "X-Forwarded-For: 203.0.113.9, 127.0.0.1\n", "X-Kept: as it is\n"}) {
    EXPECT_NE(seen.find(line), std::string::npos) << line << seen;
  }
  EXPECT_EQ(seen.find("secret"), std::string::npos) << seen;
  EXPECT_EQ(seen.find("X-Hop"), std::string::npos) << seen;
}

TEST_F(RouterTest, AddsItsTimesToThePops) {
  ThreadedServer ams(mirror);
  start_router({"--seed", "7"});
  announce({amsterdam(ams.address())});
  const http::Headers client = {{"isopop-client-location", "40.7,-74"}, {"isopop-client-id", "c1"}};
  http::Headers fresh = client;
  fresh.add("isopop-connection", "new");
  http::Headers kept = client;
  kept.add("isopop-connection", "kept");
  const std::string first = header(get(fresh), "server-timing");
  const std::string second = header(get(kept), "server-timing");
  EXPECT_EQ(http::find_timing_ms(first, "pop"), 1.5) << first;
  EXPECT_GT(http::find_timing_ms(first, "net").value_or(0), 58.0) << "faster than light in fibre";
  EXPECT_GT(http::find_timing_ms(first, "access").value_or(0), 0.0);
  EXPECT_GT(http::find_timing_ms(first, "setup").value_or(0), 116.0) << first;
  EXPECT_EQ(http::find_timing_ms(second, "setup"), 0.0) << second;
  EXPECT_EQ(http::find_timing_ms(first, "access"), http::find_timing_ms(second, "access"));
  ASSERT_TRUE(http::find_timing_ms(first, "router").has_value()) << first;
  EXPECT_LT(*http::find_timing_ms(first, "router"), 1000.0);
}

TEST_F(RouterTest, WaitsTheNetworkOutWhenAsked) {
  ThreadedServer ams(answering("hello"));
  start_router({"--net", "real"});
  announce({amsterdam(ams.address())});
  const SystemClock clock;
  const Instant before = clock.now();
  const http::FetchOutcome outcome =
      get({{"isopop-client-location", "40.7,-74"}, {"isopop-connection", "new"}});
  const double took_ms = std::chrono::duration<double, std::milli>(clock.now() - before).count();
  const std::string timing = header(outcome, "server-timing");
  double modelled_ms = 0;
  for (const std::string_view part : {"access", "net", "setup"}) {
    modelled_ms += http::find_timing_ms(timing, part).value_or(0);
  }
  EXPECT_EQ(header(outcome, "isopop-net"), "real");
  EXPECT_GT(modelled_ms, 150) << timing;
  EXPECT_GE(took_ms, modelled_ms) << timing;
  // The waits are the network's, not the router's own time.
  EXPECT_LT(http::find_timing_ms(timing, "router").value_or(1e9), modelled_ms) << timing;
}

TEST_F(RouterTest, GivesTheSameClientTheSamePlace) {
  ThreadedServer ams(mirror);
  ThreadedServer nrt(mirror);
  start_router({"--seed", "3"});
  announce({amsterdam(ams.address()), tokyo(nrt.address())});
  const std::string first = header(get({{"isopop-client-id", "client-17"}}), "isopop-distance-km");
  EXPECT_NE(first, "");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(header(get({{"isopop-client-id", "client-17"}}), "isopop-distance-km"), first);
  }
}

TEST_F(RouterTest, RefusesPlacesThatAreNone) {
  ThreadedServer ams(answering("hello"));
  start_router();
  announce({amsterdam(ams.address())});
  for (const http::Headers& bad : {http::Headers{{"isopop-client-city", "Amsterdan"}},
                                   http::Headers{{"isopop-client-location", "95,4"}},
                                   http::Headers{{"isopop-client-location", "nowhere"}}}) {
    const http::FetchOutcome outcome = get(bad);
    EXPECT_EQ(status(outcome), 400U) << body(outcome);
    EXPECT_NE(body(outcome).find("error code: 400"), std::string::npos) << body(outcome);
  }
  EXPECT_NE(body(get({{"isopop-client-city", "Amsterdan"}})).find("Amsterdam"), std::string::npos)
      << "says which city may have been meant";
  EXPECT_EQ(metric("isopop_router_requests_total{outcome=\"bad_request\"}"), 4.0);
}

TEST_F(RouterTest, SaysSoWhenThereAreNoPops) {
  start_router();
  const http::FetchOutcome outcome = get();
  EXPECT_EQ(status(outcome), 503U);
  EXPECT_NE(body(outcome).find("no PoPs"), std::string::npos) << body(outcome);
  EXPECT_EQ(header(outcome, "retry-after"), "1");
  EXPECT_EQ(status(client_.get(address_, "/__isopop/healthz")), 200U);
  EXPECT_EQ(status(client_.get(address_, "/__isopop/readyz")), 503U);
  EXPECT_EQ(status(client_.get(address_, "/__isopop/nothing")), 404U);
}

TEST_F(RouterTest, SendsNobodyToAPopThatIsStarting) {
  ThreadedServer ams(answering("from AMS"));
  ThreadedServer nrt(answering("from NRT"));
  start_router();
  router::Pop starting = amsterdam(ams.address());
  starting.state = router::PopState::kStarting;
  announce({starting, tokyo(nrt.address())});
  EXPECT_EQ(body(get({{"isopop-client-city", "Amsterdam"}})), "from NRT");
  control_->announce({amsterdam(ams.address())});
  EXPECT_TRUE(
      wait_until([&] { return body(get({{"isopop-client-city", "Amsterdam"}})) == "from AMS"; }));
}

TEST_F(RouterTest, StreamsLargeBodiesBothWays) {
  ThreadedServer ams([](http::Exchange& exchange) -> asio::awaitable<void> {
    // Echoes piece by piece, before the whole body is there.
    (co_await exchange.start_response(http::ResponseHead(), std::nullopt)).ignore("checked");
    while (true) {
      const Result<std::string> piece = co_await exchange.read_body();
      if (!piece.ok()) co_return;
      if (piece.value().empty()) break;
      const Result<void> written = co_await exchange.write(piece.value());
      if (!written.ok()) co_return;
    }
    (co_await exchange.finish()).ignore("checked by the client");
  });
  start_router();
  announce({amsterdam(ams.address())});
  std::string sent(20'000'000, 'x');
  for (std::size_t i = 0; i < sent.size(); i += 997) sent[i] = static_cast<char>('a' + i % 26);
  http::RequestHead request;
  request.method = "POST";
  const http::FetchOutcome outcome = client_.exchange(address_, request, sent);
  EXPECT_EQ(status(outcome), 200U);
  EXPECT_TRUE(body(outcome) == sent) << body(outcome).size() << " of " << sent.size();
}

TEST_F(RouterTest, PassesOnAnAnswerThatComesBeforeTheBody) {
  ThreadedServer ams([](http::Exchange& exchange) -> asio::awaitable<void> {
    http::ResponseHead head;
    head.status = 403;
    (co_await exchange.respond(std::move(head), "not you")).ignore("checked by the client");
  });
  start_router();
  announce({amsterdam(ams.address())});
  RawClient raw(address_);
  raw.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n");
  raw.send(std::string(100'000, 'x'));
  // The rest never comes.
  EXPECT_TRUE(raw.read_response().starts_with("HTTP/1.1 403"));
  EXPECT_EQ(status(get()), 403U) << "the router goes on";
}

TEST_F(RouterTest, RefusesAGigabyteAtOnce) {
  ThreadedServer ams(mirror);
  start_router({"--body-max", "10 MB"});
  announce({amsterdam(ams.address())});
  RawClient raw(address_);
  raw.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1073741824\r\n\r\n");
  EXPECT_TRUE(raw.read_response().starts_with("HTTP/1.1 413"));
  RawClient chunked(address_);
  chunked.send("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "100000\r\n" + std::string(0x100000, 'x') + "\r\n";
  for (int i = 0; i < 11; ++i) chunked.send(chunk);
  EXPECT_TRUE(chunked.read_response().starts_with("HTTP/1.1 413"));
}

TEST_F(RouterTest, ServesOthersWhileOneClientDawdles) {
  ThreadedServer ams(answering("hello"));
  start_router({"--head-timeout", "300 ms"});
  announce({amsterdam(ams.address())});
  RawClient slow(address_);
  std::string answer;
  for (int i = 0; i < 200 && answer.empty(); ++i) {
    slow.send("G");
    EXPECT_EQ(status(get()), 200U);
    answer = slow.read_until("\r\n\r\n", milliseconds(20));
  }
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 408")) << answer;
}

TEST_F(RouterTest, GivesHeadItsLengthAndNoBody) {
  ThreadedServer ams(answering("twelve bytes"));
  start_router();
  announce({amsterdam(ams.address())});
  http::RequestHead request;
  request.method = "HEAD";
  for (int i = 0; i < 2; ++i) {
    const http::FetchOutcome outcome = client_.fetch(address_, request);
    EXPECT_EQ(status(outcome), 200U) << body(outcome);
    EXPECT_EQ(header(outcome, "content-length"), "12");
    EXPECT_EQ(body(outcome), "");
  }
}

TEST_F(RouterTest, EndsCleanlyOnSigterm) {
  ThreadedServer ams(answering("hello"));
  start_router();
  announce({amsterdam(ams.address())});
  EXPECT_EQ(status(get()), 200U);
  const std::optional<ExitStatus> ended = stop_router();
  ASSERT_TRUE(ended.has_value());
  EXPECT_TRUE(ended->success()) << ended->describe() << router_log();
  EXPECT_FALSE(std::filesystem::exists(state_.path() / "router.endpoint"));
}

TEST_F(RouterTest, SaysWhichAddressIsTaken) {
  start_router();
  const CommandOutcome second = run_command(
      program_path("isopop-router"),
      {"--listen", address_, "--control", control_->address(), "--state",
       (state_.path() / "second").string(), "--cities", (state_.path() / "cities.csv").string()});
  EXPECT_EQ(second.status.code, 1);
  EXPECT_NE(second.errors.find("error: cannot listen on " + address_), std::string::npos)
      << second.describe();
}

TEST_F(RouterTest, SaysWhatIsWrongWithItsFlags) {
  const std::string cities = (state_.path() / "cities.csv").string();
  struct Case {
    std::vector<std::string> flags;
    std::string says;
  };
  for (const Case& bad : {Case{{"--cities", "/nowhere/cities.csv"}, "/nowhere/cities.csv"},
                          Case{{"--cities", cities, "--policy", "anycats"}, "anycats"},
                          Case{{"--cities", cities, "--listen", "8080"}, "--listen"},
                          Case{{"--cities", cities, "--mmdb", cities}, "--mmdb"},
                          Case{{"--cities", cities, "--pop-timeout", "5"}, "--pop-timeout"},
                          Case{{"--cities", cities, "--access-profile", "dial-up"}, "dial-up"}}) {
    const CommandOutcome outcome = run_command(program_path("isopop-router"), bad.flags);
    EXPECT_EQ(outcome.status.code, 1) << outcome.describe();
    EXPECT_NE(outcome.errors.find("error: "), std::string::npos) << outcome.describe();
    EXPECT_NE(outcome.errors.find(bad.says), std::string::npos) << outcome.describe();
  }
}

}  // namespace
}  // namespace isopop::test
