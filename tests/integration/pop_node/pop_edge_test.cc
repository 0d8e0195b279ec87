// Requests through a real isopop-pop into the real isopop-executor: what an HTTP client and a
// worker see of each other.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/integration/pop_node/pop_process.h"
#include "tests/support/command.h"
#include "tests/support/wait.h"

namespace isopop::pop {
namespace {

class PopEdgeTest : public ::testing::Test {
 protected:
  PopEdgeTest() {
    EXPECT_FALSE(pop_.address().empty()) << pop_.log();
    EXPECT_TRUE(control_.wait_connected());
  }
  void deploy(const std::string& name, const std::string& source,
              v1::Isolation isolation = v1::ISOLATION_FRESH, std::uint64_t number = 1) {
    const auto answer = control_.deploy(make_worker(name, number, source, isolation));
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    ASSERT_TRUE(answer.value().acked) << answer.value().error;
  }
  RawResponse ask(const std::string& name, const std::string& path = "/",
                  const std::string& method = "GET", const std::string& body = "",
                  const std::string& headers = "") {
    const Result<RawResponse> response =
        request(pop_.address(), name + ".example", path, method, body, headers);
    EXPECT_TRUE(response.ok()) << response.error().message << "\n" << pop_.log();
    return response.ok() ? response.value() : RawResponse{};
  }

  TestControlPlane control_;
  PopProcess pop_{control_.address()};
};

TEST_F(PopEdgeTest, AFreshWorkerSeesNothingOfEarlierRequests) {
  deploy("count", "let n = 0; export default { fetch() { return new Response(`${++n}`) } }");
  EXPECT_EQ(ask("count").body, "1");
  const RawResponse second = ask("count");
  EXPECT_EQ(second.body, "1");
  EXPECT_EQ(second.headers.at("isopop-start"), "fresh");
}

TEST_F(PopEdgeTest, AWarmWorkerKeepsItsIsolate) {
  deploy("count", "let n = 0; export default { fetch() { return new Response(`${++n}`) } }",
         v1::ISOLATION_WARM);
  EXPECT_EQ(ask("count").headers.at("isopop-start"), "cold");
  const RawResponse second = ask("count");
  EXPECT_EQ(second.body, "2");
  EXPECT_EQ(second.headers.at("isopop-start"), "warm");
}

TEST_F(PopEdgeTest, TheWorkerSeesTheClientsRequestAndPlace) {
  deploy("see", R"(export default { async fetch(request) {
    return Response.json({ url: request.url, method: request.method, cf: request.cf,
      headers: [...request.headers.keys()], x: request.headers.get('x-one'),
      body: await request.text() });
  } })");
  const RawResponse answer =
      ask("see", "/a%20b?q=1&r", "POST", "some body",
          "x-one: 1\r\nisopop-client-location: 48.86,2.35\r\nisopop-client-city: Paris\r\n"
          "isopop-client-country: FR\r\nisopop-connection: new\r\nconnection: keep-alive, x-hop\r\n"
          "x-hop: 1\r\n");
  EXPECT_EQ(answer.status, 200U) << answer.body << pop_.log();
  for (const std::string expected :
       {R"("url":"http://see.example/a%20b?q=1&r")", R"("method":"POST")", R"("colo":"AMS")",
        R"("city":"Paris")", R"("country":"FR")", R"("x":"1")", R"("body":"some body")"}) {
    EXPECT_NE(answer.body.find(expected), std::string::npos) << expected << "\n" << answer.body;
  }
  for (const std::string hidden : {"isopop-client", "isopop-connection", "x-hop", "keep-alive"}) {
    EXPECT_EQ(answer.body.find(hidden), std::string::npos) << hidden << "\n" << answer.body;
  }
}

TEST_F(PopEdgeTest, AWorkerCannotForgeThePopsHeadersOrTheConnections) {
  deploy("forge", R"(export default { fetch() { return new Response('x', { headers: {
    'isopop-ray': 'forged', 'isopop-start': 'forged', 'server-timing': 'mine;dur=1',
    'x-mine': '1' } }) } })");
  const RawResponse answer = ask("forge");
  EXPECT_NE(answer.headers.at("isopop-ray"), "forged");
  EXPECT_EQ(answer.headers.at("isopop-start"), "cold");
  EXPECT_TRUE(answer.headers.at("server-timing").starts_with("pop;dur="));
  EXPECT_TRUE(answer.headers.at("server-timing").ends_with("mine;dur=1"));
  EXPECT_EQ(answer.headers.at("x-mine"), "1");
}

