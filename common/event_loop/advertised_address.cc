#include "common/event_loop/advertised_address.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>
#include <cerrno>
#include <memory>
#include <utility>

#include "common/files/files.h"
#include "common/text/text.h"

namespace isopop {
namespace {

struct HostAndPort {
  std::string host;
  std::string port;  // empty: none
};

// "[::1]:80", "[::1]", "::1", "10.0.0.7:80", "control:7070", "control".
HostAndPort split_host(std::string_view text) {
  const std::size_t end = text.find(']');
  if (text.starts_with('[') && end != std::string_view::npos) {
    const std::string_view rest = text.substr(end + 1);
    std::string host(text.substr(1, end - 1));
    if (rest.empty()) return {.host = std::move(host), .port = {}};
    if (rest.front() == ':') return {.host = std::move(host), .port = std::string(rest.substr(1))};
  }
  const std::size_t colon = text.find(':');
  const bool is_bare_v6 = colon != text.rfind(':');
  if (colon == std::string_view::npos || is_bare_v6) return {.host = std::string(text), .port = {}};
  return {.host = std::string(text.substr(0, colon)), .port = std::string(text.substr(colon + 1))};
}

Result<Endpoint> parse_advertise(std::string_view text, unsigned short default_port) {
  const HostAndPort parts = split_host(text);
  boost::system::error_code error;
  const auto address = asio::ip::make_address(parts.host, error);
  const bool has_port = text.ends_with(':') || !parts.port.empty();
  const auto port = has_port ? parse_unsigned(parts.port) : default_port;
  if (error || address.is_unspecified() || !port || *port == 0 || *port > 65'535) {
    return invalid_argument(fmt::format(
        "'{}' is no address that others could use: name an IP address, and a port where it is "
        "another than the listener's, as in \"10.0.0.7\" or \"10.0.0.7:8080\"",
        text));
  }
  return Endpoint(address, static_cast<unsigned short>(*port));
}

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

// The address that packets to there would be sent from. Connecting a datagram socket sends none.
std::optional<Endpoint> local_address_towards(const addrinfo& peer, unsigned short port) {
  const UniqueFd socket_fd(socket(peer.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket_fd.valid()) return std::nullopt;
  if (connect(socket_fd.get(), peer.ai_addr, peer.ai_addrlen) != 0) return std::nullopt;
  Endpoint local;
  socklen_t size = static_cast<socklen_t>(local.capacity());
  if (getsockname(socket_fd.get(), local.data(), &size) != 0) return std::nullopt;
  local.resize(size);
  local.port(port);
  return local;
}

}  // namespace

Result<AdvertisedAddress> AdvertisedAddress::create(std::string_view advertise,
                                                    const Endpoint& listener) {
  if (!advertise.empty()) {
    ISOPOP_TRY_ASSIGN(const Endpoint said, parse_advertise(advertise, listener.port()));
    return AdvertisedAddress(said, listener);
  }
  if (listener.address().is_unspecified()) return AdvertisedAddress(std::nullopt, listener);
  return AdvertisedAddress(listener, listener);
}

Result<std::string> AdvertisedAddress::told_to(std::string_view peer) const {
  if (fixed_) return to_string(*fixed_);
  const HostAndPort parts = split_host(peer);
  addrinfo hints{};
  // What listens on 0.0.0.0 hears nothing that is sent to ::1.
  hints.ai_family = listener_.address().is_v4() ? AF_INET : AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  const int outcome = getaddrinfo(parts.host.c_str(), parts.port.c_str(), &hints, &found);
  const std::unique_ptr<addrinfo, FreeAddresses> addresses(found);
  if (outcome != 0) {
    return unavailable(fmt::format("look up {}: {}", parts.host, gai_strerror(outcome)));
  }
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    const std::optional<Endpoint> local = local_address_towards(*address, listener_.port());
    if (local) return to_string(*local);
  }
  return unavailable(fmt::format("there is no way from here to {}", peer));
}

}  // namespace isopop
