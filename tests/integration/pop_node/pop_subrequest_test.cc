// Workers that ask each other with fetch(), through a real isopop-pop into real executors.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "common/files/files.h"
#include "pop_node/worker/live_worker.h"
#include "tests/integration/pop_node/pop_process.h"
#include "tests/support/wait.h"

namespace isopop::pop {
namespace {

// Takes its time, and says so.
constexpr const char* kSlow =
    "console.log('is asked'); await new Promise((done) => setTimeout(done, 20000));";
bool is_asked(const PopProcess& pop) {
  return pop.log().find("is asked") != std::string::npos;
}

class PopSubrequestTest : public ::testing::TestWithParam<v1::Isolation> {
 protected:
  PopSubrequestTest() {
    EXPECT_FALSE(pop_.address().empty()) << pop_.log();
    EXPECT_TRUE(control_.wait_connected());
  }
  // The body of a worker's fetch(request, env, ctx).
  void deploy(const std::string& name, const std::string& body, std::uint32_t subrequests = 0) {
    TestWorker worker = make_worker(
        name, 1, "export default { async fetch(request, env, ctx) { " + body + " } }", GetParam());
    worker.version.mutable_settings()->mutable_limits()->set_subrequests(subrequests);
    const auto answer = control_.deploy(worker);
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    ASSERT_TRUE(answer.value().acked) << answer.value().error;
  }
  RawResponse ask(const std::string& name, const std::string& path = "/") {
    const Result<RawResponse> response =
        request(pop_.address(), name + ".example", path, "GET", "",
                "isopop-client-location: 48.86,2.35\r\nisopop-client-city: Paris\r\n"
                "isopop-client-country: FR\r\n");
    EXPECT_TRUE(response.ok()) << response.error().message << "\n" << pop_.log();
    return response.ok() ? response.value() : RawResponse{};
  }

