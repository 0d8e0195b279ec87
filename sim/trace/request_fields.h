#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/result/result.h"

namespace isopop::sim {

// What one line of a trace says of a request, before its texts are numbered. Reused from line to
// line.
struct RequestFields {
  std::int64_t time_ns = 0;
  std::string client;
  std::string host;
  std::string target;
  std::string method;
  std::string city;
  std::string location;

  void clear();
};

// "GET" and the like: a token of letters. CONNECT is refused, since it names no path.
[[nodiscard]] Result<void> take_method(std::string_view text, RequestFields& fields);

// A path, or an absolute URL whose host goes into `host`. Bytes that may not stand in a request
// line are percent-encoded, a fragment is cut off.
enum class RelativePath { kRefused, kGetsSlash };
[[nodiscard]] Result<void> take_target(std::string_view text, RelativePath relative,
                                       RequestFields& fields);

// "GET /path HTTP/1.1" as servers log it; the version may be missing (HTTP/0.9).
[[nodiscard]] Result<void> take_request_line(std::string_view text, RequestFields& fields);

// Turns Apache's \" \\ \t \n \xHH back into the bytes they stand for.
[[nodiscard]] std::string unescape_log_text(std::string_view text);

}  // namespace isopop::sim
