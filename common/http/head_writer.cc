#include "common/http/head_writer.h"

#include <fmt/format.h>

#include <array>
#include <chrono>
#include <iterator>

#include "common/http/header_names.h"
#include "common/text/text.h"

namespace isopop::http {
namespace {

bool is_framing(std::string_view name) {
  switch (name.size()) {
    case 10:
      return equals_ignoring_case(name, "connection") || equals_ignoring_case(name, "keep-alive");
    case 14:
      return equals_ignoring_case(name, header_names::kContentLength);
    case 17:
      return equals_ignoring_case(name, header_names::kTransferEncoding);
    default:
      return false;
  }
}

Result<void> check_headers(const Headers& headers) {
  for (const HeaderView header : headers) {
    if (!is_header_name(header.name)) {
      return invalid_argument("a header's name is not a token");
    }
    if (!is_header_value(header.value)) {
      return invalid_argument(
          fmt::format("the value of header {} holds control characters", header.name));
    }
  }
  return {};
}

void write_line(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void write_framing(std::string& out, Framing framing) {
  if (framing.kind == Framing::Kind::kChunked) {
    write_line(out, header_names::kTransferEncoding, "chunked");
  } else if (framing.kind == Framing::Kind::kLength) {
    const fmt::format_int length(framing.length);
    write_line(out, header_names::kContentLength, {length.data(), length.size()});
  }
}

}  // namespace

Result<void> write_response_head(std::string& out, const ResponseHead& head, Framing framing,
                                 std::string_view connection, std::string_view date) {
  if (head.status < 100 || head.status > 999) {
    return invalid_argument(fmt::format("{} is not an HTTP status", head.status));
  }
  if (!is_header_value(head.reason)) {
    return invalid_argument("the reason phrase holds control characters");
  }
  ISOPOP_TRY(check_headers(head.headers));
  const std::string_view reason = head.reason.empty() ? reason_phrase(head.status) : head.reason;
  // The version is the server's own, not the client's (RFC 9110 6.2), also to a client of 1.0.
  fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", head.status, reason);
  bool has_date = false;
  for (const HeaderView header : head.headers) {
    if (is_framing(header.name)) continue;
    has_date = has_date || equals_ignoring_case(header.name, header_names::kDate);
    write_line(out, header.name, header.value);
  }
  if (!has_date) write_line(out, header_names::kDate, date);
  write_framing(out, framing);
  if (!connection.empty()) write_line(out, header_names::kHttpConnection, connection);
  out.append("\r\n");
  return {};
}

Result<void> write_request_head(std::string& out, const RequestHead& head, Framing framing,
                                std::string_view host) {
  if (!is_header_name(head.method)) return invalid_argument("the method is not a token");
  if (head.target.empty() || !is_header_value(head.target) ||
      head.target.find_first_of(" \t") != std::string::npos) {
    return invalid_argument("the request target is empty or holds spaces or control characters");
  }
  ISOPOP_TRY(check_headers(head.headers));
  out.append(head.method).append(" ").append(head.target).append(" HTTP/1.1\r\n");
  if (!head.headers.contains(header_names::kHost)) write_line(out, header_names::kHost, host);
  for (const HeaderView header : head.headers) {
    // Expect is dropped: the body is sent without waiting.
    if (is_framing(header.name) || equals_ignoring_case(header.name, header_names::kExpect)) {
      continue;
    }
    write_line(out, header.name, header.value);
  }
  write_framing(out, framing);
  if (!head.keep_alive) write_line(out, header_names::kHttpConnection, "close");
  out.append("\r\n");
  return {};
}

std::string format_http_date(std::int64_t unix_seconds) {
  constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed",
                                                     "Thu", "Fri", "Sat"};
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::chrono::sys_seconds time{std::chrono::seconds(unix_seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} GMT",
                     kDays[std::chrono::weekday(day).c_encoding()], unsigned{date.day()},
                     kMonths[unsigned{date.month()} - 1], int{date.year()}, clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

}  // namespace isopop::http
