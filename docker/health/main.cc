// The health check of the image: isopop-health [HOST:PORT] [PATH] asks for a page of a server on
// this machine and says by its exit code whether the answer was 200. A container engine runs it in
// each container again and again, so it is static and small, and resolves no names: a numeric
// address is all that a check of one's own needs.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string_view>

namespace {

constexpr int kUnhealthy = 1;
constexpr int kUsage = 2;
constexpr unsigned kSecondsToAnswer = 2;
constexpr std::size_t kPathBytesMax = 1024;
constexpr std::string_view kDefaultServer = "127.0.0.1:8080";
constexpr std::string_view kDefaultPath = "/__isopop/readyz";
constexpr char kUsageText[] =
    "usage: isopop-health [HOST:PORT] [PATH]\n"
    "  HOST:PORT  a numeric IPv4 address, by default 127.0.0.1:8080\n"
    "  PATH       begins with '/', by default /__isopop/readyz, which PoP and router have\n"
    "exit code: 0 the answer was 200, 1 it was not or there was none in 2 s, 2 usage\n";

// Runs as a signal handler: what it calls must be safe there.
void give_up(int /*signal*/) {
  constexpr std::string_view kMessage = "isopop-health: no answer within 2 s\n";
  const ssize_t ignored = write(STDERR_FILENO, kMessage.data(), kMessage.size());
  static_cast<void>(ignored);
  _exit(kUnhealthy);
}

std::optional<sockaddr_in> parse_server(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  std::array<char, INET_ADDRSTRLEN> host{};
  if (colon >= host.size()) return std::nullopt;  // also when there is none
  text.copy(host.data(), colon);
  sockaddr_in server{};
  server.sin_family = AF_INET;
  if (inet_pton(AF_INET, host.data(), &server.sin_addr) != 1) return std::nullopt;
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + colon + 1, end, port);
  if (error != std::errc{} || rest != end || port == 0) return std::nullopt;
  server.sin_port = htons(port);
  return server;
}

// What stands in a request line as it is: no space or control character may end it early.
bool is_path(std::string_view text) {
  if (!text.starts_with('/') || text.size() > kPathBytesMax) return false;
  for (const char c : text)
    if (c <= ' ' || c == '\x7f') return false;
  return true;
}

int complain(std::string_view server, const char* what) {
  dprintf(STDERR_FILENO, "isopop-health: %.*s: %s: %s\n", static_cast<int>(server.size()),
          server.data(), what, std::strerror(errno));
  return kUnhealthy;
}

// "HTTP/1.1 200": the status is all that is read of an answer.
constexpr std::size_t kStatusEnd = 12;
using StatusLine = std::array<char, kStatusEnd>;

std::size_t receive(int socket, StatusLine& line) {
  std::size_t size = 0;
  while (size < line.size()) {
    const ssize_t got = recv(socket, line.data() + size, line.size() - size, 0);
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  return size;
}

int check(std::string_view server, const sockaddr_in& address, std::string_view path) {
  const int connection = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (connection < 0) return complain(server, "cannot make a socket");
  if (connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return complain(server, "cannot connect");
  if (dprintf(connection, "GET %.*s HTTP/1.1\r\nHost: %.*s\r\nConnection: close\r\n\r\n",
              static_cast<int>(path.size()), path.data(), static_cast<int>(server.size()),
              server.data()) < 0)
    return complain(server, "cannot send");

  StatusLine line{};
  const std::string_view answer(line.data(), receive(connection, line));
  if (answer.size() < kStatusEnd || !answer.starts_with("HTTP/1.") || answer[8] != ' ') {
    dprintf(STDERR_FILENO, "isopop-health: %.*s gave no HTTP answer\n",
            static_cast<int>(server.size()), server.data());
    return kUnhealthy;
  }
  const std::string_view status = answer.substr(kStatusEnd - 3);
  if (status == "200") return EXIT_SUCCESS;
  dprintf(STDERR_FILENO, "isopop-health: %.*s answered %.*s to %.*s\n",
          static_cast<int>(server.size()), server.data(), static_cast<int>(status.size()),
          status.data(), static_cast<int>(path.size()), path.data());
  return kUnhealthy;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view server = argc > 1 ? argv[1] : kDefaultServer;
  const std::string_view path = argc > 2 ? argv[2] : kDefaultPath;
  if (server == "--help" || server == "-h") {
    std::fputs(kUsageText, stdout);
    return EXIT_SUCCESS;
  }
  const std::optional<sockaddr_in> address = parse_server(server);
  if (argc > 3 || !address || !is_path(path)) {
    std::fputs(kUsageText, stderr);
    return kUsage;
  }
  struct sigaction action{};
  action.sa_handler = give_up;
  sigaction(SIGALRM, &action, nullptr);
  alarm(kSecondsToAnswer);
  std::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c): SIGPIPE can be ignored
  return check(server, *address, path);
}
