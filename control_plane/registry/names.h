#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace isopop::control {

// What may stand in a worker's name and in its routes. Everything here is text from outside, so
// every function bounds what it accepts and its errors quote at most a line of it.

// The domain under which each worker answers without a route: "NAME.isopop.test".
inline constexpr std::string_view kDefaultDomain = "isopop.test";
inline constexpr std::size_t kRoutesMax = 100;
inline constexpr std::size_t kRouteBytesMax = 2048;

// One label of a host name, as the default domain asks for: ^[a-z0-9][a-z0-9-]{0,62}$.
[[nodiscard]] Result<void> check_worker_name(std::string_view name);

// "host/path" in its one canonical spelling: host in lower case, exact, "*.suffix" or "*"; path
// exact or ending in '*'. Hosts under the default domain are refused: they belong to the workers
// they name.
[[nodiscard]] Result<std::string> canonical_route(std::string_view pattern);

// All of them canonical, sorted, each once.
[[nodiscard]] Result<std::vector<std::string>> canonical_routes(
    const std::vector<std::string>& patterns);

// What people write about a change, and who they are: at most so many bytes, of one line or of
// several, and no other control characters.
inline constexpr std::size_t kAuthorBytesMax = 256;
inline constexpr std::size_t kMessageBytesMax = 4096;
inline constexpr std::size_t kTagBytesMax = 128;
[[nodiscard]] Result<void> check_author(std::string_view author);
[[nodiscard]] Result<void> check_message(std::string_view message);
[[nodiscard]] Result<void> check_tag(std::string_view tag);

// For messages: at most 80 bytes, what is not printable ASCII shown as \xNN.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace isopop::control
