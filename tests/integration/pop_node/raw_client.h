#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/files/files.h"
#include "common/result/result.h"

namespace isopop::pop {

struct RawResponse {
  unsigned status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  bool complete = false;  // false: the connection ended before the answer did
};

// A TCP connection that says exactly what a test tells it to, byte for byte. Blocking, with a
// deadline on every read.
class RawClient final {
 public:
  explicit RawClient(const std::string& address);

  // False once the peer has closed.
  bool send(std::string_view bytes);
  // The next response: its head, and its body by content-length, chunks or the end of the
  // connection. An error: none came.
  [[nodiscard]] Result<RawResponse> read_response(
      std::string_view method = "GET", std::chrono::seconds deadline = std::chrono::seconds(30));
  // The next bytes, at most so many; "" at the end.
  [[nodiscard]] std::string read_some(std::size_t bytes_max);
  void close() { socket_.reset(); }

 private:
  bool fill();
  std::optional<std::string> take_line();
  bool take(std::size_t bytes, std::string& into);
  bool read_chunks(std::string& body);

  UniqueFd socket_;
  std::string buffer_;
  std::chrono::steady_clock::time_point deadline_;
};

// One request on a connection of its own.
[[nodiscard]] Result<RawResponse> request(const std::string& address, const std::string& host,
                                          const std::string& path = "/",
                                          const std::string& method = "GET",
                                          const std::string& body = "",
                                          const std::string& extra_headers = "");

}  // namespace isopop::pop
