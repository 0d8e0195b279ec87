#include "tests/bench/executor/executor_line.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <initializer_list>
#include <utility>

#include "tests/integration/executor/executor_client.h"

namespace isopop::test {
namespace {

constexpr std::size_t kLengthBytes = 4;
constexpr std::size_t kInputBytes = 1U << 20U;
constexpr timeval kDeadline{.tv_sec = 20, .tv_usec = 0};

std::string framed(const v1::Frame& frame) {
  const std::string bytes = frame.SerializeAsString();
  std::string text;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    text.push_back(static_cast<char>((bytes.size() >> (8 * i)) & 0xFFU));
  }
  return text + bytes;
}

std::size_t frame_length(const char* bytes) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) {
    length |= static_cast<std::size_t>(static_cast<unsigned char>(bytes[i])) << (8 * i);
  }
  return length;
}

std::string browser_request() {
  v1::Frame frame;
  v1::RequestHead& request = *frame.mutable_request();
  request = make_request(1, "/");
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {"host", "hello.example"},
           {"user-agent", "Mozilla/5.0 (X11; Linux)"},
           {"accept", "*/*"},
           {"accept-encoding", "gzip, br"},
           {"accept-language", "en"},
           {"x-forwarded-for", "192.0.2.1"}}) {
    v1::Header& header = *request.add_headers();
    header.set_name(name);
    header.set_value(value);
  }
  return framed(frame);
}

double us_between(Instant from, Instant to) {
  return std::chrono::duration<double, std::micro>(to - from).count();
}

}  // namespace

ExecutorLine::ExecutorLine(UniqueFd socket, const Clock& clock)
    : socket_(std::move(socket)),
      clock_(clock),
      request_(browser_request()),
      input_(kInputBytes, '\0') {
  setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &kDeadline, sizeof kDeadline);
}

Result<void> ExecutorLine::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno_error("write to the executor", errno);
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

Result<void> ExecutorLine::read_to(v1::Frame::FrameCase kind) {
  // A frame of one field begins with that field's tag: its number and 2, "bytes follow".
  const auto tag = static_cast<unsigned char>((static_cast<unsigned>(kind) << 3U) | 2U);
  std::size_t at = 0;
  got_ = 0;
  taken_ = 0;
  while (true) {
    while (got_ - at > kLengthBytes) {
      const std::size_t end = at + kLengthBytes + frame_length(input_.data() + at);
      if (end > input_.size()) return internal_error("the executor's frame is too long");
      if (end > got_) break;
      if (static_cast<unsigned char>(input_[at + kLengthBytes]) == tag) return {};
      at = end;
    }
    const ssize_t got = recv(socket_.get(), input_.data() + got_, input_.size() - got_, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read from the executor", errno);
    if (got == 0) return unavailable("the executor has closed");
    got_ += static_cast<std::size_t>(got);
  }
}

Result<v1::Frame> ExecutorLine::take_frame() {
  const std::size_t length = frame_length(input_.data() + taken_);
  v1::Frame frame;
  if (!frame.ParseFromArray(input_.data() + taken_ + kLengthBytes, static_cast<int>(length))) {
    return internal_error("the executor sent something that is not a Frame");
  }
  taken_ += kLengthBytes + length;
  return frame;
}

Result<ExecutorLine::Load> ExecutorLine::load(const v1::Load& load) {
  v1::Frame frame;
  *frame.mutable_load() = load;
  const std::string bytes = framed(frame);
  const Instant start = clock_.now();
  ISOPOP_TRY(send(bytes));
  ISOPOP_TRY(read_to(v1::Frame::kLoaded));
  Load done{.round_trip_us = us_between(start, clock_.now()), .loaded = {}};
  while (!done.loaded.ok()) {
    ISOPOP_TRY_ASSIGN(const v1::Frame answer, take_frame());
    if (answer.has_loaded() && !answer.loaded().ok()) {
      return internal_error("the worker does not load: " + answer.ShortDebugString());
    }
    if (answer.has_loaded()) done.loaded = answer.loaded();
  }
  return done;
}

Result<ExecutorLine::Reply> ExecutorLine::request() {
  const Instant start = clock_.now();
  ISOPOP_TRY(send(request_));
  ISOPOP_TRY(read_to(v1::Frame::kFinished));
  Reply reply{.round_trip_us = us_between(start, clock_.now()), .body_bytes = 0, .finished = {}};
  std::uint32_t status = 0;
  while (taken_ < got_) {
    ISOPOP_TRY_ASSIGN(const v1::Frame frame, take_frame());
    if (frame.has_failure()) return internal_error(frame.ShortDebugString());
    if (frame.has_response()) status = frame.response().status();
    reply.body_bytes += frame.response().body().size() + frame.response_body().data().size();
    if (frame.has_finished()) reply.finished = frame.finished();
  }
  if (status != 200 || reply.body_bytes == 0) {
    return internal_error(fmt::format("status {}, {} bytes", status, reply.body_bytes));
  }
  return reply;
}

}  // namespace isopop::test
