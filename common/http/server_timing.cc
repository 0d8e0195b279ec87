#include "common/http/server_timing.h"

#include <fmt/format.h>

#include <iterator>

#include "common/text/text.h"
#include "common/units/units.h"

namespace isopop::http {
namespace {

// Cuts `text` at the first `separator` outside double quotes and moves past it.
std::string_view take_until(std::string_view& text, char separator) {
  bool quoted = false;
  std::size_t position = 0;
  for (; position < text.size(); ++position) {
    const char c = text[position];
    if (quoted && c == '\\') {
      ++position;
    } else if (c == '"') {
      quoted = !quoted;
    } else if (c == separator && !quoted) {
      break;
    }
  }
  const std::string_view piece = text.substr(0, position);
  text.remove_prefix(position < text.size() ? position + 1 : text.size());
  return piece;
}

std::string_view unquote(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') {
    return text.substr(1, text.size() - 2);
  }
  return text;
}

}  // namespace

void append_timing(std::string& header, std::string_view name, std::chrono::nanoseconds duration) {
  if (!header.empty()) header.append(", ");
  fmt::format_to(std::back_inserter(header), "{};dur={:.3f}", name, to_ms(duration));
}

std::vector<TimingMetric> parse_server_timing(std::string_view header) {
  std::vector<TimingMetric> metrics;
  while (!header.empty()) {
    std::string_view rest = take_until(header, ',');
    TimingMetric metric{.name = trim(take_until(rest, ';')), .duration_ms = {}};
    if (metric.name.empty()) continue;
    while (!rest.empty()) {
      std::string_view value = take_until(rest, ';');
      const std::string_view key = trim(take_until(value, '='));
      if (equals_ignoring_case(key, "dur") && !metric.duration_ms) {
        metric.duration_ms = parse_double(unquote(trim(value)));
      }
    }
    metrics.push_back(metric);
  }
  return metrics;
}

std::optional<double> find_timing_ms(std::string_view header, std::string_view name) {
  for (const TimingMetric& metric : parse_server_timing(header)) {
    if (metric.name == name) return metric.duration_ms;
  }
  return std::nullopt;
}

}  // namespace isopop::http
