#include "common/http/message.h"

#include <algorithm>
#include <array>

#include "common/http/header_names.h"
#include "common/text/text.h"

namespace isopop::http {
namespace {

struct Phrase {
  unsigned status;
  std::string_view text;
};

// IANA's registry of HTTP status codes, ascending.
constexpr std::array<Phrase, 61> kPhrases = {{
    {100, "Continue"},
    {101, "Switching Protocols"},
    {102, "Processing"},
    {103, "Early Hints"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {203, "Non-Authoritative Information"},
    {204, "No Content"},
    {205, "Reset Content"},
    {206, "Partial Content"},
    {207, "Multi-Status"},
    {208, "Already Reported"},
    {226, "IM Used"},
    {300, "Multiple Choices"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {303, "See Other"},
    {304, "Not Modified"},
    {305, "Use Proxy"},
    {307, "Temporary Redirect"},
    {308, "Permanent Redirect"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {402, "Payment Required"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {407, "Proxy Authentication Required"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {423, "Locked"},
    {424, "Failed Dependency"},
    {425, "Too Early"},
    {426, "Upgrade Required"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {451, "Unavailable For Legal Reasons"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {506, "Variant Also Negotiates"},
    {507, "Insufficient Storage"},
    {508, "Loop Detected"},
    {510, "Not Extended"},
    {511, "Network Authentication Required"},
}};

}  // namespace

std::string_view reason_phrase(unsigned status) {
  const auto* const found = std::lower_bound(
      kPhrases.begin(), kPhrases.end(), status,
      [](const Phrase& phrase, unsigned wanted) { return phrase.status < wanted; });
  return found != kPhrases.end() && found->status == status ? found->text : "Unknown";
}

bool is_idempotent(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "OPTIONS" || method == "TRACE" ||
         method == "PUT" || method == "DELETE";
}

bool status_allows_body(unsigned status) {
  return status >= 200 && status != 204 && status != 304;
}

TargetParts split_target(std::string_view target) {
  TargetParts parts;
  const std::size_t scheme = target.find("://");
  if (!target.starts_with('/') && scheme != std::string_view::npos) {
    target.remove_prefix(scheme + 3);
    const std::size_t path = target.find_first_of("/?");
    parts.host = target.substr(0, path);
    target = path == std::string_view::npos ? std::string_view() : target.substr(path);
  }
  const std::size_t question = target.find('?');
  parts.path = target.substr(0, question);
  if (parts.path.empty()) parts.path = "/";
  if (question != std::string_view::npos) {
    parts.query = target.substr(question + 1);
    parts.has_query = true;
  }
  return parts;
}

std::string request_host(const RequestHead& request) {
  std::string_view host = split_target(request.target).host;
  if (const std::size_t at = host.rfind('@'); at != std::string_view::npos) {
    host.remove_prefix(at + 1);
  }
  if (host.empty()) host = request.headers.get(header_names::kHost).value_or("");
  const std::size_t bracket = host.rfind(']');  // of an IPv6 address
  const std::size_t colon = host.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    host = host.substr(0, colon);
  }
  return to_lower(host);
}

}  // namespace isopop::http
