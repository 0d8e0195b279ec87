#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "common/files/files.h"

namespace isopop::test {

// A TCP connection that says what it is told, byte by byte if need be; for requests that no HTTP
// client would send. Blocking, with a deadline on every wait.
class RawClient {
 public:
  // "127.0.0.1:12345"
  explicit RawClient(const std::string& address);

  // False once the peer has closed or reset.
  bool send(std::string_view bytes);
  // Closes our sending side.
  void finish();
  // What arrives until `marker` has, the marker with it; what there was when the peer closed or the
  // deadline passed.
  std::string read_until(std::string_view marker, std::chrono::milliseconds deadline = kDeadline);
  // One response by its content-length (none: only the head).
  std::string read_response(std::chrono::milliseconds deadline = kDeadline);
  // All until the peer closes.
  std::string read_all(std::chrono::milliseconds deadline = kDeadline);
  // Whether the peer closes within the deadline; what it sends before is dropped.
  bool is_closed_within(std::chrono::milliseconds deadline = kDeadline);

 private:
  static constexpr std::chrono::milliseconds kDeadline{10'000};

  // False at the end of the stream or the deadline.
  bool receive_more(std::chrono::steady_clock::time_point end);

  UniqueFd socket_;
  std::string pending_;
  bool closed_ = false;
};

// A listener that never answers, or answers what no HTTP server would. One connection at a time is
// accepted and kept open.
class RawListener {
 public:
  RawListener();
  [[nodiscard]] const std::string& address() const { return address_; }
  // Waits for a connection and reads until the empty line behind a head.
  void accept_request();
  // Waits for a connection only.
  void accept_connection();
  void send(std::string_view bytes);
  void close_connection();

 private:
  UniqueFd listener_;
  UniqueFd connection_;
  std::string address_;
};

// A port on 127.0.0.1 where nobody listens, for as long as the object lives.
class DeadAddress {
 public:
  DeadAddress();
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  UniqueFd socket_;
  std::string address_;
};

}  // namespace isopop::test
