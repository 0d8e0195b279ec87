#include <gtest/gtest.h>

#include "pop_node/executor/exit_codes.h"
#include "tests/integration/executor/executor_client.h"

namespace isopop::test {
namespace {

// One path for each way to misbehave.
constexpr char kHostile[] = R"(function spin() {
  for (;;) {}
}
export default { async fetch(request) {
  switch (new URL(request.url).pathname) {
    case '/spin':
      spin();
    case '/microtasks': {
      const again = () => { Promise.resolve().then(again); };
      again();
      await new Promise(() => {});
    }
    case '/regexp':
      /^(a+)+$/.test('a'.repeat(64) + 'b');
      return new Response('done');
    case '/heap': {
      const hoard = [];
      for (;;) hoard.push(new Array(1000).fill(hoard.length));
    }
    case '/bigarray': {
      const hoard = [];
      for (;;) hoard.push(new Array(30000000).fill(1));
    }
    case '/buffer-uncaught':
      return new Response(new Uint8Array(1 << 30));
    case '/buffer':
      try {
        const hoard = [];
        for (;;) hoard.push(new Uint8Array(1 << 20).fill(1));
      } catch (error) {
        return new Response(error.name);
      }
    case '/hang':
      await new Promise(() => {});
    case '/sleep':
      await new Promise((resolve) => setTimeout(resolve, 600000));
    case '/recurse': {
      const deeper = () => deeper() + 1;
      try { deeper(); } catch (error) { return new Response(error.name); }
    }
    default:
      return new Response('fine');
  }
} };)";

v1::Load hostile(v1::Isolation isolation) {
  v1::Load load = make_load(kHostile, isolation);
  load.mutable_limits()->set_cpu_ms(50);
  load.mutable_limits()->set_heap_mib(32);
  return load;
}

class Limits : public testing::TestWithParam<v1::Isolation> {};
INSTANTIATE_TEST_SUITE_P(Modes, Limits, testing::ValuesIn(served_modes()), [](const auto& entry) {
  return v1::Isolation_Name(entry.param).substr(sizeof("ISOLATION"));
});

TEST_P(Limits, StopsEndlessCode) {
  for (const char* path : {"/spin", "/microtasks", "/regexp"}) {
    SCOPED_TRACE(path);
    ExecutorClient executor = ExecutorClient::start();
    ASSERT_TRUE(executor.load(hostile(GetParam())).ok());
    const Answer answer = executor.fetch(path);
    ASSERT_TRUE(answer.failure && answer.finished) << answer.describe();
    EXPECT_EQ(answer.failure->kind(), v1::FAILURE_KIND_CPU_LIMIT);
    EXPECT_GE(answer.finished->cpu_us(), 50'000U);
  }
}

TEST_P(Limits, NamesThePlaceOfAnEndlessLoop) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor.load(hostile(GetParam())).ok());
  const Answer answer = executor.fetch("/spin");
  ASSERT_TRUE(answer.failure) << answer.describe();
  EXPECT_EQ(answer.failure->fault().module(), "index.js");
  EXPECT_EQ(answer.failure->fault().line(), 2U);
  EXPECT_NE(answer.failure->fault().message().find("50 ms"), std::string::npos);
}

TEST_P(Limits, SaysThatTheMemoryIsUsedUpAndExits) {
  for (const char* path : {"/heap", "/bigarray"}) {
    SCOPED_TRACE(path);
    v1::Load load = hostile(GetParam());
    load.mutable_limits()->set_cpu_ms(10'000);
    ExecutorClient executor = ExecutorClient::start();
    ASSERT_TRUE(executor.load(load).ok());
    const Answer answer = executor.fetch(path);
    ASSERT_TRUE(answer.failure && answer.finished) << answer.describe();
    EXPECT_EQ(answer.failure->kind(), v1::FAILURE_KIND_MEMORY_LIMIT);
    EXPECT_FALSE(executor.next());
    const std::optional<ExitStatus> status = executor.wait_exit();
    ASSERT_TRUE(status);
    EXPECT_EQ(status->signal, 0) << status->describe();
    EXPECT_EQ(status->code, executor::kExitMemoryLimit);
  }
}

TEST_P(Limits, TellsTheLimitWhenNobodyCatchesThatABufferWasRefused) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor.load(hostile(GetParam())).ok());
  const Answer answer = executor.fetch("/buffer-uncaught");
  ASSERT_TRUE(answer.failure && answer.finished) << answer.describe();
  EXPECT_EQ(answer.failure->kind(), v1::FAILURE_KIND_MEMORY_LIMIT);
}

TEST_P(Limits, BoundsBuffersOutsideOfTheHeap) {
  v1::Load load = hostile(GetParam());
  load.mutable_limits()->set_cpu_ms(10'000);
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor.load(load).ok());
  EXPECT_EQ(executor.fetch("/buffer").body, "RangeError");
}

TEST_P(Limits, SurvivesEndlessRecursion) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor.load(hostile(GetParam())).ok());
  EXPECT_EQ(executor.fetch("/recurse").body, "RangeError");
  EXPECT_EQ(executor.fetch("/").body, "fine");
}

TEST_P(Limits, EndsARequestThatTakesTooLong) {
  v1::Load load = hostile(GetParam());
  load.mutable_limits()->set_wall_ms(60);
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor.load(load).ok());
  const Answer answer = executor.fetch("/sleep");
  ASSERT_TRUE(answer.failure && answer.finished) << answer.describe();
  EXPECT_EQ(answer.failure->kind(), v1::FAILURE_KIND_WALL_LIMIT);
  EXPECT_EQ(executor.fetch("/").body, "fine");
}

