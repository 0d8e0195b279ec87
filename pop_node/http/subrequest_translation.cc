#include "pop_node/http/subrequest_translation.h"

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

#include "common/http/header_names.h"
#include "common/text/text.h"
#include "pop_node/http/response_translation.h"

namespace isopop::pop {
namespace {

namespace header_names = http::header_names;

constexpr int kHeadersMax = 256;
constexpr std::size_t kHeadBytesMax = 128 * 1024;
constexpr std::size_t kUrlShownBytesMax = 256;
constexpr std::string_view kHttp = "http://";
constexpr std::string_view kHttps = "https://";

Result<void> check_size(const v1::SubrequestHead& asked) {
  std::size_t bytes = asked.method().size() + asked.url().size();
  for (const v1::Header& header : asked.headers()) {
    bytes += header.name().size() + header.value().size();
  }
  if (asked.headers_size() <= kHeadersMax && bytes <= kHeadBytesMax) return {};
  return invalid_argument(
      fmt::format("fetch: a request may have {} headers and 128 KiB of them", kHeadersMax));
}

Result<http::RequestHead> to_http_request(const v1::SubrequestHead& asked) {
  ISOPOP_TRY(check_size(asked));
  http::RequestHead head;
  head.method = asked.method();
  head.target = asked.url();
  if (!http::is_header_name(head.method)) return invalid_argument("fetch: no method of HTTP");
  for (const v1::Header& header : asked.headers()) {
    if (!http::is_header_name(header.name()) || !http::is_header_value(header.value())) {
      return invalid_argument("fetch: a header that HTTP does not allow");
    }
    head.headers.add(header.name(), header.value());
  }
  return head;
}

void add_header(v1::ResponseHead& head, std::string_view name, std::string_view value) {
  v1::Header& header = *head.add_headers();
  header.set_name(to_lower(name));
  header.set_value(std::string(value));
}

v1::ResponseHead to_frame(const http::ResponseHead& answer, const SubrequestOrigin& origin) {
  v1::ResponseHead head;
  head.set_status(answer.status);
  head.set_status_text(answer.reason);
  for (const http::HeaderView header : answer.headers) add_header(head, header.name, header.value);
  add_header(head, header_names::kRay, origin.lineage.ray);
  return head;
}

}  // namespace

Result<TranslatedSubrequest> to_executor_request(const v1::SubrequestHead& asked,
                                                 std::size_t body_bytes,
                                                 const SubrequestOrigin& origin, WallTime now) {
  const bool is_https = asked.url().starts_with(kHttps);
  if (!is_https && !asked.url().starts_with(kHttp)) {
    return invalid_argument("fetch: only http: and https: can be asked");
  }
  if (origin.lineage.depth >= kSubrequestDepthMax) {
    return invalid_argument(fmt::format("fetch: more than {} workers have passed this request on",
                                        kSubrequestDepthMax));
  }
  ISOPOP_TRY_ASSIGN(http::RequestHead head, to_http_request(asked));
  TranslatedSubrequest request;
  ISOPOP_TRY_ASSIGN(request.target, parse_target(head));
  if (is_https) request.target.url.replace(0, kHttp.size(), kHttps);
  head.headers.set(header_names::kHost, request.target.authority);
  head.headers.remove(header_names::kContentLength);
  if (asked.has_body()) {
    head.headers.set(header_names::kContentLength, std::to_string(body_bytes));
  }
  request.head = to_executor_request(head, request.target, origin.lineage.ray, now);
  *request.head.mutable_client() = origin.client;
  request.head.set_has_body(asked.has_body());
  return request;
}

Error nobody_answers(const v1::SubrequestHead& asked) {
  return not_found(fmt::format("fetch: no worker answers at {}; there is no way out of the PoP",
                               truncate_utf8(asked.url(), kUrlShownBytesMax)));
}

Result<v1::ResponseHead> to_subresponse(const v1::ResponseHead& response,
                                        const SubrequestOrigin& origin) {
  ISOPOP_TRY_ASSIGN(const WorkerAnswer answer, to_http_answer(response));
  return to_frame(answer.head, origin);
}

v1::ResponseHead to_subresponse(const ErrorAnswer& error, const SubrequestOrigin& origin) {
  v1::ResponseHead head = to_frame(error_head(error), origin);
  head.set_body(error_text(error, origin.lineage.ray));
  head.set_body_complete(true);
  return head;
}

}  // namespace isopop::pop
