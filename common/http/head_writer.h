#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/http/message.h"
#include "common/result/result.h"

namespace isopop::http {

// Internal to common/http: heads as text. What the headers of the message say of framing is left
// out, and the truth put in its place.

// How the body's end will be known.
struct Framing {
  enum class Kind {
    kNone,    // no body and no header that speaks of one
    kLength,  // content-length
    kChunked,
    kUntilClose,
  } kind = Kind::kNone;
  std::uint64_t length = 0;
};

// Refuses with kInvalidArgument any name or value that could end its line; then `out` is unchanged.
Result<void> write_response_head(std::string& out, const ResponseHead& head, Framing framing,
                                 std::string_view connection, std::string_view date);
Result<void> write_request_head(std::string& out, const RequestHead& head, Framing framing,
                                std::string_view host);

// "Mon, 23 Nov 2026 06:10:04 GMT" (RFC 9110 5.6.7).
[[nodiscard]] std::string format_http_date(std::int64_t unix_seconds);

}  // namespace isopop::http
