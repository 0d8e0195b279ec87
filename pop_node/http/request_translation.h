#pragma once

#include <string>
#include <string_view>

#include "common/http/message.h"
#include "common/result/result.h"
#include "common/time/clock.h"
#include "isopop/v1/executor.pb.h"

namespace isopop::pop {

// An HTTP request as the worker will see it: an absolute URL, the headers that are its client's,
// and the client's place, which the router tells in headers of its own. Pure functions.

// Where in the address space the request is.
struct RequestTarget {
  std::string authority;  // as the client wrote it, with port
  std::string host;       // host_name() of it
  std::string path;       // without query
  std::string url;        // "http://authority/path?query"
};

// INVALID_ARGUMENT when the target or the Host header is nothing a URL can be made of.
[[nodiscard]] Result<RequestTarget> parse_target(const http::RequestHead& head);

// All but id and body. `head` loses the headers that are not the worker's to see: those of the
// connection and all that begin with "isopop-"; it gets its ray id.
[[nodiscard]] v1::RequestHead to_executor_request(http::RequestHead& head,
                                                  const RequestTarget& target, std::string_view ray,
                                                  WallTime arrived_at);

// From isopop-client-location, -city and -country; known only with a location that is one.
[[nodiscard]] v1::ClientPlace client_place(const http::Headers& headers);

}  // namespace isopop::pop
