#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "common/files/files.h"
#include "tests/integration/executor/executor_client.h"

namespace isopop::test {
namespace {

constexpr char kHello[] = R"(export default {
  async fetch(request, env, ctx) {
    return new Response(`Hello from ${request.cf.colo}`);
  },
};)";

// Counts in module state, and tells what it counts.
constexpr char kCounter[] = R"(let count = 0;
export default { fetch() { count += 1; return new Response(String(count)); } };)";

class EachMode : public testing::TestWithParam<v1::Isolation> {};
INSTANTIATE_TEST_SUITE_P(Modes, EachMode, testing::ValuesIn(served_modes()), [](const auto& entry) {
  return v1::Isolation_Name(entry.param).substr(sizeof("ISOLATION"));
});

TEST_P(EachMode, AnswersARequest) {
  ExecutorClient executor = ExecutorClient::start();
  const v1::Loaded loaded = executor.load(make_load(kHello, GetParam()));
  ASSERT_TRUE(loaded.ok()) << loaded.ShortDebugString();
  EXPECT_GT(loaded.compile_us(), 0U);

  const Answer answer = executor.fetch();

  ASSERT_TRUE(answer.finished && answer.head) << answer.describe();
  EXPECT_EQ(answer.head->status(), 200U);
  EXPECT_EQ(answer.body, "Hello from AMS");
  EXPECT_TRUE(answer.body_complete);
  EXPECT_EQ(answer.header("content-type"), "text/plain;charset=UTF-8");
}

TEST_P(EachMode, TellsTheTimeOfMakingTheIsolateOnlyWhenOneWasMade) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor.load(make_load(kHello, GetParam())).ok());
  const Answer answer = executor.fetch();
  ASSERT_TRUE(answer.head) << answer.describe();
  EXPECT_EQ(answer.head->times().isolate_us() > 0, GetParam() == v1::ISOLATION_FRESH);
  EXPECT_GT(answer.head->times().run_us(), 0U);
}

TEST_P(EachMode, EndsWithTheConnection) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor.load(make_load(kHello, GetParam())).ok());
  executor.close();
  const std::optional<ExitStatus> status = executor.wait_exit();
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->success()) << status->describe();
}

TEST_P(EachMode, AnswersWhatIsInFlightBeforeShutdown) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor
                  .load(make_load(R"(export default { async fetch() {
    await new Promise((resolve) => setTimeout(resolve, 30));
    return new Response('late');
  } };)",
                                  GetParam()))
                  .ok());
  executor.send_request(make_request(1));
  v1::Frame shutdown;
  shutdown.mutable_shutdown();
  executor.send(shutdown);

  EXPECT_EQ(executor.answer_of(1).body, "late");
  EXPECT_FALSE(executor.next());
  const std::optional<ExitStatus> status = executor.wait_exit();
  ASSERT_TRUE(status);
  EXPECT_TRUE(status->success()) << status->describe();
}

TEST_P(EachMode, GivesVariablesAndContext) {
  v1::Load load = make_load(R"(export default { fetch(request, env, ctx) {
    ctx.passThroughOnException();
    return Response.json([env.GREETING, env.LIST.b[1], typeof ctx.waitUntil]);
  } };)",
                            GetParam());
  v1::WorkerSettings& settings = *load.mutable_version()->mutable_settings();
  v1::Variable& text = *settings.add_variables();
  text.set_name("GREETING");
  text.set_text("héllo");
  v1::Variable& json = *settings.add_variables();
  json.set_name("LIST");
  json.set_json(R"({"b":[1,2]})");
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor.load(load).ok());
  EXPECT_EQ(executor.fetch().body, R"(["héllo",2,"function"])");
}

TEST_P(EachMode, FinishesAfterWhatWaitUntilWaitsFor) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor
                  .load(make_load(R"(export default { fetch(request, env, ctx) {
    ctx.waitUntil((async () => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      console.log('afterwards');
    })());
    return new Response('at once');
  } };)",
                                  GetParam()))
                  .ok());
  const Answer answer = executor.fetch();
  EXPECT_EQ(answer.body, "at once");
  ASSERT_TRUE(answer.finished);
  ASSERT_EQ(answer.logs.size(), 1U) << "Finished came before the work was done";
  EXPECT_EQ(answer.logs[0].text(), "afterwards");
}

