#include "sim/trace/log_line.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/text/text.h"
#include "sim/trace/trace_time.h"

namespace isopop::sim {
namespace {

// Where the quoted text that begins at text[0] ends: the first quote without a backslash before it.
std::size_t closing_quote(std::string_view text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i;
    }
  }
  return std::string_view::npos;
}

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// ` 200 1234` and, in the combined dialect, ` "referrer" "agent"`.
Result<void> check_rest(std::string_view rest, LogDialect dialect) {
  rest = trim(rest);
  const std::string_view status = rest.substr(0, rest.find(' '));
  if (status != "-" && (status.size() != 3 || !all_digits(status))) {
    return invalid_argument(status.empty()
                                ? "the line ends before the status"
                                : fmt::format("'{}' is not a status", truncate_utf8(status, 20)));
  }
  rest = trim(rest.substr(status.size()));
  const std::string_view bytes = rest.substr(0, rest.find(' '));
  if (bytes != "-" && !all_digits(bytes)) {
    return invalid_argument(
        bytes.empty() ? "the line ends before the number of bytes"
                      : fmt::format("'{}' is not a number of bytes", truncate_utf8(bytes, 20)));
  }
  if (dialect == LogDialect::kCommon) return {};
  rest = trim(rest.substr(bytes.size()));
  const std::size_t end = rest.starts_with('"') ? closing_quote(rest) : std::string_view::npos;
  if (end == std::string_view::npos)
    return invalid_argument("the line ends before the referrer does");
  rest = trim(rest.substr(end + 1));
  // An agent without its closing quote is kept: servers cut long ones, and nothing we need is lost.
  if (!rest.starts_with('"')) return invalid_argument("the line ends before the user agent");
  return {};
}

}  // namespace

Result<void> parse_log_line(std::string_view line, LogDialect dialect, RequestFields& fields) {
  fields.clear();
  if (line.find('\0') != std::string_view::npos) {
    return invalid_argument("it holds zero bytes: not text");
  }
  const std::size_t client_end = line.find(' ');
  if (client_end == 0 || client_end == std::string_view::npos) {
    return invalid_argument("it does not begin with a client");
  }
  const std::size_t time_begin = line.find(" [", client_end);
  const std::size_t time_end = line.find(']', client_end);
  if (time_begin == std::string_view::npos || time_end == std::string_view::npos ||
      time_end < time_begin) {
    return invalid_argument("there is no [time]");
  }
  ISOPOP_TRY_ASSIGN(fields.time_ns,
                    parse_log_time(line.substr(time_begin + 2, time_end - time_begin - 2)));
  const std::string_view after_time = trim(line.substr(time_end + 1));
  if (!after_time.starts_with('"')) return invalid_argument("there is no \"request line\"");
  const std::size_t quote = closing_quote(after_time);
  if (quote == std::string_view::npos) return invalid_argument("the request line has no end");
  const std::string_view request = after_time.substr(1, quote - 1);
  if (request.find('\\') == std::string_view::npos) {
    ISOPOP_TRY(take_request_line(request, fields));
  } else {
    ISOPOP_TRY(take_request_line(unescape_log_text(request), fields));
  }
  ISOPOP_TRY(check_rest(after_time.substr(quote + 1), dialect));
  fields.client = line.substr(0, client_end);
  return {};
}

}  // namespace isopop::sim
