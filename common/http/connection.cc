#include "common/http/connection.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <iterator>
#include <utility>

#include "common/http/header_names.h"
#include "common/log/log.h"
#include "common/text/text.h"

namespace isopop::http {
namespace {

constexpr std::size_t kPieceBytesMax = 64 * 1024;
constexpr std::size_t kHeadReadBytes = 4 * 1024;
// Bodies up to this are copied behind their head, so that one buffer goes to the kernel.
constexpr std::size_t kCopiedBodyBytesMax = 16 * 1024;
// What is read and thrown away of a body that the handler did not want, to save the connection.
constexpr std::uint64_t kDrainedBodyBytesMax = 256 * 1024;
// A client that is still sending must be able to read the answer before the reset arrives, so after
// closing our side its bytes are thrown away for a while.
constexpr std::chrono::seconds kLingerTime{5};
constexpr std::uint64_t kLingerBytesMax = 256ULL * 1024 * 1024;

// Not a bug worth dying of: whoever lost its client amid an answer may try to say why.
Error second_response() {
  return {ErrorCode::kFailedPrecondition, "the request has been answered already"};
}

}  // namespace

Connection::Connection(std::shared_ptr<ServerCore> core, asio::ip::tcp::socket socket,
                       Endpoint remote)
    : core_(std::move(core)),
      wire_(std::move(socket), core_->deadlines()),
      remote_(std::move(remote)) {
  wire_.configure();
}

Connection::~Connection() {
  core_->remove(*this);
}

asio::awaitable<void> Connection::serve(std::shared_ptr<Connection> self) {
  try {
    co_await self->run();
  } catch (const std::exception& error) {
    log_error("http: a connection ended by an exception: {}", error.what());
  }
  self->cut();
}

asio::awaitable<void> Connection::run() {
  // Spelled out: GCC 12 miscompiles co_await in the condition of a loop.
  while (true) {
    const bool has_request = co_await read_head();
    if (!has_request) break;
    co_await run_handler();
    const bool usable = co_await settle();
    if (!usable) break;
  }
  co_await linger();
}

void Connection::begin_exchange() {
  const ServerLimits& limits = core_->limits();
  parser_.emplace(ParseLimits{.headers_max = limits.headers_max,
                              .target_bytes_max = limits.target_bytes_max,
                              .body_bytes_max = limits.body_bytes_max});
  body_bytes_ = 0;
  body_since_.reset();
  body_fault_ = {};
  wants_continue_ = false;
  keep_alive_ = true;
  stage_ = Stage::kNone;
  out_.clear();
}

ParseFault Connection::check_unfinished_head(std::string_view head) const {
  const ServerLimits& limits = core_->limits();
  constexpr std::size_t kMethodAndVersionBytes = 64;
  if (head.size() > limits.target_bytes_max + kMethodAndVersionBytes &&
      head.substr(0, limits.target_bytes_max + kMethodAndVersionBytes).find('\n') ==
          std::string_view::npos) {
    return {414, "the request target is too long"};
  }
  if (head.size() > limits.head_bytes_max) return {431, "the head is too large"};
  return {};
}

// False: there is no request to handle; what had to be said was said.
asio::awaitable<bool> Connection::read_head() {
  const ServerLimits& limits = core_->limits();
  begin_exchange();
  wire_.trim();
  std::size_t searched = 0;
  bool begun = false;
  while (true) {
    // Empty lines before a request are to be ignored (RFC 9112 2.2).
    while (!begun && wire_.unread().starts_with("\r\n")) wire_.consume(2);
    const std::string_view unread = wire_.unread();
    const std::size_t head_bytes = find_head_end(unread, searched);
    const bool whole = head_bytes != std::string_view::npos;
    if (!begun && !unread.empty() && unread != "\r") {
      begun = true;
      received_at_ = steady_now();
      if (!whole) wire_.set_read_deadline(received_at_ + limits.head_timeout);
    }
    const ParseFault size_fault =
        check_unfinished_head(whole ? unread.substr(0, head_bytes) : unread);
    if (whole || size_fault.any()) {
      wire_.clear_read_deadline();
      const ParseFault fault =
          size_fault.any() ? size_fault : parser_->parse_head(unread.substr(0, head_bytes));
      if (whole) wire_.consume(head_bytes);
      if (!fault.any()) break;
      co_await refuse(fault.status, fault.reason);
      co_return false;
    }
    searched = unread.size();
    if (!begun) {
      if (core_->draining()) co_return false;
      wire_.set_read_deadline_after(requests_ == 0 ? limits.head_timeout : limits.idle_timeout);
    }
    idle_ = !begun;
    const Result<std::size_t> got = co_await wire_.fill(kHeadReadBytes);
    idle_ = false;
    if (!got.ok() && got.error().code == ErrorCode::kDeadlineExceeded && begun) {
      co_await refuse(408, "the request's head did not arrive in time");
    }
    if (!got.ok() || got.value() == 0) co_return false;
    if (!begun) wire_.clear_read_deadline();
  }
  ++requests_;
  ++core_->counters().requests;
  keep_alive_ = request().keep_alive;
  if (has_body() && request().version == Version::kHttp11) {
    const std::optional<std::string_view> expect = request().headers.get(header_names::kExpect);
    wants_continue_ = expect && equals_ignoring_case(*expect, "100-continue");
  }
  co_return true;
}

asio::awaitable<void> Connection::run_handler() {
  Exchange exchange(*this);
  try {
    co_await core_->handler()(exchange);
  } catch (const std::exception& error) {
    log_error("http: the handler of {} {} threw: {}", request().method, request().target,
              error.what());
  }
}

// Whether the connection may serve another request.
asio::awaitable<bool> Connection::settle() {
  gone_callback_ = nullptr;
  if (watching_) wire_.cancel_waits();
  if (stage_ == Stage::kBody) {
    // The client must not take the part it has for the whole.
    wire_.cut();
    co_return false;
  }
  if (stage_ == Stage::kNone) {
    if (body_fault_.any()) {
      co_await refuse(body_fault_.status, body_fault_.reason);
    } else {
      co_await refuse(500, "the request was not answered");
    }
    co_return false;
  }
  if (!keep_alive_ || body_fault_.any() || !wire_.is_open()) co_return false;
  if (parser_->body_done()) co_return true;
  co_return co_await drain_body();
}

asio::awaitable<void> Connection::refuse(unsigned status, std::string_view reason) {
  ++core_->counters().requests_refused;
  keep_alive_ = false;
  const Refusal refusal = core_->make_refusal(status, reason);
  (co_await respond(refusal.head, refusal.body)).ignore("the connection is closed next anyway");
}

asio::awaitable<bool> Connection::drain_body() {
  if (wants_continue_) co_return false;
  const std::uint64_t before = body_bytes_;
  while (!parser_->body_done()) {
    const Result<std::string> piece = co_await read_body();
    if (!piece.ok() || body_bytes_ - before > kDrainedBodyBytesMax) co_return false;
  }
  co_return true;
}

asio::awaitable<void> Connection::linger() {
  const bool all_read = requests_ > 0 && parser_ && !body_fault_.any() && wire_.unread().empty() &&
                        stage_ == Stage::kDone && parser_->head_done() && parser_->body_done();
  if (!wire_.is_open() || stage_ != Stage::kDone || all_read) co_return;
  boost::system::error_code ignored;
  wire_.socket().shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
  wire_.set_read_deadline_after(kLingerTime);
  std::uint64_t discarded = 0;
  while (discarded < kLingerBytesMax) {
    wire_.consume(wire_.unread().size());
    const Result<std::size_t> got = co_await wire_.fill(kPieceBytesMax);
    if (!got.ok() || got.value() == 0) break;
    discarded += got.value();
  }
}

std::optional<std::uint64_t> Connection::body_length() const {
  if (!parser_->has_body()) return 0;
  const auto length = parser_->content_length();
  return length ? std::optional<std::uint64_t>(*length) : std::nullopt;
}

asio::awaitable<Result<std::string>> Connection::read_body() {
  std::string piece;
  if (body_fault_.any()) {
    Error error{ErrorCode::kFailedPrecondition, body_fault_.reason};
    co_return error;
  }
  if (!parser_->has_body()) co_return piece;
  while (!parser_->body_done()) {
    ParseFault fault;
    wire_.consume(parser_->parse_body(wire_.unread(), piece, kPieceBytesMax, fault));
    if (fault.any()) {
      const ErrorCode code =
          fault.status == 413 ? ErrorCode::kResourceExhausted : ErrorCode::kInvalidArgument;
      co_return fail_body(fault.status, code, fault.reason);
    }
    if (!piece.empty() || parser_->body_done()) break;
    ISOPOP_CO_TRY(co_await fill_body());
  }
  body_bytes_ += piece.size();
  co_return piece;
}

// Reads more of the body from the socket, within the limits on its speed.
asio::awaitable<Result<void>> Connection::fill_body() {
  const ServerLimits& limits = core_->limits();
  if (wants_continue_) {
    wants_continue_ = false;
    if (stage_ == Stage::kNone && wire_.unread().empty()) {
      ISOPOP_CO_TRY(co_await write_pieces(Wire::Pieces{"HTTP/1.1 100 Continue\r\n\r\n"}));
    }
  }
  const auto now = steady_now();
  // The part of a body that came with its head was waited for by nobody.
  if (!body_since_) body_since_ = now;
  const auto elapsed = now - *body_since_;
  const double seconds = std::chrono::duration<double>(elapsed).count();
  if (elapsed > limits.progress_timeout &&
      static_cast<double>(body_bytes_) <
          seconds * static_cast<double>(limits.body_rate_min_bytes_per_s)) {
    co_return fail_body(408, ErrorCode::kDeadlineExceeded, "the body arrives too slowly");
  }
  wire_.set_read_deadline(now + limits.progress_timeout);
  const Result<std::size_t> got = co_await wire_.fill(kPieceBytesMax);
  wire_.clear_read_deadline();
  if (!got.ok() && got.error().code == ErrorCode::kDeadlineExceeded) {
    co_return fail_body(408, ErrorCode::kDeadlineExceeded, "the body stopped arriving");
  }
  if (!got.ok() || got.value() == 0) {
    co_return fail_body(400, ErrorCode::kUnavailable, "the client closed amid its body");
  }
  co_return Result<void>();
}

Error Connection::fail_body(unsigned status, ErrorCode code, std::string_view reason) {
  body_fault_ = {status, std::string(reason)};
  keep_alive_ = false;
  return {code, std::string(reason)};
}

// The Connection header to send, after deciding whether it stays open.
std::string_view Connection::decide_connection(const Framing& framing) {
  if (framing.kind == Framing::Kind::kUntilClose || core_->draining() || body_fault_.any() ||
      wants_continue_) {
    keep_alive_ = false;
  }
  if (!keep_alive_) return "close";
  return request().version == Version::kHttp10 ? "keep-alive" : "";
}

asio::awaitable<Result<void>> Connection::respond(const ResponseHead& head, std::string_view body) {
  if (stage_ != Stage::kNone) co_return second_response();
  const bool allowed = status_allows_body(head.status);
  const Framing framing{.kind = allowed ? Framing::Kind::kLength : Framing::Kind::kNone,
                        .length = body.size()};
  const std::string_view connection = decide_connection(framing);
  ISOPOP_CO_TRY(write_response_head(out_, head, framing, connection, core_->date()));
  stage_ = Stage::kDone;
  if (!allowed || request().method == "HEAD") body = {};
  if (body.size() <= kCopiedBodyBytesMax) {
    out_.append(body);
    body = {};
  }
  Wire::Pieces pieces{out_, body};
  if (std::optional<Result<void>> outcome = wire_.try_write(pieces)) co_return *outcome;
  co_return co_await wire_.write(pieces, core_->limits().progress_timeout);
}

Result<void> Connection::start_response(const ResponseHead& head,
                                        std::optional<std::uint64_t> length) {
  if (stage_ != Stage::kNone) return second_response();
  const bool head_only = request().method == "HEAD";
  Framing framing;
  if (!status_allows_body(head.status) || (head_only && !length)) {
    framing.kind = Framing::Kind::kNone;
  } else if (length) {
    framing = {.kind = Framing::Kind::kLength, .length = *length};
  } else {
    framing.kind = request().version == Version::kHttp11 ? Framing::Kind::kChunked
                                                         : Framing::Kind::kUntilClose;
  }
  const std::string_view connection = decide_connection(framing);
  ISOPOP_TRY(write_response_head(out_, head, framing, connection, core_->date()));
  framing_ = framing;
  length_left_ = length.value_or(0);
  body_dropped_ = head_only || !status_allows_body(head.status);
  stage_ = Stage::kBody;
  return {};
}

asio::awaitable<Result<void>> Connection::write_pieces(Wire::Pieces pieces) {
  if (std::optional<Result<void>> outcome = wire_.try_write(pieces)) co_return *outcome;
  co_return co_await wire_.write(pieces, core_->limits().progress_timeout);
}

asio::awaitable<Result<void>> Connection::write(std::string_view piece) {
  ISOPOP_ASSERT(stage_ == Stage::kBody, "write() stands between start_response() and finish()");
  if (piece.empty() || body_dropped_) co_return Result<void>();
  if (framing_.kind == Framing::Kind::kLength) {
    if (piece.size() > length_left_) {
      Error error{ErrorCode::kOutOfRange, "the body is longer than its announced length"};
      co_return error;
    }
    length_left_ -= piece.size();
  }
  const bool chunked = framing_.kind == Framing::Kind::kChunked;
  if (chunked) fmt::format_to(std::back_inserter(out_), "{:x}\r\n", piece.size());
  const Result<void> written = co_await write_pieces({out_, piece, chunked ? "\r\n" : ""});
  out_.clear();
  co_return written;
}

asio::awaitable<Result<void>> Connection::flush() {
  const Result<void> written = co_await write_pieces({out_});
  out_.clear();
  co_return written;
}

asio::awaitable<Result<void>> Connection::finish() {
  ISOPOP_ASSERT(stage_ == Stage::kBody, "finish() follows start_response()");
  if (framing_.kind == Framing::Kind::kLength && length_left_ > 0 && !body_dropped_) {
    wire_.cut();
    Error error{ErrorCode::kDataLoss, "the body is shorter than its announced length"};
    co_return error;
  }
  stage_ = Stage::kDone;
  if (framing_.kind == Framing::Kind::kChunked && !body_dropped_) out_.append("0\r\n\r\n");
  co_return co_await flush();
}

void Connection::on_client_gone(std::function<void()> callback) {
  gone_callback_ = std::move(callback);
  if (gone_callback_ && !watching_) watch_client(requests_);
}

void Connection::watch_client(std::uint64_t exchange) {
  watching_ = true;
  // Holds the connection until the wait ends, which settle() sees to.
  wire_.socket().async_wait(
      asio::ip::tcp::socket::wait_read,
      [self = shared_from_this(), exchange](const boost::system::error_code& error) {
        self->watching_ = false;
        if (error || exchange != self->requests_ || !self->gone_callback_) return;
        // Data is the next request of a pipelining client: from here on it cannot be told.
        if (self->client_gone()) std::exchange(self->gone_callback_, nullptr)();
      });
}

}  // namespace isopop::http
