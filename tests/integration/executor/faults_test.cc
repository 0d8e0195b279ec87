#include <gtest/gtest.h>

#include "tests/integration/executor/executor_client.h"

namespace isopop::test {
namespace {

constexpr char kFaulty[] = R"(import { thrower } from './lib/thrower.js';
export default { async fetch(request) {
  switch (new URL(request.url).pathname) {
    case '/throw': thrower();
    case '/string': throw 'just a string';
    case '/number': return 42;
    case '/nothing': return undefined;
    case '/used': {
      const response = new Response('x');
      await response.text();
      return response;
    }
    case '/error': return Response.error();
    case '/text-stream':
      return new Response(new ReadableStream({ start(c) { c.enqueue('text'); c.close(); } }));
    case '/timer':
      setTimeout(() => { throw new Error('in a timer'); }, 1);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return new Response('went on');
    case '/unhandled':
      Promise.reject(new Error('nobody cares'));
      return new Response('went on');
    case '/symbol': throw Symbol('odd');
    case '/proxy': throw new Proxy({}, { get() { throw new Error('trap'); } });
  }
} };)";

constexpr char kThrower[] = R"(
export function thrower() {
  throw new TypeError('from the library');
})";

class Faults : public testing::TestWithParam<v1::Isolation> {
 protected:
  Faults() {
    const v1::Bundle bundle = make_bundle({{.name = "index.js", .content = kFaulty},
                                           {.name = "lib/thrower.js", .content = kThrower}});
    const v1::Loaded loaded = executor_.load(make_load(bundle, GetParam()));
    EXPECT_TRUE(loaded.ok()) << loaded.ShortDebugString();
  }

  // The failure of a request, which must leave the executor able to go on.
  v1::WorkerFault fault_at(const std::string& path) {
    const Answer answer = executor_.fetch(path);
    EXPECT_TRUE(answer.finished) << answer.describe();
    EXPECT_TRUE(answer.failure) << answer.describe();
    if (!answer.failure) return {};
    EXPECT_EQ(answer.failure->kind(), v1::FAILURE_KIND_EXCEPTION);
    return answer.failure->fault();
  }

  ExecutorClient executor_ = ExecutorClient::start();
};
INSTANTIATE_TEST_SUITE_P(Modes, Faults, testing::ValuesIn(served_modes()), [](const auto& entry) {
  return v1::Isolation_Name(entry.param).substr(sizeof("ISOLATION"));
});

TEST_P(Faults, NamesThePlaceOfAnException) {
  const v1::WorkerFault fault = fault_at("/throw");
  EXPECT_EQ(fault.module(), "lib/thrower.js");
  EXPECT_EQ(fault.line(), 3U);
  EXPECT_EQ(fault.column(), 9U);
  EXPECT_EQ(fault.message(), "TypeError: from the library");
  EXPECT_NE(fault.stack().find("index.js:4"), std::string::npos) << fault.stack();
}

TEST_P(Faults, ReportsWhateverIsThrown) {
  EXPECT_EQ(fault_at("/string").message(), "just a string");
  EXPECT_EQ(fault_at("/symbol").message(), "Symbol(odd)");
  EXPECT_FALSE(fault_at("/proxy").message().empty());
}

TEST_P(Faults, RefusesWhatIsNoResponse) {
  for (const char* path : {"/number", "/nothing"}) {
    EXPECT_NE(fault_at(path).message().find("did not return a Response"), std::string::npos);
  }
  EXPECT_NE(fault_at("/error").message().find("Response.error()"), std::string::npos);
}

TEST_P(Faults, RefusesAUsedResponse) {
  EXPECT_NE(fault_at("/used").message().find("already been used"), std::string::npos);
}

TEST_P(Faults, RefusesAStreamOfText) {
  EXPECT_NE(fault_at("/text-stream").message().find("TextEncoderStream"), std::string::npos);
}

TEST_P(Faults, LogsErrorsThatNobodyHandles) {
  for (const char* path : {"/timer", "/unhandled"}) {
    const Answer answer = executor_.fetch(path);
    EXPECT_EQ(answer.body, "went on") << answer.describe();
    ASSERT_EQ(answer.logs.size(), 1U) << path;
    EXPECT_EQ(answer.logs[0].level(), "error");
    EXPECT_NE(answer.logs[0].text().find("Uncaught"), std::string::npos);
  }
}

TEST(Console, WritesWhatAPersonCanRead) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor
                  .load(make_load(R"(export default { fetch() {
    class Place { constructor() { this.name = "it's"; this.self = this; } }
    console.log('%s has %d', 'it', 4.5, { a: [1, 'two', { b: { c: { d: 1 } } }] });
    console.info(new Place(), new Map([['k', new Set([1])]]), new Headers({ a: 'b' }));
    console.warn([undefined, null, -0, 10n, Symbol('s')], new Uint8Array(2), () => 1);
    console.group('outer');
    console.debug('inner\nlines');
    console.groupEnd();
    console.error(new URL('http://a.example/'), new Date(0), /x/g);
    return new Response('');
  } };)"))
                  .ok());
  const Answer answer = executor.fetch();
  const std::pair<const char*, const char*> expected[] = {
      {"log", "it has 4.5 { a: [ 1, 'two', { b: [Object] } ] }"},
      {"info",
       "Place { name: \"it's\", self: [Circular *1] } Map(1) { 'k' => Set(1) { 1 } } "
       "Headers { 'a' => 'b' }"},
      {"warn",
       "[ undefined, null, -0, 10n, Symbol(s) ] Uint8Array(2) [ 0, 0 ] [Function (anonymous)]"},
      {"log", "outer"},
      {"debug", "  inner\n  lines"},
      {"error", "'http://a.example/' 1970-01-01T00:00:00.000Z /x/g"},
  };
  ASSERT_EQ(answer.logs.size(), std::size(expected)) << answer.describe();
  for (std::size_t i = 0; i < std::size(expected); ++i) {
    EXPECT_EQ(answer.logs[i].level(), expected[i].first);
    EXPECT_EQ(answer.logs[i].text(), expected[i].second);
  }
}

TEST(TopLevel, IsRefusedWithItsPlace) {
  ExecutorClient executor = ExecutorClient::start();
  const v1::Loaded loaded = executor.load(make_load("\n\nnull.x;\nexport default { fetch() {} };"));
  EXPECT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.fault().module(), "index.js");
  EXPECT_EQ(loaded.fault().line(), 3U);
  EXPECT_NE(loaded.fault().message().find("TypeError"), std::string::npos);
}

TEST(TopLevel, ThatFailsOnlyLaterIsTold) {
  // Nothing but chance differs from one top level to the next: here half of them fail.
  const v1::Load load = make_load(
      "if (Math.random() < 0.5) throw new Error('by chance');\n"
      "export default { fetch() { return new Response('x'); } };",
      v1::ISOLATION_FRESH);
  constexpr int kTries = 64;
  for (int i = 0; i < kTries; ++i) {
    ExecutorClient executor = ExecutorClient::start();
    if (!executor.load(load).ok()) continue;
    for (int n = 0; n < kTries; ++n) {
      const Answer answer = executor.fetch();
      ASSERT_TRUE(answer.finished) << answer.describe();
      if (!answer.failure) continue;
      EXPECT_EQ(answer.failure->kind(), v1::FAILURE_KIND_LOAD);
      return;
    }
  }
  ADD_FAILURE() << "no top level failed after one that did not";
}

}  // namespace
}  // namespace isopop::test
