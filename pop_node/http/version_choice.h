#pragma once

#include <string>
#include <string_view>

#include "common/http/message.h"
#include "pop_node/worker/live_assignment.h"

namespace isopop::pop {

// Which of a worker's versions a request is for. Pure functions.

// Whose request it is, for workers that keep a client with its version: the first address of
// x-forwarded-for, where the router and what stands before it say so, else `remote`.
[[nodiscard]] std::string client_address(const http::Headers& headers, std::string_view remote);

// What of a request decides.
struct VersionKeys {
  std::string_view header;  // the value of sticky_header(); empty: it has none
  std::string_view client;  // its address
  std::string_view ray;
};

// The header that keeps a client with its version; empty when it is another thing or none.
[[nodiscard]] const std::string& sticky_header(const LiveAssignment& assignment);

// Where the assignment is sticky: the version whose part of the range the header's value, or the
// client's address, falls on (share_point()). Else, and without that header, drawn: by the ray id,
// which is random, so that all that one request asks of a worker is answered by one version of it.
[[nodiscard]] LiveWorkerPtr choose_version(const LiveAssignment& assignment,
                                           const VersionKeys& keys);

}  // namespace isopop::pop