TEST_F(PopEdgeTest, StreamsALargeBodyThereAndBack) {
  deploy("echo", "export default { fetch(request) { return new Response(request.body) } }");
  std::string body(3 * 1024 * 1024, 'a');
  for (std::size_t i = 0; i < body.size(); ++i) body[i] = static_cast<char>('a' + i % 23);
  const std::string host = "host: echo.example\r\ncontent-length: " + std::to_string(body.size());
  RawClient client(pop_.address());
  // The answer comes while the request is still being sent: more than all buffers and credit hold.
  std::thread sender([&] { client.send("POST / HTTP/1.1\r\n" + host + "\r\n\r\n" + body); });
  const Result<RawResponse> answer = client.read_response();
  sender.join();
  ASSERT_TRUE(answer.ok()) << pop_.log();
  EXPECT_EQ(answer.value().status, 200U);
  EXPECT_TRUE(answer.value().complete);
  EXPECT_TRUE(answer.value().body == body) << answer.value().body.size() << " bytes came back";
}

TEST_F(PopEdgeTest, TakesAChunkedBody) {
  deploy("size", R"(export default { async fetch(request) {
    return new Response(`${(await request.arrayBuffer()).byteLength}`) } })");
  RawClient client(pop_.address());
  client.send("POST / HTTP/1.1\r\nhost: size.example\r\ntransfer-encoding: chunked\r\n\r\n");
  client.send("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n");
  const Result<RawResponse> answer = client.read_response();
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.value().body, "11");
}

TEST_F(PopEdgeTest, HeadAndEmptyStatusesHaveNoBody) {
  deploy("site", R"(export default { fetch(request) {
    const path = new URL(request.url).pathname;
    if (path === '/204') return new Response(null, { status: 204 });
    if (path === '/304') return new Response(null, { status: 304, headers: { etag: '"1"' } });
    return new Response('content');
  } })");
  RawClient client(pop_.address());
  // All on one connection: a stray byte would spoil the next answer.
  const auto on_connection = [&](const std::string& method, const std::string& path) {
    client.send(method + " " + path + " HTTP/1.1\r\nhost: site.example\r\n\r\n");
    const Result<RawResponse> answer = client.read_response(method);
    EXPECT_TRUE(answer.ok()) << method << " " << path;
    return answer.ok() ? answer.value() : RawResponse{};
  };
  EXPECT_EQ(on_connection("HEAD", "/").status, 200U);
  EXPECT_EQ(on_connection("GET", "/204").status, 204U);
  const RawResponse not_modified = on_connection("GET", "/304");
  EXPECT_EQ(not_modified.status, 304U);
  EXPECT_EQ(not_modified.headers.at("etag"), "\"1\"");
  EXPECT_EQ(on_connection("GET", "/").body, "content");
}

TEST_F(PopEdgeTest, ExceptionsAndLimitsHaveTheirCodesAndShowNoStack) {
  deploy("bad", R"(export default { fetch(request) {
    if (new URL(request.url).pathname === '/loop') for (;;);
    throw new Error('secret of the worker');
  } })");
  const RawResponse thrown = ask("bad");
  EXPECT_EQ(thrown.status, 500U);
  EXPECT_TRUE(thrown.body.starts_with("error code: 1101\n")) << thrown.body;
  EXPECT_EQ(thrown.body.find("secret"), std::string::npos);
  EXPECT_NE(thrown.body.find("ray: " + thrown.headers.at("isopop-ray")), std::string::npos);
  const RawResponse limited = ask("bad", "/loop");
  EXPECT_EQ(limited.status, 503U);
  EXPECT_TRUE(limited.body.starts_with("error code: 1102\n")) << limited.body;
  EXPECT_EQ(ask("bad").status, 500U);  // and it goes on
}

TEST_F(PopEdgeTest, UnknownHostsGet404AndWorkersAnswerAtTheirOwnName) {
  deploy("hello", "export default { fetch() { return new Response('hello') } }");
  EXPECT_EQ(request(pop_.address(), "nobody.example").value().status, 404U);
  EXPECT_EQ(request(pop_.address(), "hello.isopop.test").value().body, "hello");
  EXPECT_EQ(request(pop_.address(), "HELLO.isopop.test:8080").value().body, "hello");
}

TEST_F(PopEdgeTest, AGigabyteBodyIsRefusedAtOnce) {
  deploy("size", R"(export default { async fetch(request) {
    return new Response(`${(await request.arrayBuffer()).byteLength}`) } })");
  RawClient client(pop_.address());
  client.send("POST / HTTP/1.1\r\nhost: size.example\r\ncontent-length: 1073741824\r\n\r\n");
  const auto began = std::chrono::steady_clock::now();
  const Result<RawResponse> answer = client.read_response();
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.value().status, 413U);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(5));
  EXPECT_NE(answer.value().body.find("limit of 100 MiB"), std::string::npos) << answer.value().body;
  EXPECT_EQ(pop_.metric("isopop_pop_executors_started_total"), 0);
  EXPECT_EQ(pop_.metric("isopop_pop_worker_limit_breaches_total{worker=\"size\",limit=\"body\"}"),
            1);
}

