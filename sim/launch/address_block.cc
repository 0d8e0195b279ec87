#include "sim/launch/address_block.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <sstream>

namespace isopop::sim {
namespace {

constexpr std::size_t kHostsPerNet = 250;
constexpr std::uint64_t kProcFileBytesMax = 64U << 20U;

std::optional<std::uint32_t> parse_hex(std::string_view text) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Calls `visit(address, port)` for each listening socket, the address in the kernel's hexadecimal.
template <typename Visit>
void for_each_listener(const std::string& table, Visit visit) {
  constexpr std::string_view kListening = "0A";
  std::istringstream lines(table);
  std::string line;
  std::getline(lines, line);  // the header
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::string slot;
    std::string local;
    std::string remote;
    std::string state;
    fields >> slot >> local >> remote >> state;
    const std::size_t colon = local.find(':');
    if (state != kListening || colon == std::string::npos) continue;
    const std::optional<std::uint32_t> port = parse_hex(std::string_view(local).substr(colon + 1));
    if (port && *port <= 0xFFFF) visit(local.substr(0, colon), static_cast<std::uint16_t>(*port));
  }
}

bool is_bindable(const std::string& host, std::uint16_t port) {
  const UniqueFd probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!probe.valid()) return false;
  // Connections of an earlier network that linger in TIME_WAIT do not count.
  const int on = 1;
  setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) return false;
  return bind(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

UniqueFd claim_name(int number) {
  UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd.valid()) return fd;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // A leading zero byte: the abstract namespace, which leaves nothing in the file system.
  const std::string name = fmt::format("isopop-block-{}", number);
  std::memcpy(&address.sun_path[1], name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) fd.reset();
  return fd;
}

std::uint16_t first_free(std::uint16_t port, const std::set<std::uint16_t>& taken) {
  while (taken.contains(port)) ++port;
  return port;
}

Ports choose_ports(std::set<std::uint16_t> taken) {
  Ports ports;
  ports.control_rpc = first_free(ports.control_rpc, taken);
  taken.insert(ports.control_rpc);
  ports.control_http = first_free(ports.control_http, taken);
  taken.insert(ports.control_http);
  ports.http = first_free(ports.http, taken);
  return ports;
}

}  // namespace

std::string AddressBlock::control_rpc() const {
  return fmt::format("127.{}.0.1:{}", number_, ports_.control_rpc);
}
std::string AddressBlock::control_http() const {
  return fmt::format("127.{}.0.1:{}", number_, ports_.control_http);
}
std::string AddressBlock::router() const {
  return fmt::format("127.{}.0.2:{}", number_, ports_.http);
}
std::string AddressBlock::pop(std::size_t index) const {
  return fmt::format("127.{}.{}.{}:{}", number_, 1 + index / kHostsPerNet, 1 + index % kHostsPerNet,
                     ports_.http);
}

Listeners parse_listeners(const std::string& tcp, const std::string& tcp6) {
  Listeners listeners;
  for_each_listener(tcp, [&listeners](const std::string& address, std::uint16_t port) {
    // The address is in network order read as a number of this machine: 0100007F is 127.0.0.1.
    const std::uint32_t host_order = ntohl(parse_hex(address).value_or(0));
    if (host_order == 0) listeners.wildcard_ports.insert(port);
    if (host_order >> 24U == 127) {
      listeners.blocks.insert(static_cast<int>((host_order >> 16U) & 0xFFU));
    }
  });
  for_each_listener(tcp6, [&listeners](const std::string& address, std::uint16_t port) {
    // "::" takes IPv4 too unless told otherwise, which cannot be seen from here.
    if (address.find_first_not_of('0') == std::string::npos) listeners.wildcard_ports.insert(port);
  });
  return listeners;
}

Result<ClaimedBlock> claim_address_block() {
  ISOPOP_TRY_ASSIGN(const std::string tcp, read_file("/proc/net/tcp", kProcFileBytesMax));
  const Result<std::string> tcp6 = read_file("/proc/net/tcp6", kProcFileBytesMax);
  const Listeners listeners = parse_listeners(tcp, tcp6.ok() ? tcp6.value() : "");
  const Ports ports = choose_ports(listeners.wildcard_ports);
  for (int number = AddressBlock::kFirst; number <= AddressBlock::kLast; ++number) {
    if (listeners.blocks.contains(number)) continue;
    UniqueFd claim = claim_name(number);
    if (!claim.valid()) continue;
    const std::string control = fmt::format("127.{}.0.1", number);
    const std::string router = fmt::format("127.{}.0.2", number);
    if (!is_bindable(control, ports.control_rpc) || !is_bindable(control, ports.control_http) ||
        !is_bindable(router, ports.http)) {
      continue;
    }
    return ClaimedBlock{.block = AddressBlock(number, ports), .claim = std::move(claim)};
  }
  return Error{
      ErrorCode::kResourceExhausted,
      fmt::format("every block of loopback addresses from 127.{}.0.0 to 127.{}.0.0 is in use; "
                  "`isopop down` frees one",
                  AddressBlock::kFirst, AddressBlock::kLast)};
}

}  // namespace isopop::sim
