#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/router/router_fixture.h"
#include "tests/support/wait.h"

namespace isopop::test {
namespace {

using std::chrono::milliseconds;

const http::Headers kDutch = {{"isopop-client-city", "Amsterdam"}};

http::RequestHead post() {
  http::RequestHead request;
  request.method = "POST";
  request.headers = kDutch;
  return request;
}

// Breaks the connection as a process that dies amid a request does.
asio::awaitable<void> die(http::Exchange& exchange) {
  (co_await exchange.start_response(http::ResponseHead(), 10)).ignore("never sent");
}

TEST_F(RouterTest, GoesOnToTheNextPopWhenOneRefuses) {
  const DeadAddress dead;
  ThreadedServer ewr(answering("from EWR"));
  start_router();
  announce({amsterdam(dead.address()), new_york(ewr.address())});
  for (int i = 0; i < 5; ++i) {
    const http::FetchOutcome outcome = get(kDutch);
    EXPECT_EQ(body(outcome), "from EWR");
    EXPECT_EQ(header(outcome, "isopop-pop"), "EWR");
  }
  // Certainly not sent, so safe for anything.
  EXPECT_EQ(body(client_.fetch(address_, post(), "pay")), "from EWR");
  // The first request found out; the others did not ask the dead one again, but for a probe
  // perhaps.
  EXPECT_GE(metric("isopop_router_failovers_total").value_or(0), 1.0);
  EXPECT_LE(metric("isopop_router_failovers_total").value_or(99), 3.0);
}

TEST_F(RouterTest, StreamsABodyToTheNextPopWhenOneRefuses) {
  const DeadAddress dead;
  ThreadedServer ewr([](http::Exchange& exchange) -> asio::awaitable<void> {
    std::size_t bytes = 0;
    while (true) {
      const Result<std::string> piece = co_await exchange.read_body();
      if (!piece.ok()) co_return;
      if (piece.value().empty()) break;
      bytes += piece.value().size();
    }
    (co_await exchange.respond(http::ResponseHead(), std::to_string(bytes))).ignore("checked");
  });
  start_router();
  announce({amsterdam(dead.address()), new_york(ewr.address())});
  EXPECT_EQ(body(client_.fetch(address_, post(), std::string(3'000'000, 'x'))), "3000000");
}

TEST_F(RouterTest, ComesBackToAPopThatLivesAgain) {
  auto ams = std::make_unique<ThreadedServer>(answering("from AMS"));
  const std::string ams_address = ams->address();
  ThreadedServer ewr(answering("from EWR"));
  start_router();
  announce({amsterdam(ams_address), new_york(ewr.address())});
  EXPECT_EQ(body(get(kDutch)), "from AMS");
  ams.reset();
  EXPECT_EQ(body(get(kDutch)), "from EWR");
  ams = std::make_unique<ThreadedServer>(answering("from AMS again"), http::ServerLimits{},
                                         ams_address);
  // Nobody tells the router: it finds out by a probe after the back-off.
  EXPECT_TRUE(wait_until([&] { return body(get(kDutch)) == "from AMS again"; }));
}

TEST_F(RouterTest, RepeatsOnlyWhatIsSafeWhenAPopDiesAmidARequest) {
  std::atomic<int> at_ewr = 0;
  ThreadedServer ams(die);
  ThreadedServer ewr([&at_ewr](http::Exchange& exchange) -> asio::awaitable<void> {
    ++at_ewr;
    (co_await exchange.respond(http::ResponseHead(), "from EWR")).ignore("checked");
  });
  start_router();
  announce({amsterdam(ams.address()), new_york(ewr.address())});
  const http::FetchOutcome paid = client_.fetch(address_, post(), "pay");
  EXPECT_EQ(status(paid), 502U) << body(paid);
  EXPECT_EQ(at_ewr, 0) << "a POST that may have arrived was sent twice";
  EXPECT_EQ(body(get(kDutch)), "from EWR");
}

TEST_F(RouterTest, AnswersForAPopThatHangs) {
  RawListener hanging;
  ThreadedServer ewr(answering("from EWR"));
  start_router({"--pop-timeout", "200 ms"});
  announce({amsterdam(hanging.address()), new_york(ewr.address())});
  EXPECT_EQ(status(client_.fetch(address_, post(), "x")), 504U);
  EXPECT_EQ(body(get(kDutch)), "from EWR");
}

TEST_F(RouterTest, GoesOnWhenAPopTalksGarbage) {
  RawListener broken;
  std::thread talk([&broken] {
    broken.accept_request();
    broken.send("I am not HTTP\r\n\r\n");
  });
  ThreadedServer ewr(answering("from EWR"));
  start_router();
  announce({amsterdam(broken.address()), new_york(ewr.address())});
  EXPECT_EQ(body(get(kDutch)), "from EWR");
  talk.join();
}

TEST_F(RouterTest, Says502WhenNoPopCanBeReached) {
  const DeadAddress one;
  const DeadAddress two;
  start_router();
  announce({amsterdam(one.address()), new_york(two.address())});
  for (int i = 0; i < 3; ++i) {
    const http::FetchOutcome outcome = get(kDutch);
    EXPECT_EQ(status(outcome), 502U);
    EXPECT_NE(body(outcome).find("no PoP could be reached"), std::string::npos) << body(outcome);
  }
}

TEST_F(RouterTest, CutsAnAnswerThatBreaksOff) {
  ThreadedServer ams([](http::Exchange& exchange) -> asio::awaitable<void> {
    (co_await exchange.start_response(http::ResponseHead(), 1'000'000)).ignore("checked");
    (co_await exchange.write(std::string(200'000, 'x'))).ignore("checked by the client");
  });
  start_router();
  announce({amsterdam(ams.address())});
  const http::FetchOutcome outcome = get(kDutch);
  ASSERT_FALSE(outcome.response.ok()) << "half an answer must not look whole";
  EXPECT_TRUE(outcome.response_began);
}

TEST_F(RouterTest, EndsThePopsWorkWhenTheClientGoes) {
  std::atomic<bool> started = false;
  std::atomic<bool> ended = false;
  ThreadedServer ams([&](http::Exchange& exchange) -> asio::awaitable<void> {
    bool gone = false;
    exchange.on_client_gone([&gone] { gone = true; });
    started = true;
    while (!gone) co_await pause_for(milliseconds(2));
    ended = true;
  });
  start_router();
  announce({amsterdam(ams.address())});
  {
    RawClient client(address_);
    client.send("GET / HTTP/1.1\r\nHost: hello.test\r\n\r\n");
    ASSERT_TRUE(wait_until([&] { return started.load(); }));
    EXPECT_FALSE(ended);
  }
  EXPECT_TRUE(wait_until([&] { return ended.load(); }));
  EXPECT_TRUE(wait_until(
      [&] { return metric("isopop_router_requests_total{outcome=\"client_gone\"}") == 1.0; }));
  EXPECT_EQ(metric("isopop_router_pops_out"), 0.0) << "the PoP is not to blame";
}

TEST_F(RouterTest, FollowsTheControlPlanesWord) {
  ThreadedServer ams(answering("from AMS"));
  ThreadedServer ewr(answering("from EWR"));
  start_router();
  announce({amsterdam(ams.address()), new_york(ewr.address())});
  EXPECT_EQ(body(get(kDutch)), "from AMS");
  router::Pop down = amsterdam(ams.address());
  down.state = router::PopState::kDown;
  control_->announce({down});
  EXPECT_TRUE(wait_until([&] { return body(get(kDutch)) == "from EWR"; }));
  control_->announce({amsterdam(ams.address())});
  EXPECT_TRUE(wait_until([&] { return body(get(kDutch)) == "from AMS"; }));
}

TEST_F(RouterTest, SendsNothingToADrainedPopUntilItIsBack) {
  std::atomic<int> at_ams = 0;
  ThreadedServer ams([&at_ams](http::Exchange& exchange) -> asio::awaitable<void> {
    ++at_ams;
    (co_await exchange.respond(http::ResponseHead(), "from AMS")).ignore("checked");
  });
  ThreadedServer ewr(answering("from EWR"));
  start_router();
  announce({amsterdam(ams.address()), new_york(ewr.address())});
  EXPECT_EQ(body(get(kDutch)), "from AMS");
  router::Pop drained = amsterdam(ams.address());
  drained.is_drained = true;
  control_->announce({drained});
  ASSERT_TRUE(wait_until([&] { return body(get(kDutch)) == "from EWR"; }));
  const int before = at_ams;
  for (int i = 0; i < 20; ++i) EXPECT_EQ(body(get(kDutch)), "from EWR");
  EXPECT_EQ(at_ams, before);
  control_->announce({amsterdam(ams.address())});
  EXPECT_TRUE(wait_until([&] { return body(get(kDutch)) == "from AMS"; }));
}

TEST_F(RouterTest, GoesOnWithoutItsControlPlane) {
  ThreadedServer ams(answering("from AMS"));
  ThreadedServer ewr(answering("from EWR"));
  start_router();
  announce({amsterdam(ams.address()), new_york(ewr.address())});
  const std::string control_address = control_->address();
  control_.reset();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(body(get(kDutch)), "from AMS");
  // A control plane that starts anew knows only one PoP at first; the other one's clients stay with
  // it.
  control_ = std::make_unique<FakeControl>(control_address);
  control_->announce({new_york(ewr.address())});
  ASSERT_TRUE(wait_until([&] { return !control_->router_address().empty(); }));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(body(get(kDutch)), "from AMS");
}

TEST_F(RouterTest, FindsAControlPlaneThatStartsLater) {
  ThreadedServer ams(answering("from AMS"));
  const std::string control_address = control_->address();
  control_.reset();
  start_router();
  EXPECT_EQ(status(get(kDutch)), 503U);
  control_ = std::make_unique<FakeControl>(control_address);
  announce({amsterdam(ams.address())});
  EXPECT_EQ(body(get(kDutch)), "from AMS");
}

// Clients that send GETs as fast as they can until told to stop.
class Load {
 public:
  Load(const std::string& address, int clients) {
    for (int i = 0; i < clients; ++i) {
      threads_.emplace_back([this, address] {
        BlockingClient client;
        while (!stop_) {
          const http::FetchOutcome outcome = client.get(address, "/", kDutch);
          ++(status(outcome) == 200 ? good_ : bad_);
        }
      });
    }
  }
  ~Load() { finish(); }
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  void finish() {
    stop_ = true;
    for (std::thread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }
  [[nodiscard]] int good() const { return good_; }
  [[nodiscard]] int bad() const { return bad_; }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<int> good_ = 0;
  std::atomic<int> bad_ = 0;
  std::vector<std::thread> threads_;
};

TEST_F(RouterTest, LosesNoGetWhenAPopIsKilledUnderLoad) {
  ThreadedServer ams([](http::Exchange& exchange) -> asio::awaitable<void> {
    co_await pause_for(milliseconds(1));
    (co_await exchange.respond(http::ResponseHead(), "from AMS")).ignore("counted by the clients");
  });
  ThreadedServer ewr(answering("from EWR"));
  start_router();
  announce({amsterdam(ams.address()), new_york(ewr.address())});
  Load load(address_, 8);
  ASSERT_TRUE(wait_until([&] { return load.good() > 300; }));
  ams.kill();
  const int then = load.good();
  ASSERT_TRUE(wait_until([&] { return load.good() > then + 1000; }));
  load.finish();
  EXPECT_EQ(load.bad(), 0);
  EXPECT_GE(metric("isopop_router_failovers_total").value_or(0), 1.0) << "requests were in flight";
}

}  // namespace
}  // namespace isopop::test
