#include <gtest/gtest.h>

#include "pop_node/executor/exit_codes.h"
#include "tests/integration/executor/executor_client.h"

namespace isopop::test {
namespace {

constexpr char kHello[] = "export default { fetch() { return new Response('hello'); } };";

std::string framed(const v1::Frame& frame) {
  const std::string bytes = frame.SerializeAsString();
  std::string text;
  for (std::size_t i = 0; i < 4; ++i) {
    text.push_back(static_cast<char>((bytes.size() >> (8 * i)) & 0xFFU));
  }
  return text + bytes;
}

// The executor must end with the exit code for a broken contract, not with a crash.
void expect_refused(ExecutorClient& executor) {
  while (executor.next()) {
  }
  const std::optional<ExitStatus> status = executor.wait_exit();
  ASSERT_TRUE(status);
  EXPECT_EQ(status->signal, 0) << status->describe();
  EXPECT_EQ(status->code, executor::kExitContract) << status->describe();
}

ExecutorClient loaded() {
  ExecutorClient executor = ExecutorClient::start();
  EXPECT_TRUE(executor.load(make_load(kHello)).ok());
  return executor;
}

TEST(Wire, RefusesAFrameOfNoLength) {
  ExecutorClient executor = loaded();
  executor.send_raw(std::string(4, '\0'));
  expect_refused(executor);
}

TEST(Wire, RefusesAFrameAboveItsBound) {
  ExecutorClient executor = loaded();
  executor.send_raw(std::string("\x01\x00\x10\x00", 4));  // 1 MiB + 1
  expect_refused(executor);
}

TEST(Wire, RefusesALoadAboveItsBound) {
  ExecutorClient executor = ExecutorClient::start();
  executor.send_raw(std::string("\x01\x00\x00\x04", 4));  // 64 MiB + 1
  expect_refused(executor);
}

TEST(Wire, RefusesBytesThatAreNoFrame) {
  for (const std::string& bytes :
       {std::string("\x04\x00\x00\x00\xFF\xFF\xFF\xFF", 8),     // an endless tag
        std::string("\x04\x00\x00\x00\x12\x7F\x08\x01", 8),     // a request cut short
        std::string("\x03\x00\x00\x00\x10\x08\x01", 7),         // the right tag, another type
        std::string("\x04\x00\x00\x00\x12\x02\x08\x01", 8)}) {  // a request without URL
    ExecutorClient executor = loaded();
    executor.send_raw(bytes);
    expect_refused(executor);
  }
}

TEST(Wire, RefusesAFrameThatOnlyAnExecutorSends) {
  ExecutorClient executor = loaded();
  v1::Frame frame;
  frame.mutable_finished()->set_id(1);
  executor.send(frame);
  expect_refused(executor);
}

TEST(Wire, RefusesARequestBeforeLoad) {
  ExecutorClient executor = ExecutorClient::start();
  executor.send_request(make_request(1));
  expect_refused(executor);
}

TEST(Wire, RefusesASecondLoad) {
  ExecutorClient executor = loaded();
  v1::Frame frame;
  *frame.mutable_load() = make_load(kHello);
  executor.send(frame);
  expect_refused(executor);
}

TEST(Wire, RefusesAnIdThatIsInFlight) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor
                  .load(make_load("export default { async fetch() {"
                                  "await new Promise((r) => setTimeout(r, 60000)); } };"))
                  .ok());
  executor.send_request(make_request(7));
  executor.send_request(make_request(7));
  expect_refused(executor);
}

TEST(Wire, RefusesABodyBeyondItsCredit) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor
                  .load(make_load("export default { async fetch() {"
                                  "await new Promise((r) => setTimeout(r, 60000)); } };"))
                  .ok());
  v1::RequestHead request = make_request(1);
  request.set_has_body(true);
  executor.send_request(request);
  for (int i = 0; i < 5; ++i) executor.send_body(1, std::string(65536, 'x'), false);
  expect_refused(executor);
}

TEST(Wire, RefusesABodyPieceAfterTheLastOne) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor
                  .load(make_load("export default { async fetch() {"
                                  "await new Promise((r) => setTimeout(r, 60000)); } };"))
                  .ok());
  executor.send_request(make_request(1));  // without a body
  executor.send_body(1, "x", true);
  expect_refused(executor);
}

TEST(Wire, TakesFramesInAnyPieces) {
  ExecutorClient executor = loaded();
  std::string bytes;
  for (std::uint32_t id = 1; id <= 3; ++id) {
    v1::Frame frame;
    *frame.mutable_request() = make_request(id);
    bytes += framed(frame);
  }
  // One byte at a time first, the rest at once.
  for (std::size_t i = 0; i < 20; ++i) executor.send_raw(bytes.substr(i, 1));
  executor.send_raw(bytes.substr(20));
  for (std::uint32_t id = 1; id <= 3; ++id) EXPECT_EQ(executor.answer_of(id).body, "hello");
}

TEST(Wire, SkipsFieldsItDoesNotKnow) {
  ExecutorClient executor = loaded();
  v1::Frame frame;
  *frame.mutable_request() = make_request(1);
  std::string inner = frame.request().SerializeAsString();
  inner += std::string("\xF2\x3F\x03xyz", 6);  // field 1022, bytes
  std::string bytes = "\x12";
  std::size_t size = inner.size();
  while (size >= 128) {
    bytes.push_back(static_cast<char>(size % 128 + 128));
    size /= 128;
  }
  bytes.push_back(static_cast<char>(size));
  bytes += inner;
  std::string length;
  for (std::size_t i = 0; i < 4; ++i) {
    length.push_back(static_cast<char>((bytes.size() >> (8 * i)) & 0xFFU));
  }
  executor.send_raw(length + bytes);
  EXPECT_EQ(executor.answer_of(1).body, "hello");
}

TEST(Wire, KeepsHeaderBytesAsTheyAre) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor
                  .load(make_load("export default { fetch(request) { return new Response('', {"
                                  "headers: { 'x-echo': request.headers.get('x-in') } }); } };"))
                  .ok());
  v1::RequestHead request = make_request(1);
  v1::Header& header = *request.add_headers();
  header.set_name("x-in");
  header.set_value("caf\xE9 \xC3\xA9");
  EXPECT_EQ(executor.fetch(request).header("x-echo"), "caf\xE9 \xC3\xA9");
}

TEST(Wire, BoundsTheLogOfARequest) {
  ExecutorClient executor = ExecutorClient::start();
  ASSERT_TRUE(executor
                  .load(make_load("export default { fetch() {"
                                  "for (let i = 0; i < 100; ++i) console.log('x'.repeat(100000));"
                                  "return new Response('ok'); } };"))
                  .ok());
  const Answer answer = executor.fetch();
  std::size_t bytes = 0;
  for (const v1::LogRecord& log : answer.logs) {
    EXPECT_LE(log.text().size(), 16384U);
    bytes += log.text().size();
  }
  EXPECT_LE(bytes, 300'000U);
  ASSERT_FALSE(answer.logs.empty());
  EXPECT_NE(answer.logs.back().text().find("its limit of 256 KiB"), std::string::npos);
}

}  // namespace
}  // namespace isopop::test
