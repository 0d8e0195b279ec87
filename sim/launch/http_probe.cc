#include "sim/launch/http_probe.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>

#include "common/files/files.h"
#include "common/text/text.h"

namespace isopop::sim {
namespace {

// As much of the status line as is looked at: "HTTP/1.1 200".
constexpr std::size_t kStatusLineBytes = 12;

Result<sockaddr_in> parse_ipv4_endpoint(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (colon != std::string::npos) {
    const auto port = parse_unsigned(std::string_view(text).substr(colon + 1));
    const bool is_host = inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) == 1;
    if (is_host && port && *port > 0 && *port <= 0xFFFF) {
      address.sin_port = htons(static_cast<std::uint16_t>(*port));
      return address;
    }
  }
  return invalid_argument(fmt::format("'{}' is no IPv4 address with a port", text));
}

void set_timeouts(int fd, std::chrono::milliseconds timeout) {
  timeval time{};
  time.tv_sec = static_cast<time_t>(timeout.count() / 1000);
  time.tv_usec = static_cast<suseconds_t>(timeout.count() % 1000 * 1000);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof time);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
}

// "HTTP/1.1 200 OK".
std::optional<unsigned> parse_status_line(std::string_view text) {
  constexpr std::string_view kProtocol = "HTTP/1.";
  constexpr std::size_t kCodeAt = 9;
  if (!text.starts_with(kProtocol) || text.size() < kStatusLineBytes) return std::nullopt;
  const auto code = parse_unsigned(text.substr(kCodeAt, 3));
  return code ? std::optional<unsigned>(static_cast<unsigned>(*code)) : std::nullopt;
}

}  // namespace

Result<unsigned> probe_http(const HttpProbe& probe) {
  ISOPOP_TRY_ASSIGN(const sockaddr_in address, parse_ipv4_endpoint(probe.address));
  const UniqueFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return errno_error("create a socket", errno);
  set_timeouts(fd.get(), probe.timeout);
  if (connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return unavailable(fmt::format("nobody answers at {}", probe.address));
  }
  const std::string request =
      fmt::format("GET {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", probe.path,
                  probe.host.empty() ? probe.address : probe.host);
  if (send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return unavailable(fmt::format("{} takes no request", probe.address));
  }
  // To the end, so that the other side is not cut off while it writes.
  std::string start;
  std::array<char, 4096> piece{};
  while (true) {
    const ssize_t size = recv(fd.get(), piece.data(), piece.size(), 0);
    if (size <= 0) break;
    if (start.size() < kStatusLineBytes) start.append(piece.data(), static_cast<std::size_t>(size));
  }
  if (const std::optional<unsigned> status = parse_status_line(start)) return *status;
  return unavailable(fmt::format("{} gives no answer to GET {}", probe.address, probe.path));
}

}  // namespace isopop::sim
