#include "pop_node/http/request_translation.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include "common/http/header_names.h"
#include "common/text/text.h"
#include "pop_node/worker/route_index.h"

namespace isopop::pop {
namespace {

namespace header_names = http::header_names;

constexpr std::size_t kAuthorityBytesMax = 255;
constexpr std::size_t kCityBytesMax = 128;
constexpr std::string_view kOwnHeaders = "isopop-";

bool is_authority(std::string_view text) {
  return !text.empty() && text.size() <= kAuthorityBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '-' || c == '.' || c == '_' || c == ':' || c == '[' || c == ']';
         });
}

// Spaces and controls would make the request line ambiguous; everything else is the URL parser's.
bool is_target(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) > ' ' && c != '\x7f'; });
}

// Frames carry text as UTF-8. What else a client sends in a target is written in ASCII, as a URL
// parser would do it.
std::string in_ascii(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string ascii;
  ascii.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      ascii.push_back(c);
    } else {
      ascii.append({'%', kDigits[byte >> 4U], kDigits[byte & 0xFU]});
    }
  }
  return ascii;
}

// Whether the bytes are UTF-8 without overlong forms and surrogates.
bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    std::size_t size = 1;
    if (lead >= 0x80) size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if ((lead >= 0x80 && lead < 0xC2) || lead > 0xF4 || i + size > text.size()) return false;
    for (std::size_t k = 1; k < size; ++k) {
      const auto next = static_cast<unsigned char>(text[i + k]);
      if ((next & 0xC0U) != 0x80) return false;
      if (k == 1 && ((lead == 0xE0 && next < 0xA0) || (lead == 0xED && next > 0x9F) ||
                     (lead == 0xF0 && next < 0x90) || (lead == 0xF4 && next > 0x8F))) {
        return false;
      }
    }
    i += size;
  }
  return true;
}

void remove_own_headers(http::Headers& headers) {
  std::vector<std::string> names;
  for (const http::HeaderView header : headers) {
    if (to_lower(header.name.substr(0, kOwnHeaders.size())) == kOwnHeaders) {
      names.emplace_back(header.name);
    }
  }
  for (const std::string& name : names) headers.remove(name);
}

}  // namespace

Result<RequestTarget> parse_target(const http::RequestHead& head) {
  const http::TargetParts parts = http::split_target(head.target);
  RequestTarget target;
  target.authority = parts.host.empty()
                         ? std::string(trim(head.headers.get(header_names::kHost).value_or("")))
                         : std::string(parts.host);
  if (!is_authority(target.authority)) {
    return invalid_argument("the request names no host that a URL could have");
  }
  const std::string_view path = parts.path == "*" ? "/" : parts.path;
  if (!path.starts_with('/') || !is_target(path) || !is_target(parts.query)) {
    return invalid_argument("the request target is not a path");
  }
  target.host = host_name(target.authority);
  target.path = std::string(path);
  target.url = "http://" + target.authority + in_ascii(target.path);
  if (parts.has_query) target.url.append("?").append(in_ascii(parts.query));
  return target;
}

v1::RequestHead to_executor_request(http::RequestHead& head, const RequestTarget& target,
                                    std::string_view ray, WallTime arrived_at) {
  v1::RequestHead request;
  request.set_method(head.method);
  request.set_url(target.url);
  request.set_http_protocol(head.version == http::Version::kHttp10 ? "HTTP/1.0" : "HTTP/1.1");
  request.set_wall_time_us(static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::microseconds>(arrived_at.time_since_epoch()).count()));
  *request.mutable_client() = client_place(head.headers);

  http::remove_hop_by_hop(head.headers);
  remove_own_headers(head.headers);
  head.headers.remove(header_names::kExpect);
  head.headers.set(header_names::kRay, ray);
  for (const http::HeaderView header : head.headers) {
    v1::Header& out = *request.add_headers();
    out.set_name(to_lower(header.name));
    out.set_value(std::string(header.value));
  }
  return request;
}

v1::ClientPlace client_place(const http::Headers& headers) {
  v1::ClientPlace place;
  const std::string_view city =
      truncate_utf8(headers.get(header_names::kClientCity).value_or(""), kCityBytesMax);
  if (is_utf8(city)) place.set_city(std::string(city));
  const std::string_view country = headers.get(header_names::kClientCountry).value_or("");
  if (country.size() == 2 && is_utf8(country)) place.set_country(std::string(country));

  const std::string_view location = headers.get(header_names::kClientLocation).value_or("");
  const std::vector<std::string_view> numbers = split(location, ',');
  if (numbers.size() != 2) return place;
  const std::optional<double> latitude = parse_double(trim(numbers[0]));
  const std::optional<double> longitude = parse_double(trim(numbers[1]));
  if (!latitude || !longitude) return place;
  if (*latitude < -90 || *latitude > 90 || *longitude < -180 || *longitude > 180) return place;
  place.set_latitude_deg(*latitude);
  place.set_longitude_deg(*longitude);
  place.set_known(true);
  return place;
}

}  // namespace isopop::pop