TEST_P(Limits, EndsARequestThatWouldNeverAnswer) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor.load(hostile(GetParam())).ok());
  const Answer answer = executor.fetch("/hang");
  ASSERT_TRUE(answer.failure && answer.finished) << answer.describe();
  EXPECT_EQ(answer.failure->kind(), v1::FAILURE_KIND_EXCEPTION);
  EXPECT_NE(answer.failure->fault().message().find("never answer"), std::string::npos);
  EXPECT_EQ(executor.fetch("/").body, "fine");
}

TEST_P(Limits, HoldWhenBuiltinsAreReplaced) {
  // Each line breaks what the runtime is built on; the executor may fail the request, no more.
  const char* const sabotages[] = {
      "globalThis.String = () => 5;",
      "globalThis.Number = () => ({});",
      "globalThis.Boolean = () => 'x';",
      "globalThis.Promise = class { constructor() {} then() {} };",
      "Promise.prototype.then = function () { return 1; };",
      "Array.prototype.push = () => { throw 1; };",
      "Array.prototype[Symbol.iterator] = () => 7;",
      "String.prototype.toLowerCase = () => 5;",
      "String.prototype.replace = () => ({});",
      "RegExp.prototype.test = () => true;",
      "Map.prototype.get = () => 3;",
      "Map.prototype.delete = () => { for (;;) {} };",
      "Map.prototype.set = () => { throw null; };",
      "Uint8Array.prototype.slice = () => 'text';",
      "Object.getOwnPropertyDescriptor = () => { throw new Proxy({}, {}); };",
      "Error.prepareStackTrace = () => { for (;;) {} };",
      "Object.defineProperty(Object.prototype, 'status', { get() { return 1e9; } });",
  };
  for (const char* const sabotage : sabotages) {
    SCOPED_TRACE(sabotage);
    v1::Load load = make_load(std::string(R"(export default { async fetch(request) {
      )") + sabotage + R"(
      setTimeout(() => {}, 10);
      const headers = new Headers({ a: 'b', 'set-cookie': 'c' });
      console.log('%s', headers, new TextDecoder().decode(new TextEncoder().encode('x')));
      crypto.getRandomValues(new Uint8Array(4));
      if (request.method === 'PUT') throw new Error('planned');
      return new Response(new Response('text').body, { headers });
    } };)",
                              GetParam());
    load.mutable_limits()->set_cpu_ms(100);
    load.mutable_limits()->set_wall_ms(2'000);
    for (const char* method : {"GET", "PUT"}) {
      ExecutorClient executor = ExecutorClient::start();
      ASSERT_TRUE(executor.load(load).ok());
      v1::RequestHead request = make_request(1);
      request.set_method(method);
      const Answer answer = executor.fetch(request);
      EXPECT_TRUE(answer.finished) << answer.describe();
      EXPECT_TRUE(answer.head || answer.failure) << answer.describe();
      executor.close();
      const std::optional<ExitStatus> status = executor.wait_exit();
      ASSERT_TRUE(status);
      EXPECT_EQ(status->signal, 0) << status->describe();
    }
  }
}

TEST(FreshMode, GoesOnAfterTheCpuLimit) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor.load(hostile(v1::ISOLATION_FRESH)).ok());
  ASSERT_TRUE(executor.fetch("/spin").failure);
  EXPECT_EQ(executor.fetch("/").body, "fine");
}

TEST(WarmMode, TellsEveryRequestAndExitsAfterTheCpuLimit) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor.load(hostile(v1::ISOLATION_WARM)).ok());
  executor.send_request(make_request(1, "/sleep"));
  executor.send_request(make_request(2, "/spin"));
  std::optional<v1::Failure> innocent;
  std::optional<v1::Failure> guilty;
  int finished = 0;
  while (const std::optional<v1::Frame> frame = executor.next()) {
    if (frame->has_failure()) (frame->failure().id() == 1 ? innocent : guilty) = frame->failure();
    if (frame->has_finished()) ++finished;
  }
  EXPECT_EQ(finished, 2);
  ASSERT_TRUE(innocent && guilty);
  EXPECT_EQ(guilty->kind(), v1::FAILURE_KIND_CPU_LIMIT);
  EXPECT_EQ(innocent->kind(), v1::FAILURE_KIND_EXCEPTION);
  const std::optional<ExitStatus> status = executor.wait_exit();
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, executor::kExitCpuLimit) << status->describe();
}

TEST(WarmMode, CountsTheCpuTimeOfARequestOverAllItsTurns) {
  ExecutorClient executor = ExecutorClient::start();
  v1::Load load = make_load(R"(export default { async fetch() {
  for (let i = 0; i < 200; ++i) {
    let x = 0;
    for (let j = 0; j < 3000000; ++j) x += j;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return new Response('got away with it');
} };)",
                            v1::ISOLATION_WARM);
  load.mutable_limits()->set_cpu_ms(50);
  ASSERT_TRUE(executor.load(load).ok());
  const Answer answer = executor.fetch();
  ASSERT_TRUE(answer.failure) << answer.describe();
  EXPECT_EQ(answer.failure->kind(), v1::FAILURE_KIND_CPU_LIMIT);
}

}  // namespace
}  // namespace isopop::test
