#include "tests/integration/pop_node/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "common/text/text.h"

namespace isopop::pop {

RawClient::RawClient(const std::string& address)
    : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const std::size_t colon = address.rfind(':');
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(
      parse_unsigned(std::string_view(address).substr(colon + 1)).value_or(0)));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &to.sin_addr);
  sockaddr generic{};
  static_assert(sizeof generic == sizeof to);
  std::copy_n(reinterpret_cast<const char*>(&to), sizeof to, reinterpret_cast<char*>(&generic));
  if (connect(socket_.get(), &generic, sizeof generic) != 0) socket_.reset();
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

bool RawClient::fill() {
  if (!socket_.valid()) return false;  // nobody took the connection
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
  pollfd waited{.fd = socket_.get(), .events = POLLIN, .revents = 0};
  if (left.count() <= 0 || poll(&waited, 1, static_cast<int>(left.count())) <= 0) return false;
  std::array<char, 65536> bytes{};
  const ssize_t size = recv(socket_.get(), bytes.data(), bytes.size(), 0);
  if (size <= 0) return false;
  buffer_.append(bytes.data(), static_cast<std::size_t>(size));
  return true;
}

std::optional<std::string> RawClient::take_line() {
  while (true) {
    const std::size_t end = buffer_.find("\r\n");
    if (end != std::string::npos) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 2);
      return line;
    }
    if (!fill()) return std::nullopt;
  }
}

bool RawClient::take(std::size_t bytes, std::string& into) {
  while (buffer_.size() < bytes) {
    if (fill()) continue;
    into += buffer_;
    buffer_.clear();
    return false;
  }
  into += buffer_.substr(0, bytes);
  buffer_.erase(0, bytes);
  return true;
}

bool RawClient::read_chunks(std::string& body) {
  while (true) {
    const std::optional<std::string> line = take_line();
    if (!line) return false;
    std::size_t size = 0;
    std::from_chars(line->data(), line->data() + line->size(), size, 16);
    if (size == 0) return take_line().has_value();
    if (!take(size, body) || !take_line()) return false;
  }
}

Result<RawResponse> RawClient::read_response(std::string_view method,
                                             std::chrono::seconds deadline) {
  deadline_ = std::chrono::steady_clock::now() + deadline;
  RawResponse response;
  while (response.status < 200) {
    const std::optional<std::string> status_line = take_line();
    if (!status_line || status_line->size() < 12) return unavailable("no response");
    response.status = static_cast<unsigned>(
        parse_unsigned(std::string_view(*status_line).substr(9, 3)).value_or(0));
    while (true) {
      const std::optional<std::string> line = take_line();
      if (!line) return unavailable("half a response head");
      if (line->empty()) break;
      const std::size_t colon = line->find(':');
      response.headers[to_lower(std::string_view(*line).substr(0, colon))] =
          std::string(trim(std::string_view(*line).substr(colon + 1)));
    }
  }
  if (method == "HEAD" || response.status == 204 || response.status == 304) {
    response.complete = true;
  } else if (response.headers.contains("transfer-encoding")) {
    response.complete = read_chunks(response.body);
  } else if (const auto length = response.headers.find("content-length");
             length != response.headers.end()) {
    response.complete = take(parse_unsigned(length->second).value_or(0), response.body);
  } else {
    while (fill()) {
    }
    response.body = std::exchange(buffer_, {});
    response.complete = true;
  }
  return response;
}

std::string RawClient::read_some(std::size_t bytes_max) {
  deadline_ = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  if (buffer_.empty() && !fill()) return {};
  std::string bytes = buffer_.substr(0, bytes_max);
  buffer_.erase(0, bytes.size());
  return bytes;
}

Result<RawResponse> request(const std::string& address, const std::string& host,
                            const std::string& path, const std::string& method,
                            const std::string& body, const std::string& extra_headers) {
  RawClient client(address);
  std::string text = method + " " + path + " HTTP/1.1\r\nhost: " + host + "\r\n" + extra_headers;
  if (!body.empty()) text += "content-length: " + std::to_string(body.size()) + "\r\n";
  client.send(text + "\r\n" + body);
  return client.read_response(method);
}

}  // namespace isopop::pop