  TestControlPlane control_;
  PopProcess pop_{control_.address()};
};

INSTANTIATE_TEST_SUITE_P(Modes, PopSubrequestTest,
                         ::testing::Values(v1::ISOLATION_PRISTINE, v1::ISOLATION_FRESH,
                                           v1::ISOLATION_WARM),
                         [](const auto& mode) { return std::string(isolation_name(mode.param)); });

TEST_P(PopSubrequestTest, AWorkerAsksAnotherByItsOwnHostAndByItsRoute) {
  deploy("back", R"(return Response.json({ url: request.url, method: request.method,
    body: await request.text(), host: request.headers.get('host'),
    forged: request.headers.get('isopop-client-city'), city: request.cf.city,
    ray: request.headers.get('isopop-ray') }, { status: 201, headers: { 'x-back': '1' } });)");
  deploy("front", R"(
    const answers = [];
    for (const url of ['http://back.isopop.test/a?b=1', 'https://back.example/c']) {
      const answer = await fetch(url, { method: 'POST', body: 'hello',
        headers: { 'isopop-client-city': 'Nowhere' } });
      answers.push({ status: answer.status, x: answer.headers.get('x-back'),
        ...await answer.json(), mine: request.headers.get('isopop-ray') });
    }
    return Response.json(answers.map((one) => ({ ...one, ray: one.ray === one.mine,
      mine: undefined })));)");
  const std::string rest =
      R"("method":"POST","body":"hello","host":"back.isopop.test","forged":null,)"
      R"("city":"Paris","ray":true})";
  const RawResponse answer = ask("front");
  EXPECT_EQ(answer.status, 200U);
  EXPECT_NE(
      answer.body.find(R"({"status":201,"x":"1","url":"http://back.isopop.test/a?b=1",)" + rest),
      std::string::npos)
      << answer.body;
  EXPECT_NE(answer.body.find(R"("url":"https://back.example/c")"), std::string::npos)
      << answer.body;
}

TEST_P(PopSubrequestTest, ThereIsNoWayOut) {
  deploy("front", R"(
    const said = [];
    for (const url of ['http://example.com/', 'http://127.0.0.1:1/', 'http://[::1]/',
      'http://169.254.169.254/latest']) {
      try { await fetch(url); } catch (error) {
        said.push(`${error instanceof TypeError} ${error.message}`); }
    }
    return new Response(said.join('\n'));)");
  const std::string body = ask("front").body;
  EXPECT_NE(body.find("true fetch: no worker answers at http://example.com/; there is no way out"),
            std::string::npos)
      << body;
  EXPECT_EQ(std::count(body.begin(), body.end(), '\n'), 3);
}

TEST_P(PopSubrequestTest, LargeBodiesGoBothWays) {
  deploy("back", "return new Response((await request.text()).repeat(4));");
  deploy("front", R"(
    const answer = await fetch('http://back.isopop.test/', { method: 'PUT',
      body: 'x'.repeat(1000000) });
    if (request.url.endsWith('/count')) return new Response(String((await answer.text()).length));
    return answer;)");
  EXPECT_EQ(ask("front", "/count").body, "4000000");
  const RawResponse streamed = ask("front");
  EXPECT_TRUE(streamed.complete);
  EXPECT_EQ(streamed.body.size(), 4'000'000U);
}

TEST_P(PopSubrequestTest, FailuresOfTheOtherWorkerAreAnswersAsClientsGetThem) {
  deploy("throws", "throw new Error('secret');");
  deploy("front", R"(
    const answer = await fetch('http://throws.isopop.test/');
    return new Response(`${answer.status} ${await answer.text()}`);)");
  const RawResponse answer = ask("front");
  EXPECT_TRUE(answer.body.starts_with("500 error code: 1101")) << answer.body;
  EXPECT_EQ(answer.body.find("secret"), std::string::npos);
}

TEST_P(PopSubrequestTest, ACircleEnds) {
  deploy("circle", R"(
    const answer = await fetch('http://circle.isopop.test/').catch((error) => error);
    if (answer instanceof Error) return new Response(answer.message);
    return new Response('+' + await answer.text());)");
  const RawResponse answer = ask("circle");
  EXPECT_NE(answer.body.find("more than 6 workers"), std::string::npos) << answer.body;
}

TEST_P(PopSubrequestTest, ManyRequestsThatAskTheirOwnWorkerDoNotBlockIt) {
  deploy("self", R"(
    if (request.url.endsWith('/inner')) return new Response('inner');
    const answer = await fetch('http://self.isopop.test/inner');
    return new Response(`${answer.status} ${await answer.text()}`);)");
  std::vector<std::thread> clients;
  for (int client = 0; client < 24; ++client) {
    clients.emplace_back([this] { EXPECT_EQ(ask("self").body, "200 inner"); });
  }
  for (std::thread& client : clients) client.join();
}

TEST_P(PopSubrequestTest, AStormIsHeldByItsLimitAndTheNeighbourIsServed) {
  deploy("back", "return new Response('ok');");
  deploy("storm", R"(
    const all = await Promise.allSettled(Array.from({ length: 100 },
      () => fetch('http://back.isopop.test/').then((answer) => answer.text())));
    const refused = all.filter((one) => one.status === 'rejected');
    return new Response(`${all.length - refused.length} ${refused[0].reason.message}`);)",
         20);
  deploy("neighbour", "return new Response('fine');");
  std::atomic<bool> is_over = false;
  std::atomic<int> served = 0;
  std::thread neighbour([this, &is_over, &served] {
    while (!is_over) {
      EXPECT_EQ(ask("neighbour").body, "fine");
      ++served;
    }
  });
  std::vector<std::thread> clients;
  for (int client = 0; client < 4; ++client) {
    clients.emplace_back([this] {
      for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(ask("storm").body,
                  "20 Too many subrequests by a single request: its limit is 20");
      }
    });
  }
  for (std::thread& client : clients) client.join();
  is_over = true;
  neighbour.join();
  EXPECT_GT(served, 0);
  EXPECT_EQ(pop_.metric(R"(isopop_pop_subrequests_total{outcome="answered"})"), 4 * 5 * 20);
  EXPECT_EQ(
      pop_.metric(R"(isopop_pop_worker_limit_breaches_total{worker="storm",limit="subrequests"})"),
      4 * 5);
}

TEST_P(PopSubrequestTest, TheExampleAsksTwoWorkersAndLivesWithoutOne) {
  const std::string folder = std::string(ISOPOP_SOURCE_DIR) + "/workers/";
  for (const std::string name : {"gateway", "hello"}) {
    const Result<std::string> source = read_file(folder + name + "/index.js", 1U << 20U);
    ASSERT_TRUE(source.ok());
    const auto answer = control_.deploy(make_worker(name, 1, source.value(), GetParam()));
    ASSERT_TRUE(answer.ok() && answer.value().acked);
  }
  EXPECT_EQ(ask("gateway").body,
            "hello: 200 Hello from AMS to Paris!\n"
            "wasm-add: fetch: no worker answers at http://wasm-add.isopop.test/; there is no way "
            "out of the PoP\n");
}

TEST_P(PopSubrequestTest, GoesOnAfterTheAnswerToTheClient) {
  deploy("back", "return new Response('ok');");
  deploy("front", R"(
    ctx.waitUntil(fetch('http://back.isopop.test/').then((answer) => answer.text()));
    return new Response('at once');)");
  EXPECT_EQ(ask("front").body, "at once");
  EXPECT_TRUE(test::wait_until(
      [this] { return pop_.metric(R"(isopop_pop_subrequests_total{outcome="answered"})") == 1; }));
}

TEST_P(PopSubrequestTest, EndsWithTheRequestThatMadeIt) {
  deploy("slow", kSlow);
  deploy("front", "await fetch('http://slow.isopop.test/');");
  RawClient client(pop_.address());
  ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nhost: front.example\r\n\r\n"));
  ASSERT_TRUE(test::wait_until([this] { return is_asked(pop_); }));
  client.close();
  EXPECT_TRUE(test::wait_until(
      [this] { return pop_.metric(R"(isopop_pop_subrequests_total{outcome="cancelled"})") == 1; }));
}

// Each of these requests lives on when what it asked is answered; together they asked for more than
// a PoP has room for at a time.
TEST(PopSubrequestRoom, IsGivenBackWithTheAnswerNotWithTheRequestThatAsked) {
  constexpr int kRequests = 90;
  constexpr int kSubrequests = 6;
  TestControlPlane control;
  const PopProcess pop(control.address());
  ASSERT_TRUE(control.wait_connected());
  const auto deploy = [&control](const std::string& name, const std::string& body) {
    return control.deploy(make_worker(name, 1, "export default { async fetch() {" + body + "} }",
                                      v1::ISOLATION_WARM));
  };
  ASSERT_TRUE(deploy("back", "return new Response('ok');").ok());
  ASSERT_TRUE(deploy("front", R"(
    const ask = async () => (await fetch('http://back.isopop.test/')).text();
    await Promise.all([ask(), ask(), ask(), ask(), ask(), ask()]);
    await new Promise((done) => setTimeout(done, 20000));)")
                  .ok());
  const auto answered = [&pop] {
    return pop.metric(R"(isopop_pop_subrequests_total{outcome="answered"})");
  };
  std::vector<RawClient> clients;
  for (int i = 1; i <= kRequests; ++i) {
    clients.emplace_back(pop.address());
    ASSERT_TRUE(clients.back().send("GET / HTTP/1.1\r\nhost: front.example\r\n\r\n"));
    if (i % 10 != 0) continue;
    ASSERT_TRUE(test::wait_until([&] { return answered() == i * kSubrequests; }))
        << i << " " << answered() << "\n"
        << pop.log();
  }
}

TEST(PopSubrequestLimits, ABodyAboveTheOtherWorkersLimitIsCountedAsItsBreach) {
  TestControlPlane control;
  const PopProcess pop(control.address());
  ASSERT_TRUE(control.wait_connected());
  TestWorker back =
      make_worker("back", 1, "export default { fetch() { return new Response('ok'); } }");
  back.version.mutable_settings()->mutable_limits()->set_request_body_bytes(100);
  ASSERT_TRUE(control.deploy(back).value().acked);
  ASSERT_TRUE(control
                  .deploy(make_worker("front", 1, R"(export default { fetch() {
    return fetch('http://back.isopop.test/', { method: 'POST', body: 'x'.repeat(101) }); } })"))
                  .value()
                  .acked);
  EXPECT_EQ(request(pop.address(), "front.example").value().status, 413U);
  EXPECT_EQ(pop.metric(R"(isopop_pop_worker_limit_breaches_total{worker="back",limit="body"})"), 1);
}

