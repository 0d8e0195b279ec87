#include <gtest/gtest.h>

#include <algorithm>

#include "tests/integration/executor/executor_client.h"

namespace isopop::test {
namespace {

constexpr std::size_t kWindow = 256U << 10U;
constexpr std::size_t kPiece = 64U << 10U;

ExecutorClient loaded(const std::string& source, v1::Isolation isolation = v1::ISOLATION_WARM) {
  ExecutorClient executor = ExecutorClient::start();
  const v1::Loaded answer = executor.load(make_load(source, isolation));
  EXPECT_TRUE(answer.ok()) << answer.ShortDebugString();
  return executor;
}

std::string pattern(std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>('a' + i * 7 % 23);
  return text;
}

// Sends `body` as a peer must: never more than 256 KiB beyond what was acknowledged. Returns the
// answer; `unacknowledged_max` becomes the most that was on its way.
Answer upload(ExecutorClient& executor, std::uint32_t id, const std::string& body) {
  v1::RequestHead request = make_request(id);
  request.set_method("POST");
  request.set_has_body(true);
  executor.send_request(request);
  std::size_t sent = 0;
  std::size_t window = kWindow;
  Answer answer;
  while (!answer.finished) {
    while (sent < body.size() && window > 0) {
      const std::size_t bytes = std::min({kPiece, window, body.size() - sent});
      executor.send_body(id, std::string_view(body).substr(sent, bytes),
                         sent + bytes == body.size());
      sent += bytes;
      window -= bytes;
    }
    const std::optional<v1::Frame> frame = executor.next();
    if (!frame) return answer;
    if (frame->has_credit()) window += frame->credit().bytes();
    EXPECT_LE(window, kWindow) << "credit for more than was sent";
    if (frame->has_response()) answer.head = frame->response();
    if (frame->has_response()) answer.body += frame->response().body();
    if (frame->has_response_body()) answer.body += frame->response_body().data();
    const std::size_t got = frame->has_response()        ? frame->response().body().size()
                            : frame->has_response_body() ? frame->response_body().data().size()
                                                         : 0;
    if (got > 0) executor.send_credit(id, static_cast<std::uint32_t>(got));
    if (frame->has_failure()) answer.failure = frame->failure();
    if (frame->has_finished()) answer.finished = frame->finished();
  }
  return answer;
}

constexpr char kCopies[] = R"(export default { fetch(request) {
  return new Response(request.body);
} };)";

TEST(Bodies, AreHandedOverInTheHead) {
  ExecutorClient executor = loaded(R"(export default { async fetch(request) {
    return new Response((await request.text()).toUpperCase(), { headers: { 'x-a': 'b' } });
  } };)");
  v1::RequestHead request = make_request(1);
  request.set_method("POST");
  request.set_has_body(true);
  request.set_body("hello");
  request.set_body_complete(true);
  const Answer answer = executor.fetch(request);
  EXPECT_EQ(answer.body, "HELLO");
  EXPECT_EQ(answer.header("x-a"), "b");
}

TEST(Bodies, StreamThroughAWorkerUnderCredit) {
  for (const v1::Isolation isolation : {v1::ISOLATION_WARM, v1::ISOLATION_FRESH}) {
    ExecutorClient executor = loaded(kCopies, isolation);
    const std::string body = pattern(3 * 1024 * 1024 + 17);
    const Answer answer = upload(executor, 1, body);
    ASSERT_TRUE(answer.finished) << answer.describe();
    EXPECT_EQ(answer.body.size(), body.size());
    EXPECT_TRUE(answer.body == body) << "the bytes differ";
  }
}

TEST(Bodies, AreGatheredByText) {
  ExecutorClient executor = loaded(R"(export default { async fetch(request) {
    return new Response(String((await request.text()).length));
  } };)");
  EXPECT_EQ(upload(executor, 1, pattern(1'000'000)).body, "1000000");
}

