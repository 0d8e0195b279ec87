#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "common/event_loop/asio.h"
#include "common/http/deadlines.h"
#include "common/result/result.h"

namespace isopop::http {

// Internal to common/http: a connected socket with its read buffer and a deadline for each
// direction; what both sides of HTTP stand on. At most one read and one write are awaited at a
// time. Errors: kUnavailable (reset, closed), kDeadlineExceeded (the deadline passed), kCancelled
// (cut() was called). After any error the wire is good for nothing but cut().
class Wire {
 public:
  using Pieces = std::array<std::string_view, 4>;  // written in one go; empty ones cost nothing

  Wire(asio::ip::tcp::socket socket, Deadlines& deadlines);

  // For a wire made from a socket that is not open yet; configures it too.
  asio::awaitable<Result<void>> connect(asio::ip::tcp::endpoint peer, Deadlines::TimePoint until);
  // Sets no-delay and non-blocking mode, which write() relies on.
  void configure();
  [[nodiscard]] asio::ip::tcp::socket& socket() { return socket_; }

  // Bytes that were read and not yet consumed.
  [[nodiscard]] std::string_view unread() const { return {buffer_.data() + begin_, end_ - begin_}; }
  void consume(std::size_t bytes) { begin_ += bytes; }
  // Awaits at least one byte and appends it to unread(); 0: the peer closed its side. There is room
  // for `bytes_max` at a time.
  asio::awaitable<Result<std::size_t>> fill(std::size_t bytes_max);
  // Gives a large buffer back when nothing is unread, so that idle connections stay small.
  void trim();

  // Writes all pieces; each step of progress has `step_timeout`.
  asio::awaitable<Result<void>> write(Pieces pieces, std::chrono::nanoseconds step_timeout);
  // Writes as much as the kernel takes at once and cuts that off `pieces`. The outcome when all was
  // written or the connection broke; nothing when the rest must wait.
  std::optional<Result<void>> try_write(Pieces& pieces);
  [[nodiscard]] std::uint64_t bytes_written() const { return bytes_written_; }

  // When it passes, what is read (or is read next) fails with kDeadlineExceeded.
  void set_read_deadline(Deadlines::TimePoint at);
  void set_read_deadline_after(std::chrono::nanoseconds delay);
  void clear_read_deadline() { read_deadline_.clear_deadline(); }

  // Whether the peer closed or broke the connection, or sent something: one recv() that takes
  // nothing.
  enum class Peek { kQuiet, kData, kGone };
  [[nodiscard]] Peek peek();

  // Closes at once; whatever is awaited fails.
  void cut();
  // Ends what is awaited as if its deadline had passed, without closing.
  void cancel_waits();
  [[nodiscard]] bool is_open() const { return socket_.is_open(); }

 private:
  class Deadline final : public Deadlines::Entry {
   public:
    Deadline(Deadlines& deadlines, Wire& wire) : Entry(deadlines), wire_(wire) {}
    bool passed = false;

   private:
    void on_deadline() override;
    Wire& wire_;
  };

  [[nodiscard]] Error to_error(boost::system::error_code error, const Deadline& deadline) const;

  asio::ip::tcp::socket socket_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t bytes_written_ = 0;
  Deadline read_deadline_;
  Deadline write_deadline_;
};

}  // namespace isopop::http
