#include "common/http/wire.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <cstring>

namespace isopop::http {
namespace {

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kKeptBufferBytes = 8 * 1024;

}  // namespace

Wire::Wire(asio::ip::tcp::socket socket, Deadlines& deadlines)
    : socket_(std::move(socket)),
      read_deadline_(deadlines, *this),
      write_deadline_(deadlines, *this) {}

void Wire::configure() {
  boost::system::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  socket_.non_blocking(true, ignored);
}

void Wire::set_read_deadline(Deadlines::TimePoint at) {
  read_deadline_.passed = false;
  read_deadline_.set_deadline(at);
}

void Wire::set_read_deadline_after(std::chrono::nanoseconds delay) {
  set_read_deadline(steady_now() + delay);
}

void Wire::Deadline::on_deadline() {
  passed = true;
  wire_.cancel_waits();
}

Error Wire::to_error(boost::system::error_code error, const Deadline& deadline) const {
  if (deadline.passed) return {ErrorCode::kDeadlineExceeded, "no progress in time"};
  if (error == asio::error::operation_aborted || error == asio::error::bad_descriptor) {
    return {ErrorCode::kCancelled, "the connection was cut"};
  }
  return unavailable(error.message());
}

asio::awaitable<Result<void>> Wire::connect(asio::ip::tcp::endpoint peer,
                                            Deadlines::TimePoint until) {
  write_deadline_.set_deadline(until);
  const auto [error] = co_await socket_.async_connect(peer, kAwait);
  write_deadline_.clear_deadline();
  if (error) co_return to_error(error, write_deadline_);
  configure();
  co_return Result<void>();
}

asio::awaitable<Result<std::size_t>> Wire::fill(std::size_t bytes_max) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (begin_ > 0 && buffer_.size() - end_ < bytes_max) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (buffer_.size() - end_ < bytes_max) buffer_.resize(end_ + bytes_max);
  // A deadline that passed while nothing was awaited counts too.
  if (read_deadline_.passed) co_return to_error({}, read_deadline_);
  const auto [error, bytes] = co_await socket_.async_read_some(
      asio::buffer(buffer_.data() + end_, buffer_.size() - end_), kAwait);
  if (error == asio::error::eof) co_return 0;
  if (error) co_return to_error(error, read_deadline_);
  end_ += bytes;
  co_return bytes;
}

void Wire::trim() {
  if (begin_ != end_ || buffer_.size() <= kKeptBufferBytes) return;
  begin_ = end_ = 0;
  buffer_.resize(kKeptBufferBytes);
  buffer_.shrink_to_fit();
}

std::optional<Result<void>> Wire::try_write(Pieces& pieces) {
  while (true) {
    std::array<asio::const_buffer, std::tuple_size_v<Pieces>> buffers;
    std::size_t total = 0;
    for (std::size_t i = 0; i < pieces.size(); ++i) {
      buffers[i] = asio::const_buffer(pieces[i].data(), pieces[i].size());
      total += pieces[i].size();
    }
    if (total == 0) return Result<void>();
    boost::system::error_code error;
    std::size_t written = socket_.write_some(buffers, error);
    if (error == asio::error::would_block || error == asio::error::try_again) return std::nullopt;
    if (error) return Result<void>(to_error(error, write_deadline_));
    bytes_written_ += written;
    for (std::string_view& piece : pieces) {
      const std::size_t cut = std::min(written, piece.size());
      piece.remove_prefix(cut);
      written -= cut;
    }
  }
}

asio::awaitable<Result<void>> Wire::write(Pieces pieces, std::chrono::nanoseconds step_timeout) {
  while (true) {
    if (std::optional<Result<void>> outcome = try_write(pieces)) co_return *outcome;
    write_deadline_.set_deadline_after(step_timeout);
    const auto [error] = co_await socket_.async_wait(asio::socket_base::wait_write, kAwait);
    write_deadline_.clear_deadline();
    if (error) co_return to_error(error, write_deadline_);
  }
}

Wire::Peek Wire::peek() {
  if (!socket_.is_open()) return Peek::kGone;
  char byte = 0;
  const ssize_t got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  if (got > 0) return Peek::kData;
  if (got == 0) return Peek::kGone;
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? Peek::kQuiet : Peek::kGone;
}

void Wire::cut() {
  read_deadline_.clear_deadline();
  write_deadline_.clear_deadline();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void Wire::cancel_waits() {
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

}  // namespace isopop::http
