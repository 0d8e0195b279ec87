#include "tests/integration/http/raw_client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/text/text.h"
#include "common/time/clock.h"

namespace isopop::test {
namespace {

sockaddr_in to_sockaddr(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(static_cast<std::uint16_t>(
      parse_unsigned(std::string_view(address).substr(colon + 1)).value()));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &result.sin_addr);
  return result;
}

// Binds to a free port of 127.0.0.1 and says which.
std::string bind_to_free_port(int socket) {
  sockaddr_in address = to_sockaddr("127.0.0.1:0");
  EXPECT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  socklen_t size = sizeof address;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size);
  return fmt::format("127.0.0.1:{}", ntohs(address.sin_port));
}

UniqueFd tcp_socket() {
  return UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

bool wait_readable(int socket, Instant end) {
  pollfd poll_entry{.fd = socket, .events = POLLIN, .revents = 0};
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - SystemClock().now());
  return left.count() > 0 && ::poll(&poll_entry, 1, static_cast<int>(left.count())) > 0;
}

}  // namespace

RawClient::RawClient(const std::string& address) : socket_(tcp_socket()) {
  const sockaddr_in peer = to_sockaddr(address);
  EXPECT_EQ(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer), 0)
      << address;
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void RawClient::finish() {
  ::shutdown(socket_.get(), SHUT_WR);
}

bool RawClient::receive_more(Instant end) {
  if (closed_ || !wait_readable(socket_.get(), end)) return false;
  std::array<char, 65536> buffer{};
  const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (got <= 0) {
    closed_ = true;
    return false;
  }
  pending_.append(buffer.data(), static_cast<std::size_t>(got));
  return true;
}

std::string RawClient::read_until(std::string_view marker, std::chrono::milliseconds deadline) {
  const Instant end = SystemClock().now() + deadline;
  while (pending_.find(marker) == std::string::npos && receive_more(end)) {
  }
  const std::size_t found = pending_.find(marker);
  const std::size_t size = found == std::string::npos ? pending_.size() : found + marker.size();
  std::string result = pending_.substr(0, size);
  pending_.erase(0, size);
  return result;
}

std::string RawClient::read_response(std::chrono::milliseconds deadline) {
  std::string response = read_until("\r\n\r\n", deadline);
  const std::string lower = to_lower(response);
  const std::size_t at = lower.find("content-length: ");
  if (at == std::string::npos) return response;
  const std::size_t value = at + std::string_view("content-length: ").size();
  const std::size_t length =
      parse_unsigned(lower.substr(value, lower.find('\r', value) - value)).value_or(0);
  const Instant end = SystemClock().now() + deadline;
  while (pending_.size() < length && receive_more(end)) {
  }
  const std::size_t size = std::min(length, pending_.size());
  response.append(pending_, 0, size);
  pending_.erase(0, size);
  return response;
}

std::string RawClient::read_all(std::chrono::milliseconds deadline) {
  const Instant end = SystemClock().now() + deadline;
  while (receive_more(end)) {
  }
  return std::exchange(pending_, {});
}

bool RawClient::is_closed_within(std::chrono::milliseconds deadline) {
  (void)read_all(deadline);
  return closed_;
}

RawListener::RawListener() : listener_(tcp_socket()), address_(bind_to_free_port(listener_.get())) {
  EXPECT_EQ(::listen(listener_.get(), 64), 0);
}

void RawListener::accept_connection() {
  ASSERT_TRUE(wait_readable(listener_.get(), SystemClock().now() + std::chrono::seconds(10)));
  connection_ = UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_TRUE(connection_.valid());
}

void RawListener::accept_request() {
  accept_connection();
  std::string head;
  std::array<char, 4096> buffer{};
  while (head.find("\r\n\r\n") == std::string::npos) {
    ASSERT_TRUE(wait_readable(connection_.get(), SystemClock().now() + std::chrono::seconds(10)));
    const ssize_t got = ::recv(connection_.get(), buffer.data(), buffer.size(), 0);
    ASSERT_GT(got, 0);
    head.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

void RawListener::send(std::string_view bytes) {
  ASSERT_EQ(::send(connection_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(bytes.size()));
}

void RawListener::close_connection() {
  connection_.reset();
}

DeadAddress::DeadAddress() : socket_(tcp_socket()), address_(bind_to_free_port(socket_.get())) {}

}  // namespace isopop::test