TEST(PopBodyLimitTest, AWorkerMayTakeMoreThanThePopsDefault) {
  TestControlPlane control;
  const PopProcess pop(control.address(), {.arguments = {"--body-max", "1 KiB"}});
  ASSERT_TRUE(control.wait_connected());
  const std::string source = R"(export default { async fetch(request) {
    return new Response(`${(await request.text()).length}`) } })";
  ASSERT_TRUE(control.deploy(make_worker("usual", 1, source)).value().acked);
  TestWorker large = make_worker("large", 1, source);
  large.version.mutable_settings()->mutable_limits()->set_request_body_bytes(200'000);
  ASSERT_TRUE(control.deploy(large).value().acked);
  const std::string body(150'000, 'x');
  EXPECT_EQ(request(pop.address(), "large.example", "/", "POST", body).value().body, "150000");
  const RawResponse refused =
      request(pop.address(), "usual.example", "/", "POST", body.substr(0, 2'000)).value();
  EXPECT_EQ(refused.status, 413U);
  EXPECT_NE(refused.body.find("limit of 1 KiB"), std::string::npos) << refused.body;
}

TEST_F(PopEdgeTest, AWorkersOwnBodyLimitHoldsForChunkedBodiesToo) {
  TestWorker worker = make_worker("small", 1, R"(export default { async fetch(request) {
    return new Response(`${(await request.arrayBuffer()).byteLength}`) } })");
  worker.version.mutable_settings()->mutable_limits()->set_request_body_bytes(200'000);
  ASSERT_TRUE(control_.deploy(worker).value().acked);
  RawClient client(pop_.address());
  client.send("POST / HTTP/1.1\r\nhost: small.example\r\ntransfer-encoding: chunked\r\n\r\n");
  const std::string chunk = "8000\r\n" + std::string(0x8000, 'x') + "\r\n";
  for (int i = 0; i < 10; ++i) client.send(chunk);
  const Result<RawResponse> answer = client.read_response();
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.value().status, 413U);
}

TEST_F(PopEdgeTest, AThousandHeadersGet431WithARay) {
  deploy("hello", "export default { fetch() { return new Response('hello') } }");
  std::string headers;
  for (int i = 0; i < 1000; ++i) headers += "x-" + std::to_string(i) + ": 1\r\n";
  const RawResponse answer = ask("hello", "/", "GET", "", headers);
  EXPECT_EQ(answer.status, 431U);
  const std::string ray = answer.headers.at("isopop-ray");
  EXPECT_EQ(answer.body, "error code: 431\nthere are too many headers\nray: " + ray + "\n");
}

TEST_F(PopEdgeTest, ASlowBodyTakesNoExecutorAwayFromOthers) {
  deploy("size", R"(export default { async fetch(request) {
    return new Response(`${(await request.arrayBuffer()).byteLength}`) } })");
  EXPECT_EQ(ask("size", "/", "POST", "1234").body, "4");
  std::vector<std::unique_ptr<RawClient>> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(std::make_unique<RawClient>(pop_.address()));
    slow.back()->send("POST / HTTP/1.1\r\nhost: size.example\r\ncontent-length: 1000\r\n\r\nx");
  }
  EXPECT_EQ(ask("size", "/", "POST", "12345").body, "5");
  EXPECT_EQ(pop_.metric("isopop_pop_requests_running"), 0);
}

TEST_F(PopEdgeTest, AClientThatSendsOneByteAtATimeGets408AndOthersFeelNothing) {
  const PopProcess hurried(control_.address(),
                           {.executor = {}, .arguments = {"--head-timeout", "500 ms"}});
  RawClient slow(hurried.address());
  const auto began = std::chrono::steady_clock::now();
  ASSERT_TRUE(slow.send("G"));
  EXPECT_EQ(request(hurried.address(), "nobody.example").value().status, 404U);
  ASSERT_TRUE(slow.send("E"));
  const Result<RawResponse> answer = slow.read_response();
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.value().status, 408U);
  EXPECT_GE(std::chrono::steady_clock::now() - began, std::chrono::milliseconds(400));
}

TEST_F(PopEdgeTest, CurlIsServed) {
  deploy("hello", "export default { fetch() { return new Response('hello curl\\n') } }");
  const test::CommandOutcome curl = test::run_command(
      "/usr/bin/curl", {"--silent", "--show-error", "--fail", "--max-time", "20", "--header",
                        "host: hello.example", "http://" + pop_.address() + "/"});
  EXPECT_TRUE(curl.success()) << curl.describe();
  EXPECT_EQ(curl.output, "hello curl\n");
}

TEST_F(PopEdgeTest, ManyClientsAtOnceAllGetAnAnswer) {
  deploy("hello", "export default { fetch() { return new Response('hello') } }");
  constexpr int kClients = 40;
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.push_back(std::make_unique<RawClient>(pop_.address()));
    clients.back()->send("GET / HTTP/1.1\r\nhost: hello.example\r\n\r\n");
  }
  for (const auto& client : clients) {
    const Result<RawResponse> answer = client->read_response();
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(answer.value().body, "hello");
  }
}

}  // namespace
}  // namespace isopop::pop
