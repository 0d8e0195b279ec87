#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <string>
#include <string_view>

#include "common/event_loop/asio.h"
#include "common/result/result.h"

namespace isopop {

using Endpoint = asio::ip::tcp::endpoint;

// "127.0.0.1:8080" or "[::1]:8080"; port 0 lets the kernel choose. Names are not looked up.
[[nodiscard]] Result<Endpoint> parse_endpoint(std::string_view text);

// The inverse.
[[nodiscard]] std::string to_string(const Endpoint& endpoint);

}  // namespace isopop