TEST(PopSubrequestEnd, APopStopsInOrderWhileOneIsUnderWay) {
  TestControlPlane control;
  PopProcess pop(control.address());
  ASSERT_TRUE(control.wait_connected());
  const auto deploy = [&control](const std::string& name, const std::string& body) {
    return control.deploy(make_worker(name, 1, "export default { async fetch() {" + body + "} }"));
  };
  ASSERT_TRUE(deploy("slow", kSlow).ok());
  ASSERT_TRUE(deploy("front", "await fetch('http://slow.isopop.test/');").ok());
  RawClient client(pop.address());
  ASSERT_TRUE(client.send("GET / HTTP/1.1\r\nhost: front.example\r\n\r\n"));
  ASSERT_TRUE(test::wait_until([&pop] { return is_asked(pop); }));
  const std::optional<ExitStatus> status = pop.stop(SIGTERM);
  ASSERT_TRUE(status.has_value());
  EXPECT_TRUE(status->success()) << status->describe() << "\n" << pop.log();
}

TEST(PopSubrequestFaults, AnExecutorThatAsksTooMuchIsEndedWithAllThatItAsked) {
  TestControlPlane control;
  PopProcess pop(control.address(), {.executor = scripted_executor()});
  ASSERT_TRUE(control.wait_connected());
  ASSERT_TRUE(control.deploy(make_worker("greedy", 1, "greedy http://held.isopop.test/")).ok());
  const std::string never = (pop.state() / "never").string();
  ASSERT_TRUE(control.deploy(make_worker("held", 1, "hold " + never)).ok());
  const Result<RawResponse> answer = request(pop.address(), "greedy.example");
  ASSERT_TRUE(answer.ok()) << answer.error().message;
  EXPECT_EQ(answer.value().status, 500U);
  EXPECT_NE(pop.log().find("too many subrequests at a time"), std::string::npos) << pop.log();
  EXPECT_TRUE(test::wait_until(
      [&pop] { return pop.metric(R"(isopop_pop_subrequests_total{outcome="cancelled"})") == 6; }));
}

}  // namespace
}  // namespace isopop::pop