TEST(Bodies, AboveThePieceSizeAreSentInPieces) {
  ExecutorClient executor = loaded(R"(export default { fetch() {
    return new Response('0123456789'.repeat(100000));
  } };)");
  const Answer answer = executor.fetch();
  EXPECT_EQ(answer.body.size(), 1'000'000U) << answer.describe();
  EXPECT_TRUE(answer.body_complete);
}

TEST(Bodies, WaitForCredit) {
  ExecutorClient executor = loaded(R"(export default { fetch() {
    let count = 0;
    return new Response(new ReadableStream({
      pull(controller) {
        count += 1;
        if (count > 100) controller.close();
        else controller.enqueue(new Uint8Array(10000).fill(count));
      },
    }));
  } };)");
  executor.send_request(make_request(1));
  std::size_t got = 0;
  while (got < kWindow) {
    const std::optional<v1::Frame> frame = executor.next();
    ASSERT_TRUE(frame);
    got += frame->response_body().data().size();
  }
  EXPECT_EQ(got, kWindow);
  // Without credit nothing more may come: another request is answered first.
  executor.send_request(make_request(2));
  const std::optional<v1::Frame> frame = executor.next();
  ASSERT_TRUE(frame);
  ASSERT_TRUE(frame->has_response()) << frame->ShortDebugString().substr(0, 200);
  EXPECT_EQ(frame->response().id(), 2U);
  executor.send_credit(1, kWindow);
  const Answer rest = executor.answer_of(1);
  EXPECT_EQ(got + rest.body.size(), 1'000'000U);
  EXPECT_TRUE(rest.finished);
}

TEST(Bodies, OfARequestAreNotTakenBeforeSomebodyReads) {
  ExecutorClient executor = loaded(R"(export default { async fetch(request) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    return new Response('not read');
  } };)");
  v1::RequestHead request = make_request(1);
  request.set_method("POST");
  request.set_has_body(true);
  executor.send_request(request);
  executor.send_body(1, pattern(kPiece), false);
  while (const std::optional<v1::Frame> frame = executor.next()) {
    EXPECT_FALSE(frame->has_credit()) << "credit for a body that nobody reads";
    if (frame->has_finished()) break;
  }
  // What was on its way when the request ended is no offence.
  executor.send_body(1, pattern(kPiece), true);
  executor.send_cancel(1);
  executor.send_credit(1, 10);
  EXPECT_EQ(executor.fetch(make_request(2)).body, "not read");
}

TEST(Bodies, TellWhenTheStreamOfAResponseBreaks) {
  ExecutorClient executor = loaded(R"(export default { fetch() {
    let count = 0;
    return new Response(new ReadableStream({
      pull(controller) {
        count += 1;
        if (count > 2) throw new Error('broken in the middle');
        controller.enqueue(new TextEncoder().encode('piece'));
      },
    }));
  } };)");
  const Answer answer = executor.fetch();
  ASSERT_TRUE(answer.head && answer.failure && answer.finished) << answer.describe();
  EXPECT_EQ(answer.body, "piecepiece");
  EXPECT_FALSE(answer.body_complete);
  EXPECT_NE(answer.failure->fault().message().find("broken in the middle"), std::string::npos);
}

TEST(Bodies, CancelTheStreamWhenTheClientIsGone) {
  ExecutorClient executor = loaded(R"(export default { fetch() {
    return new Response(new ReadableStream({
      async pull(controller) {
        await new Promise((resolve) => setTimeout(resolve, 5));
        controller.enqueue(new Uint8Array(10));
      },
      cancel() { console.log('cancelled'); },
    }));
  } };)");
  executor.send_request(make_request(1));
  const std::optional<v1::Frame> head = executor.next();
  ASSERT_TRUE(head && head->has_response());
  executor.send_cancel(1);
  const Answer answer = executor.answer_of(1);
  ASSERT_TRUE(answer.finished);
  ASSERT_EQ(answer.logs.size(), 1U) << answer.describe();
  EXPECT_EQ(answer.logs[0].text(), "cancelled");
}

}  // namespace
}  // namespace isopop::test
