// fetch() in a worker, with the test as the PoP that answers.

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "tests/integration/executor/executor_client.h"

namespace isopop::test {
namespace {

constexpr std::size_t kWindow = 256U << 10U;
constexpr std::size_t kPiece = 64U << 10U;

// What a worker asked, whole.
struct Asked {
  std::uint32_t id = 0;
  std::string method;
  std::string url;
  std::map<std::string, std::string> headers;
  std::string body;
};

// What the test says to it.
struct Said {
  unsigned status = 200;
  std::map<std::string, std::string> headers = {};
  std::string body = {};
  std::string failure = {};  // instead of an answer
  bool breaks_off = false;   // after the body that there is
};

using Answerer = std::function<Said(const Asked&)>;

// Plays the PoP for one request until it is finished.
class Pop {
 public:
  Pop(ExecutorClient& executor, Answerer answerer)
      : executor_(executor), answerer_(std::move(answerer)) {}

  Answer serve(const v1::RequestHead& request) {
    parent_ = request.id();
    executor_.send_request(request);
    Answer answer;
    while (!answer.finished) {
      const std::optional<v1::Frame> frame = executor_.next();
      if (!frame) break;
      if (frame->has_subrequest()) take(frame->subrequest());
      if (frame->has_response()) answer.head = frame->response();
      if (frame->has_failure()) answer.failure = frame->failure();
      if (frame->has_finished()) answer.finished = frame->finished();
      const std::string& data =
          frame->has_response() ? frame->response().body() : frame->response_body().data();
      answer.body += data;
      if (!data.empty()) executor_.send_credit(parent_, static_cast<std::uint32_t>(data.size()));
    }
    return answer;
  }

  std::vector<Asked> asked;  // in order
  std::set<std::uint32_t> cancelled;

 private:
  struct Open {
    Asked asked;
    bool is_whole = false;
    std::string unsent;  // of the answer's body
    std::size_t window = kWindow;
    bool breaks_off = false;
  };

  void take(const v1::Subrequest& part) {
    if (part.parent() != parent_) return;  // of a request that was over
    if (part.has_head()) {
      Open& open = open_[part.id()];
      open.asked.id = part.id();
      open.asked.method = part.head().method();
      open.asked.url = part.head().url();
      for (const v1::Header& header : part.head().headers()) {
        open.asked.headers[header.name()] = header.value();
      }
      open.is_whole = !part.head().has_body();
    } else if (part.has_body()) {
      open_.at(part.id()).asked.body += part.body().data();
      open_.at(part.id()).is_whole = part.body().last();
    } else if (part.cancelled()) {
      cancelled.insert(part.id());
      open_.erase(part.id());
      return;
    } else {
      const auto found = open_.find(part.id());
      if (found != open_.end()) found->second.window += part.credit();
      send_body(part.id());
      return;
    }
    if (open_.at(part.id()).is_whole) answer(part.id());
  }

  void answer(std::uint32_t id) {
    asked.push_back(open_.at(id).asked);
    const Said said = answerer_(open_.at(id).asked);
    if (said.status == 0) return;  // silence
    v1::Frame frame;
    v1::Subresponse& answer = part_of(frame, id);
    if (!said.failure.empty()) {
      answer.set_failure(said.failure);
      open_.erase(id);
      executor_.send(frame);
      return;
    }
    answer.mutable_head()->set_status(said.status);
    for (const auto& [name, value] : said.headers) {
      v1::Header& header = *answer.mutable_head()->add_headers();
      header.set_name(name);
      header.set_value(value);
    }
    answer.mutable_head()->set_body_complete(said.body.empty() && !said.breaks_off);
    executor_.send(frame);
    open_.at(id).unsent = said.body;
    open_.at(id).breaks_off = said.breaks_off;
    if (said.body.empty() && !said.breaks_off) open_.erase(id);
    send_body(id);
  }

