#include "common/http/client_call.h"

#include <fmt/format.h>

#include <boost/asio/use_awaitable.hpp>
#include <iterator>
#include <utility>

#include "common/result/assert.h"

namespace isopop::http {
namespace {

constexpr std::size_t kPieceBytesMax = 64 * 1024;
constexpr std::size_t kHeadReadBytes = 8 * 1024;
constexpr std::size_t kCopiedBodyBytesMax = 16 * 1024;

Error data_loss(std::string message) {
  return {ErrorCode::kDataLoss, std::move(message)};
}

}  // namespace

ClientCall::Impl::Impl(std::shared_ptr<ClientCore> core,
                       std::unique_ptr<ClientConnection> connection)
    : core_(std::move(core)),
      connection_(std::move(connection)),
      written_before_(connection_->wire.bytes_written()) {
  ++connection_->calls;
}

ClientCall::Impl::~Impl() {
  connection_->wire.clear_read_deadline();
  const bool unused = !failed_ && !request_was_sent() && out_.empty();
  const bool reusable = !failed_ && keep_alive_ && request_whole_ && response_whole_;
  if (unused || reusable) {
    core_->give_back(std::move(connection_));
  } else {
    core_->discard(std::move(connection_));
  }
}

Result<void> ClientCall::Impl::begin(const RequestHead& head, Framing framing) {
  ISOPOP_ASSERT(out_.empty() && !request_whole_, "one request a call");
  ISOPOP_TRY(write_request_head(out_, head, framing, connection_->host));
  framing_ = framing;
  length_left_ = framing.length;
  head_request_ = head.method == "HEAD";
  keep_alive_ = head.keep_alive;
  return {};
}

asio::awaitable<Result<void>> ClientCall::Impl::put(Wire::Pieces pieces) {
  Wire& wire = connection_->wire;
  std::optional<Result<void>> outcome = wire.try_write(pieces);
  if (!outcome) outcome = co_await wire.write(pieces, core_->limits().progress_timeout);
  if (!outcome->ok()) failed_ = true;
  co_return std::move(*outcome);
}

asio::awaitable<Result<void>> ClientCall::Impl::send(const RequestHead& head,
                                                     std::string_view body) {
  const bool says_length = !body.empty() || (head.method != "GET" && head.method != "HEAD");
  ISOPOP_CO_TRY(
      begin(head, Framing{.kind = says_length ? Framing::Kind::kLength : Framing::Kind::kNone,
                          .length = body.size()}));
  if (body.size() <= kCopiedBodyBytesMax) {
    out_.append(body);
    body = {};
  }
  Wire::Pieces pieces{out_, body};
  Result<void> written = co_await put(pieces);
  if (written.ok()) request_is_whole();
  co_return written;
}

Result<void> ClientCall::Impl::start(const RequestHead& head,
                                     std::optional<std::uint64_t> body_length) {
  return begin(head, Framing{.kind = body_length ? Framing::Kind::kLength : Framing::Kind::kChunked,
                             .length = body_length.value_or(0)});
}

asio::awaitable<Result<void>> ClientCall::Impl::write(std::string_view piece) {
  if (piece.empty()) co_return Result<void>();
  const bool chunked = framing_.kind == Framing::Kind::kChunked;
  if (chunked) {
    fmt::format_to(std::back_inserter(out_), "{:x}\r\n", piece.size());
  } else {
    ISOPOP_ASSERT(piece.size() <= length_left_, "the body is longer than announced");
    length_left_ -= piece.size();
  }
  Wire::Pieces pieces{out_, piece, chunked ? "\r\n" : ""};
  Result<void> written = co_await put(pieces);
  out_.clear();
  co_return written;
}

asio::awaitable<Result<void>> ClientCall::Impl::finish_body() {
  ISOPOP_ASSERT(length_left_ == 0, "the body is shorter than announced");
  if (framing_.kind == Framing::Kind::kChunked) out_.append("0\r\n\r\n");
  Wire::Pieces pieces{out_};
  Result<void> written = co_await put(pieces);
  out_.clear();
  if (written.ok()) request_is_whole();
  co_return written;
}

// From here on the server owes an answer.
void ClientCall::Impl::request_is_whole() {
  request_whole_ = true;
  if (awaiting_head_) connection_->wire.set_read_deadline_after(core_->limits().head_timeout);
}

asio::awaitable<Result<ResponseHead>> ClientCall::Impl::read_head() {
  while (true) {
    awaiting_head_ = true;
    if (request_whole_) {
      connection_->wire.set_read_deadline_after(core_->limits().head_timeout);
    }
    Result<ResponseHead> head = co_await read_one_head();
    awaiting_head_ = false;
    connection_->wire.clear_read_deadline();
    if (!head.ok()) {
      failed_ = true;
      co_return head;
    }
    const unsigned status = head.value().status;
    if (status == 101) {
      failed_ = true;
      co_return data_loss("the server switched protocols without being asked");
    }
    if (status >= 200) {
      keep_alive_ = keep_alive_ && parser_->keep_alive();
      response_whole_ = parser_->body_done();
      co_return head;
    }
  }
}

asio::awaitable<Result<ResponseHead>> ClientCall::Impl::read_one_head() {
  Wire& wire = connection_->wire;
  const ClientLimits& limits = core_->limits();
  parser_.emplace(ParseLimits{.headers_max = limits.headers_max});
  if (head_request_) parser_->expect_no_body();
  std::size_t searched = 0;
  while (true) {
    const std::string_view unread = wire.unread();
    const std::size_t head_bytes = find_head_end(unread, searched);
    if (head_bytes != std::string_view::npos && head_bytes <= limits.head_bytes_max) {
      const ParseFault fault = parser_->parse_head(unread.substr(0, head_bytes));
      wire.consume(head_bytes);
      if (fault.any()) co_return data_loss("the answer is not HTTP: " + fault.reason);
      co_return std::move(parser_->head());
    }
    if (unread.size() > limits.head_bytes_max) {
      co_return data_loss("the answer's head is too large");
    }
    searched = unread.size();
    const Result<std::size_t> got = co_await wire.fill(kHeadReadBytes);
    if (!got.ok()) co_return got.error();
    if (got.value() == 0) {
      if (response_began_) co_return data_loss("the answer broke off in its head");
      co_return unavailable("the server closed the connection without an answer");
    }
    response_began_ = true;
  }
}

asio::awaitable<Result<std::string>> ClientCall::Impl::read_body() {
  Wire& wire = connection_->wire;
  std::string piece;
  while (!parser_->body_done()) {
    ParseFault fault;
    wire.consume(parser_->parse_body(wire.unread(), piece, kPieceBytesMax, fault));
    if (!fault.any() && (!piece.empty() || parser_->body_done())) break;
    if (!fault.any()) {
      wire.set_read_deadline_after(core_->limits().progress_timeout);
      const Result<std::size_t> got = co_await wire.fill(kPieceBytesMax);
      wire.clear_read_deadline();
      if (!got.ok()) {
        failed_ = true;
        co_return got.error();
      }
      if (got.value() > 0) continue;
      fault = parser_->parse_end_of_stream();
      keep_alive_ = false;
    }
    if (fault.any()) {
      failed_ = true;
      co_return data_loss("the answer's body: " + fault.reason);
    }
  }
  response_whole_ = parser_->body_done();
  co_return piece;
}

std::optional<std::uint64_t> ClientCall::Impl::body_length() const {
  if (!parser_->has_body()) return 0;
  const auto length = parser_->content_length();
  return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
}

void ClientCall::Impl::cancel() {
  failed_ = true;
  connection_->wire.cut();
}

}  // namespace isopop::http
