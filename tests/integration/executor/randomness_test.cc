// What must not repeat, though memory does: a million random values from many requests and several
// executors in every mode, and the time.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "tests/integration/executor/executor_client.h"

namespace isopop::test {
namespace {

constexpr std::size_t kNumbers = 800;  // Math.random() in a request
constexpr std::size_t kKeys = 300;     // 16 bytes each of getRandomValues()
constexpr std::size_t kUuids = 100;
constexpr std::size_t kUuidChars = 36;
constexpr int kExecutors = 2;  // of each mode

// Has drawn before the checkpoint, which then holds a generator in the middle of its work.
constexpr char kDraw[] = R"(Math.random();
export default { fetch() {
  const numbers = new Float64Array(800);
  for (let i = 0; i < numbers.length; ++i) numbers[i] = Math.random();
  const keys = crypto.getRandomValues(new Uint8Array(300 * 16));
  let uuids = '';
  for (let i = 0; i < 100; ++i) uuids += crypto.randomUUID();
  const text = new TextEncoder().encode(uuids);
  const all = new Uint8Array(numbers.byteLength + keys.length + text.length);
  all.set(new Uint8Array(numbers.buffer), 0);
  all.set(keys, numbers.byteLength);
  all.set(text, numbers.byteLength + keys.length);
  return new Response(all);
} };)";

// 128 bits: among a million values of which two are the same with a chance of 1.5e-27.
using Value = std::array<std::uint64_t, 2>;

struct Drawn {
  // Two successive values of Math.random(), which has 52 bits: of these alone a million would hold
  // a repetition with a chance of 1 in 9,000, which is too often for a test. A generator whose
  // state is the same as before repeats both.
  std::vector<Value> numbers;
  std::vector<Value> keys;
  std::vector<std::string> uuids;
  std::size_t values = 0;
};

std::vector<std::uint64_t> words_of(std::string_view bytes) {
  std::vector<std::uint64_t> words(bytes.size() / sizeof(std::uint64_t));
  std::memcpy(words.data(), bytes.data(), words.size() * sizeof(std::uint64_t));
  return words;
}

void add(Drawn& drawn, std::string_view body) {
  constexpr std::size_t kNumberBytes = kNumbers * sizeof(double);
  constexpr std::size_t kKeyBytes = kKeys * sizeof(Value);
  ASSERT_EQ(body.size(), kNumberBytes + kKeyBytes + kUuids * kUuidChars);
  const std::vector<std::uint64_t> numbers = words_of(body.substr(0, kNumberBytes));
  for (std::size_t i = 0; i + 1 < numbers.size(); ++i) {
    drawn.numbers.push_back({numbers[i], numbers[i + 1]});
  }
  const std::vector<std::uint64_t> keys = words_of(body.substr(kNumberBytes, kKeyBytes));
  for (std::size_t i = 0; i + 1 < keys.size(); i += 2) {
    drawn.keys.push_back({keys[i], keys[i + 1]});
  }
  for (std::size_t i = 0; i < kUuids; ++i) {
    drawn.uuids.emplace_back(body.substr(kNumberBytes + kKeyBytes + i * kUuidChars, kUuidChars));
  }
  drawn.values += kNumbers + kKeys + kUuids;
}

void draw(Drawn& drawn, v1::Isolation isolation, int requests) {
  for (int i = 0; i < kExecutors; ++i) {
    ExecutorClient executor = ExecutorClient::start();
    ASSERT_TRUE(executor.load(make_load(kDraw, isolation)).ok());
    for (int n = 0; n < requests; ++n) {
      const Answer answer = executor.fetch();
      ASSERT_TRUE(answer.head && answer.finished) << answer.describe();
      ASSERT_NO_FATAL_FAILURE(add(drawn, answer.body));
    }
  }
}

template <typename T>
std::size_t repetitions(std::vector<T>& values) {
  std::sort(values.begin(), values.end());
  const auto distinct = std::unique(values.begin(), values.end());
  return static_cast<std::size_t>(values.end() - distinct);
}

// Key generation is not here yet; it will draw from the same place as getRandomValues().
TEST(Randomness, AMillionValuesFromAllModesHoldNoRepetition) {
  Drawn drawn;
  ASSERT_NO_FATAL_FAILURE(draw(drawn, v1::ISOLATION_PRISTINE, 300));
  ASSERT_NO_FATAL_FAILURE(draw(drawn, v1::ISOLATION_FRESH, 60));
  ASSERT_NO_FATAL_FAILURE(draw(drawn, v1::ISOLATION_WARM, 60));

  EXPECT_GE(drawn.values, 1'000'000U);
  EXPECT_EQ(repetitions(drawn.numbers), 0U) << "Math.random()";
  EXPECT_EQ(repetitions(drawn.keys), 0U) << "crypto.getRandomValues()";
  EXPECT_EQ(repetitions(drawn.uuids), 0U) << "crypto.randomUUID()";
}

// The generator may have a cache of values that a restore would bring back half used.
TEST(Randomness, DoesNotRepeatWhateverWasDrawnBefore) {
  std::set<std::string> seen;
  for (int already_drawn = 0; already_drawn < 70; already_drawn += 23) {
    ExecutorClient executor = ExecutorClient::start();
    const std::string source = "for (let i = 0; i < " + std::to_string(already_drawn) +
                               R"(; ++i) Math.random();
export default { fetch() { return new Response(`${Math.random()} ${Math.random()}`); } };)";
    ASSERT_TRUE(executor.load(make_load(source, v1::ISOLATION_PRISTINE)).ok());
    for (int i = 0; i < 50; ++i) {
      const std::string pair = executor.fetch().body;
      EXPECT_TRUE(seen.insert(pair).second) << pair << " after " << already_drawn;
    }
  }
}

