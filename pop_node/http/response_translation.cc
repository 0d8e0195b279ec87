#include "pop_node/http/response_translation.h"

#include <string>

#include "common/http/header_names.h"
#include "common/text/text.h"

namespace isopop::pop {
namespace {

// Most clients and proxies take no more.
constexpr int kHeadersMax = 256;
constexpr std::size_t kHeadBytesMax = 128 * 1024;
constexpr std::string_view kOwnHeaders = "isopop-";

}  // namespace

Result<WorkerAnswer> to_http_answer(const v1::ResponseHead& response) {
  if (response.status() < 200 || response.status() > 599) {
    return invalid_argument("status " + std::to_string(response.status()));
  }
  if (response.headers_size() > kHeadersMax) {
    return invalid_argument(std::to_string(response.headers_size()) + " response headers");
  }
  WorkerAnswer answer;
  answer.head.status = response.status();
  if (http::is_header_value(response.status_text())) answer.head.reason = response.status_text();

  std::size_t bytes = response.status_text().size();
  for (const v1::Header& header : response.headers()) {
    bytes += header.name().size() + header.value().size();
    if (bytes > kHeadBytesMax) return invalid_argument("a response head that is too large");
    if (!http::is_header_name(header.name()) || !http::is_header_value(header.value())) {
      return invalid_argument("a response header that HTTP does not allow");
    }
    if (equals_ignoring_case(header.name(), http::header_names::kContentLength)) {
      if (const auto length = parse_unsigned(header.value())) answer.declared_length = *length;
      continue;
    }
    if (to_lower(header.name().substr(0, kOwnHeaders.size())) == kOwnHeaders) continue;
    answer.head.headers.add(header.name(), header.value());
  }
  http::remove_hop_by_hop(answer.head.headers);
  return answer;
}

}  // namespace isopop::pop
