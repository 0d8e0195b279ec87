#pragma once

#include <string>
#include <string_view>

#include "common/http/headers.h"

namespace isopop::http {

// Heads of HTTP/1.x messages as plain values. Framing (content-length, transfer-encoding,
// connection, expect) is the business of Server and ClientPool: what these headers say is checked
// on the way in, and on the way out they are replaced by what the body and the connection really
// are.

enum class Version { kHttp10, kHttp11 };

struct RequestHead {
  std::string method = "GET";
  std::string target = "/";  // as on the request line: "/path?query", or absolute as proxies get it
  Headers headers;
  Version version = Version::kHttp11;
  bool keep_alive = true;  // may the connection be used again after this exchange
};

struct ResponseHead {
  unsigned status = 200;
  std::string reason;  // "" means the usual phrase of the status
  Headers headers;
};

// A whole response, as ClientPool::fetch() gives it.
struct Response {
  ResponseHead head;
  std::string body;
};

// "Not Found"; "Unknown" for a number nobody registered.
[[nodiscard]] std::string_view reason_phrase(unsigned status);

// Safe to send again when it is not known whether the first one arrived (RFC 9110 9.2.2): GET,
// HEAD, OPTIONS, TRACE, PUT, DELETE.
[[nodiscard]] bool is_idempotent(std::string_view method);

// 1xx, 204 and 304 never have a body.
[[nodiscard]] bool status_allows_body(unsigned status);

// The parts of a request target. `path` begins with '/', `query` is without '?'. Of an absolute
// target
// ("http://host/path") the host is split off too; otherwise host is "". "*" gives path "*".
struct TargetParts {
  std::string_view host;
  std::string_view path;
  std::string_view query;
  bool has_query = false;
};
[[nodiscard]] TargetParts split_target(std::string_view target);

// The host that a request is for: of the absolute target, else of the Host header; lower case,
// without port; "" if there is none.
[[nodiscard]] std::string request_host(const RequestHead& request);

}  // namespace isopop::http