constexpr char kTime[] = R"(const atTopLevel = Date.now();
let asked = 0;
export default { async fetch(request) {
  asked += 1;
  const before = Date.now();
  console.log(`request ${request.url.slice(-1)} at ${before}`);
  console.count();
  await new Promise((resolve) => { setTimeout(resolve, 20); });
  const waited = Date.now() - before >= 19 && performance.now() - before >= 19;
  return Response.json([atTopLevel, before, waited, asked]);
} };)";

class WhatIsNotRestored : public testing::TestWithParam<v1::Isolation> {};
INSTANTIATE_TEST_SUITE_P(Modes, WhatIsNotRestored,
                         testing::Values(v1::ISOLATION_PRISTINE, v1::ISOLATION_FRESH),
                         [](const auto& entry) {
                           return entry.param == v1::ISOLATION_FRESH ? "Fresh" : "Pristine";
                         });

TEST_P(WhatIsNotRestored, TimeMovesOnAndLogsAndFiguresAreOfEachRequest) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor.load(make_load(kTime, GetParam())).ok());
  for (std::uint32_t id = 1; id <= 5; ++id) {
    v1::RequestHead request = make_request(id, "/" + std::to_string(id));
    const std::uint64_t now_ms = 1'795'000'000'000 + id * 3'600'000ULL;
    request.set_wall_time_us(now_ms * 1'000);

    const Answer answer = executor.fetch(request);

    ASSERT_TRUE(answer.finished) << answer.describe();
    EXPECT_EQ(answer.body, "[0," + std::to_string(now_ms) + ",true,1]");
    ASSERT_EQ(answer.logs.size(), 2U) << answer.describe();
    EXPECT_EQ(answer.logs[0].text(),
              "request " + std::to_string(id) + " at " + std::to_string(now_ms));
    EXPECT_EQ(answer.logs[1].text(), "default: 1");
    EXPECT_GT(answer.finished->cpu_us(), 0U);
  }
}

// The order would tell how long the code in between took.
TEST(Time, TimersOfOneTurnCountFromTheSameMoment) {
  ExecutorClient executor = ExecutorClient::start();
  v1::Load load = make_load(R"(export default { async fetch() {
    const order = [];
    const three = new Promise((resolve) => { setTimeout(() => resolve(order.push(3)), 3); });
    for (let i = 0, sum = 0; i < 30000000; ++i) sum += i;
    const one = new Promise((resolve) => { setTimeout(() => resolve(order.push(1)), 1); });
    await Promise.all([three, one]);
    return new Response(order.join());
  } };)",
                            v1::ISOLATION_PRISTINE);
  load.mutable_limits()->set_cpu_ms(2'000);
  ASSERT_TRUE(executor.load(load).ok());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(executor.fetch().body, "1,3");
}

// Its text was waiting to be sent when the checkpoint was taken.
TEST(Logs, OfTheTopLevelAreSentOnceInPristineMode) {
  ExecutorClient executor = ExecutorClient::start();
  v1::Frame load;
  *load.mutable_load() =
      make_load("console.log('top'); export default { fetch() { return new Response('a'); } };",
                v1::ISOLATION_PRISTINE);
  executor.send(load);
  int logs = 0;
  for (std::uint32_t id = 1; id <= 5; ++id) {
    executor.send_request(make_request(id));
    for (bool finished = false; !finished;) {
      const std::optional<v1::Frame> frame = executor.next();
      ASSERT_TRUE(frame);
      logs += frame->has_log() ? 1 : 0;
      finished = frame->has_finished();
    }
  }
  EXPECT_EQ(logs, 1);
}

// What a request may log is counted for each anew, and what it has used is not kept for the next.
TEST_P(WhatIsNotRestored, EachRequestHasTheWholeOfItsLimits) {
  ExecutorClient executor = ExecutorClient::start();
  v1::Load load = make_load(R"(export default { fetch() {
    for (let i = 0, sum = 0; i < 20000000; ++i) sum += i;
    for (let i = 0; i < 1000; ++i) console.log('x'.repeat(1000));
    return new Response('fine');
  } };)",
                            GetParam());
  load.mutable_limits()->set_cpu_ms(2'000);
  ASSERT_TRUE(executor.load(load).ok());
  std::size_t first = 0;
  for (int i = 0; i < 12; ++i) {
    const Answer answer = executor.fetch();
    ASSERT_EQ(answer.body, "fine") << answer.describe();
    std::size_t logged = 0;
    for (const v1::LogRecord& log : answer.logs) logged += log.text().size();
    EXPECT_GT(logged, 100'000U);
    EXPECT_LT(logged, 1'000'000U) << "there is no limit";
    if (first == 0) first = logged;
    EXPECT_EQ(logged, first);
  }
}

}  // namespace
}  // namespace isopop::test