TEST_P(EachMode, EndsACancelledRequest) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor
                  .load(make_load(R"(export default { async fetch(request) {
    request.signal.addEventListener('abort', () => console.log('gone'));
    if (request.url.endsWith('/slow')) {
      await new Promise((resolve) => setTimeout(resolve, 600000));
    }
    return new Response('ok');
  } };)",
                                  GetParam()))
                  .ok());
  executor.send_request(make_request(1, "/slow"));
  executor.send_cancel(1);
  const Answer cancelled = executor.answer_of(1);
  EXPECT_FALSE(cancelled.head);
  EXPECT_TRUE(cancelled.finished) << cancelled.describe();
  ASSERT_EQ(cancelled.logs.size(), 1U);
  EXPECT_EQ(cancelled.logs[0].text(), "gone");
  EXPECT_EQ(executor.fetch().body, "ok");
}

TEST(FreshMode, KeepsNoState) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor.load(make_load(kCounter, v1::ISOLATION_FRESH)).ok());
  for (int i = 0; i < 4; ++i) EXPECT_EQ(executor.fetch().body, "1");
}

TEST(FreshMode, DrawsOtherRandomNumbersEachTime) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor
                  .load(make_load(R"(export default { fetch() {
    return new Response(`${Math.random()} ${crypto.randomUUID()}`);
  } };)",
                                  v1::ISOLATION_FRESH))
                  .ok());
  const std::string first = executor.fetch().body;
  const std::string second = executor.fetch().body;
  EXPECT_NE(first.substr(0, first.find(' ')), second.substr(0, second.find(' ')));
  EXPECT_NE(first.substr(first.find(' ')), second.substr(second.find(' ')));
}

TEST(FreshMode, ServesRequestsOneAfterTheOther) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor
                  .load(make_load(R"(export default { async fetch(request) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    return new Response(request.url.slice(-1));
  } };)",
                                  v1::ISOLATION_FRESH))
                  .ok());
  for (std::uint32_t id = 1; id <= 5; ++id) {
    executor.send_request(make_request(id, "/" + std::to_string(id)));
  }
  std::uint32_t expected = 1;
  while (expected <= 5) {
    const std::optional<v1::Frame> frame = executor.next();
    ASSERT_TRUE(frame);
    if (frame->has_response()) {
      EXPECT_EQ(frame->response().id(), expected);
      EXPECT_EQ(frame->response().body(), std::to_string(expected));
    } else if (frame->has_finished()) {
      EXPECT_EQ(frame->finished().id(), expected);
      ++expected;
    }
  }
}

TEST(FreshMode, CancelsAWaitingRequest) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor
                  .load(make_load(R"(export default { async fetch(request) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    return new Response('ran');
  } };)",
                                  v1::ISOLATION_FRESH))
                  .ok());
  executor.send_request(make_request(1));
  executor.send_request(make_request(2));
  executor.send_cancel(2);
  const Answer cancelled = executor.answer_of(2);
  EXPECT_TRUE(cancelled.finished);
  EXPECT_FALSE(cancelled.head);
  EXPECT_EQ(executor.answer_of(1).body, "ran");
}

TEST(WarmMode, KeepsState) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor.load(make_load(kCounter, v1::ISOLATION_WARM)).ok());
  for (int i = 1; i <= 4; ++i) EXPECT_EQ(executor.fetch().body, std::to_string(i));
}

TEST(WarmMode, RunsFinalizers) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor
                  .load(make_load(R"(let finalized = 0;
const registry = new FinalizationRegistry(() => { finalized += 1; });
export default { async fetch() {
  for (let i = 0; i < 20000; ++i) registry.register({ i, pad: new Array(50) }, i);
  await new Promise((resolve) => setTimeout(resolve, 1));
  return new Response(String(finalized));
} };)",
                                  v1::ISOLATION_WARM))
                  .ok());
  std::string finalized = "0";
  for (int i = 0; i < 100 && finalized == "0"; ++i) finalized = executor.fetch().body;
  EXPECT_NE(finalized, "0") << "what V8 puts off is never done";
}

TEST(WarmMode, HasSeveralRequestsInFlight) {
  ExecutorClient executor = ExecutorClient::start();
  // The first request is answered by what the second one does.
  ASSERT_TRUE(executor
                  .load(make_load(R"(let release;
const gate = new Promise((resolve) => { release = resolve; });
export default { async fetch(request) {
  if (request.url.endsWith('/first')) {
    const timer = setTimeout(() => {}, 10000);
    await gate;
    return new Response('released');
  }
  release();
  return new Response('released it');
} };)",
                                  v1::ISOLATION_WARM))
                  .ok());
  executor.send_request(make_request(1, "/first"));
  executor.send_request(make_request(2, "/second"));
  int finished = 0;
  std::string bodies;
  while (finished < 2) {
    const std::optional<v1::Frame> frame = executor.next();
    ASSERT_TRUE(frame);
    if (frame->has_response()) bodies += frame->response().body() + ";";
    if (frame->has_finished()) ++finished;
  }
  EXPECT_NE(bodies.find("released;"), std::string::npos) << bodies;
  EXPECT_NE(bodies.find("released it;"), std::string::npos) << bodies;
}

