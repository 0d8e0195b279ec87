#include "common/event_loop/address.h"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <optional>

#include "common/text/text.h"

namespace isopop {

Result<Endpoint> parse_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  std::string_view host = text.substr(0, colon);
  if (host.size() > 1 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  }
  boost::system::error_code error;
  const auto address = asio::ip::make_address(std::string(host), error);
  const std::optional<unsigned long long> port =
      colon == std::string_view::npos ? std::nullopt : parse_unsigned(text.substr(colon + 1));
  if (error || !port || *port > 65535) {
    return invalid_argument(
        fmt::format("'{}' is not an address with a port, as in \"127.0.0.1:8080\"", text));
  }
  return Endpoint(address, static_cast<unsigned short>(*port));
}

std::string to_string(const Endpoint& endpoint) {
  const std::string host = endpoint.address().to_string();
  return endpoint.address().is_v6() ? fmt::format("[{}]:{}", host, endpoint.port())
                                    : fmt::format("{}:{}", host, endpoint.port());
}

}  // namespace isopop