  void send_body(std::uint32_t id) {
    const auto found = open_.find(id);
    if (found == open_.end()) return;
    Open& open = found->second;
    while (!open.unsent.empty() && open.window > 0) {
      const std::size_t bytes = std::min({kPiece, open.window, open.unsent.size()});
      v1::Frame frame;
      v1::BodyChunk& chunk = *part_of(frame, id).mutable_body();
      chunk.set_data(open.unsent.substr(0, bytes));
      open.unsent.erase(0, bytes);
      open.window -= bytes;
      chunk.set_last(open.unsent.empty() && !open.breaks_off);
      executor_.send(frame);
    }
    if (!open.unsent.empty()) return;
    if (open.breaks_off) {
      v1::Frame frame;
      part_of(frame, id).set_failure("it broke off");
      executor_.send(frame);
    }
    open_.erase(found);
  }

  v1::Subresponse& part_of(v1::Frame& frame, std::uint32_t id) const {
    v1::Subresponse& answer = *frame.mutable_subresponse();
    answer.set_parent(parent_);
    answer.set_id(id);
    return answer;
  }

  ExecutorClient& executor_;
  Answerer answerer_;
  std::uint32_t parent_ = 0;
  std::map<std::uint32_t, Open> open_;
};

ExecutorClient loaded(const std::string& body, v1::Isolation isolation = v1::ISOLATION_WARM,
                      std::uint32_t subrequests = 50) {
  ExecutorClient executor = ExecutorClient::start();
  v1::Load load =
      make_load("export default { async fetch(request, env, ctx) { " + body + " } };", isolation);
  load.mutable_limits()->set_subrequests(subrequests);
  const v1::Loaded answer = executor.load(load);
  EXPECT_TRUE(answer.ok()) << answer.ShortDebugString();
  return executor;
}

const Answerer kEcho = [](const Asked& asked) {
  return Said{.headers = {{"x-from", "there"}}, .body = asked.method + " " + asked.url};
};

class FetchTest : public ::testing::TestWithParam<v1::Isolation> {};
INSTANTIATE_TEST_SUITE_P(Modes, FetchTest, ::testing::ValuesIn(served_modes()));

TEST_P(FetchTest, AsksAndReadsTheAnswer) {
  ExecutorClient executor = loaded(R"(
    const answer = await fetch('http://b.example/x?y#z', { headers: { 'X-To': 'b' } });
    return Response.json([answer.status, answer.ok, answer.url, answer.redirected,
      answer.headers.get('x-from'), await answer.text()]);)",
                                   GetParam());
  Pop pop(executor, kEcho);
  for (std::uint32_t id = 1; id <= 3; ++id) {
    const Answer answer = pop.serve(make_request(id));
    EXPECT_EQ(answer.body,
              R"([200,true,"http://b.example/x?y",false,"there","GET http://b.example/x?y"])")
        << answer.describe();
  }
  ASSERT_EQ(pop.asked.size(), 3U);
  EXPECT_EQ(pop.asked[0].headers.at("x-to"), "b");
}

TEST_P(FetchTest, SendsABodyAndPassesAnAnswerOn) {
  ExecutorClient executor = loaded(
      "return fetch(new Request('https://b.example/', { method: 'PUT', body: 'a'.repeat(200000),"
      " headers: { 'content-type': 'x/y' } }));",
      GetParam());
  Pop pop(executor, [](const Asked& asked) {
    return Said{.status = 201, .headers = {{"x-a", "1"}}, .body = asked.body + "!"};
  });
  const Answer answer = pop.serve(make_request(1));
  ASSERT_TRUE(answer.head) << answer.describe();
  EXPECT_EQ(answer.head->status(), 201U);
  EXPECT_EQ(answer.header("x-a"), "1");
  EXPECT_EQ(answer.body, std::string(200'000, 'a') + "!");
  EXPECT_EQ(pop.asked.at(0).headers.at("content-type"), "x/y");
}

TEST_P(FetchTest, StreamsALargeAnswerUnderCredit) {
  ExecutorClient executor = loaded("return fetch('http://b.example/');", GetParam());
  Pop pop(executor, [](const Asked&) { return Said{.body = std::string(3'000'000, 'x')}; });
  const Answer answer = pop.serve(make_request(1));
  EXPECT_EQ(answer.body.size(), 3'000'000U) << answer.describe();
}

TEST_P(FetchTest, RejectsWithWhatThePopSays) {
  ExecutorClient executor = loaded(R"(
    try { await fetch('http://away.example/'); } catch (error) {
      return new Response(`${error instanceof TypeError} ${error.message}`); })",
                                   GetParam());
  Pop pop(executor, [](const Asked&) { return Said{.failure = "nobody there"}; });
  EXPECT_EQ(pop.serve(make_request(1)).body, "true nobody there");
}

TEST(Fetch, NamesTheLimitWhenThereAreTooMany) {
  ExecutorClient executor = loaded(R"(
    let done = 0;
    try { for (;;) { await fetch('http://b.example/'); ++done; } } catch (error) {
      return new Response(`${done} ${error.message}`); })",
                                   v1::ISOLATION_WARM, 5);
  Pop pop(executor, kEcho);
  const std::string expected = "5 Too many subrequests by a single request: its limit is 5";
  EXPECT_EQ(pop.serve(make_request(1)).body, expected);
  EXPECT_EQ(pop.serve(make_request(2)).body, expected) << "each request has its own";
  EXPECT_EQ(pop.asked.size(), 10U);
}

TEST(Fetch, MayBeManyAtOnce) {
  ExecutorClient executor = loaded(R"(
    const answers = await Promise.all(Array.from({ length: 20 },
      (_, i) => fetch(`http://b.example/${i}`).then((answer) => answer.text())));
    return new Response(String(new Set(answers).size));)");
  Pop pop(executor, kEcho);
  EXPECT_EQ(pop.serve(make_request(1)).body, "20");
}

TEST(Fetch, IsCancelledByItsSignal) {
  ExecutorClient executor = loaded(R"(
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 5);
    try { await fetch('http://b.example/', { signal: controller.signal }); } catch (error) {
      return new Response(error.message); })");
  Pop pop(executor, [](const Asked&) { return Said{.status = 0}; });
  EXPECT_EQ(pop.serve(make_request(1)).body, "enough");
  EXPECT_EQ(pop.cancelled.size(), 1U);
}

TEST(Fetch, FollowsRedirectsAndCountsThem) {
  ExecutorClient executor = loaded(R"(
    const answer = await fetch('http://b.example/start', { method: 'POST', body: 'x',
      headers: { authorization: 'secret', 'content-type': 'a/b' } });
    return Response.json([answer.url, answer.redirected, await answer.text()]);)");
  Pop pop(executor, [](const Asked& asked) {
    if (asked.url.ends_with("/start")) return Said{.status = 303, .headers = {{"location", "/b"}}};
    if (asked.url.ends_with("/b")) {
      return Said{.status = 307, .headers = {{"location", "http://c.example/c"}}};
    }
    return Said{.body = asked.method};
  });
  EXPECT_EQ(pop.serve(make_request(1)).body, R"(["http://c.example/c",true,"GET"])");
  ASSERT_EQ(pop.asked.size(), 3U);
  EXPECT_EQ(pop.asked[1].url, "http://b.example/b");
  EXPECT_EQ(pop.asked[1].method, "GET");
  EXPECT_EQ(pop.asked[1].body, "");
  EXPECT_EQ(pop.asked[1].headers.count("content-type"), 0U);
  EXPECT_EQ(pop.asked[1].headers.at("authorization"), "secret");
  EXPECT_EQ(pop.asked[2].headers.count("authorization"), 0U) << "another origin";
}

TEST(Fetch, DoesWithRedirectsAsItIsTold) {
  ExecutorClient executor = loaded(R"(
    const seen = [];
    const manual = await fetch('http://b.example/', { redirect: 'manual' });
    seen.push(manual.status, manual.headers.get('location'));
    for (const redirect of ['error', 'follow', 'nonsense']) {
      try { await fetch('http://b.example/', { redirect }); } catch (error) {
        seen.push(error instanceof TypeError); }
    }
    return Response.json(seen);)");
  Pop pop(executor,
          [](const Asked&) { return Said{.status = 302, .headers = {{"location", "/again"}}}; });
  EXPECT_EQ(pop.serve(make_request(1)).body, R"([302,"/again",true,true,true])");
  EXPECT_EQ(pop.asked.size(), 1U + 1U + 21U) << "20 redirects are followed";
}

TEST(Fetch, RefusesWhatIsNoRequestToAWorker) {
  ExecutorClient executor = loaded(R"(
    const refused = [];
    for (const url of ['ftp://b.example/', 'data:,x', '/relative', 'http://me:word@b.example/']) {
      try { await fetch(url); } catch (error) { refused.push(error instanceof TypeError); }
    }
    return Response.json(refused);)");
  Pop pop(executor, kEcho);
  EXPECT_EQ(pop.serve(make_request(1)).body, "[true,true,true,true]");
  EXPECT_TRUE(pop.asked.empty());
}

TEST(Fetch, RejectsReadingABodyThatBrokeOff) {
  ExecutorClient executor = loaded(R"(
    const answer = await fetch('http://b.example/');
    try { await answer.text(); } catch (error) { return new Response(error.message); })");
  Pop pop(executor, [](const Asked&) { return Said{.body = "half", .breaks_off = true}; });
  EXPECT_EQ(pop.serve(make_request(1)).body, "it broke off");
}

TEST(Fetch, GoesOnAfterTheAnswerInWaitUntil) {
  ExecutorClient executor = loaded(
      "ctx.waitUntil(fetch('http://b.example/').then((answer) => answer.text()));"
      "return new Response('at once');");
  Pop pop(executor, kEcho);
  const Answer answer = pop.serve(make_request(1));
  EXPECT_EQ(answer.body, "at once");
  EXPECT_EQ(pop.asked.size(), 1U);
  EXPECT_TRUE(answer.finished);
}

TEST(Fetch, ThatCanNeverStartFailsItsRequest) {
  ExecutorClient executor = loaded(R"(
    const answers = [];
    for (let i = 0; i < 7; ++i) answers.push(await fetch('http://b.example/'));
    return new Response('never');)");
  Pop pop(executor, [](const Asked&) { return Said{.body = std::string(1'000'000, 'x')}; });
  const Answer answer = pop.serve(make_request(1));
  ASSERT_TRUE(answer.failure) << answer.describe();
  EXPECT_EQ(answer.failure->kind(), v1::FAILURE_KIND_EXCEPTION);
}

TEST(Fetch, IsNotForTheTopLevel) {
  ExecutorClient executor = ExecutorClient::start();
  const v1::Loaded answer =
      executor.load(make_load("await fetch('http://b.example/'); export default { fetch() {} };"));
  EXPECT_FALSE(answer.ok());
  EXPECT_NE(answer.fault().message().find("not allowed in the top level"), std::string::npos)
      << answer.ShortDebugString();
}

TEST(Fetch, ThatNobodyWaitsForDoesNotHoldItsRequest) {
  ExecutorClient executor = loaded("fetch('http://b.example/'); return new Response('done');");
  Pop pop(executor, [](const Asked&) { return Said{.status = 0}; });
  for (std::uint32_t id = 1; id <= 20; ++id) {
    EXPECT_EQ(pop.serve(make_request(id)).body, "done") << id;
  }
}

}  // namespace
}  // namespace isopop::test