class PristineMode : public testing::Test {
 protected:
  void SetUp() override {
    if (!kServesPristine) GTEST_SKIP() << "this build has no checkpoints";
  }
};

TEST_F(PristineMode, KeepsNoState) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor.load(make_load(kCounter, v1::ISOLATION_PRISTINE)).ok());
  for (int i = 0; i < 2000; ++i) ASSERT_EQ(executor.fetch().body, "1");
}

TEST_F(PristineMode, TellsWhatTheLastRestoreDid) {
  ExecutorClient executor = ExecutorClient::start();
  const v1::Loaded loaded = executor.load(make_load(kCounter, v1::ISOLATION_PRISTINE));
  ASSERT_TRUE(loaded.ok());
  EXPECT_GT(loaded.checkpoint_kib(), 0U);
  EXPECT_FALSE(executor.fetch().finished->has_restore());
  const Answer second = executor.fetch();
  ASSERT_TRUE(second.finished->has_restore());
  EXPECT_GT(second.finished->restore().pages_restored(), 0U);
}

TEST_F(PristineMode, DrawsOtherRandomNumbersEachTime) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor
                  .load(make_load(R"(export default { fetch() {
    return new Response(`${Math.random()} ${crypto.randomUUID()}`);
  } };)",
                                  v1::ISOLATION_PRISTINE))
                  .ok());
  const std::string first = executor.fetch().body;
  const std::string second = executor.fetch().body;
  EXPECT_NE(first.substr(0, first.find(' ')), second.substr(0, second.find(' ')));
  EXPECT_NE(first.substr(first.find(' ')), second.substr(second.find(' ')));
}

TEST_F(PristineMode, ForgetsWhatFilledTheHeap) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor
                  .load(make_load(R"(const kept = [];
export default { fetch() {
  const before = kept.length;
  for (let i = 0; i < 100000; ++i) kept.push({ i, text: `number ${i}` });
  kept.push(new Uint8Array(4 << 20).fill(7));
  return new Response(`${before} ${kept.length}`);
} };)",
                                  v1::ISOLATION_PRISTINE))
                  .ok());
  for (int i = 0; i < 20; ++i) ASSERT_EQ(executor.fetch().body, "0 100001") << i;
}

// Private memory of a process in KiB, as far as it is not that of a file.
std::uint64_t anonymous_kib(pid_t pid) {
  const Result<std::string> status = read_file("/proc/" + std::to_string(pid) + "/status");
  EXPECT_TRUE(status.ok());
  const std::size_t at = status.ok() ? status.value().find("RssAnon:") : std::string::npos;
  return at == std::string::npos ? 0 : std::stoull(status.value().substr(at + 8));
}

TEST_F(PristineMode, StaysAsItIsOverManyRequests) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor
                  .load(make_load(R"(let count = 0;
const kept = [];
export default { fetch(request) {
  count += 1;
  // Now and then a request that leaves much more behind than the others.
  if (request.url.endsWith('0')) for (let i = 0; i < 5000; ++i) kept.push({ i });
  return new Response(String(count + kept.length % 5000));
} };)",
                                  v1::ISOLATION_PRISTINE))
                  .ok());
  const auto run = [&executor](int requests) {
    for (int i = 0; i < requests; ++i) {
      ASSERT_EQ(executor.fetch("/" + std::to_string(i)).body, "1");
    }
  };
  run(2000);
  const std::uint64_t early = anonymous_kib(executor.pid());
  run(20'000);
  EXPECT_LT(anonymous_kib(executor.pid()), early + 512);
}

TEST_F(PristineMode, TakesOneRequestAtATime) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor
                  .load(make_load(R"(export default { async fetch() {
    await new Promise((resolve) => setTimeout(resolve, 1000));
    return new Response('');
  } };)",
                                  v1::ISOLATION_PRISTINE))
                  .ok());
  executor.send_request(make_request(1));
  executor.send_request(make_request(2));
  const std::optional<ExitStatus> status = executor.wait_exit();
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 3) << "the PoP broke the contract";
}

}  // namespace
}  // namespace isopop::test
