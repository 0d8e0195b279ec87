#include "sim/trace/trace_format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>

#include "common/text/text.h"
#include "sim/trace/log_line.h"
#include "sim/trace/table_columns.h"

namespace isopop::sim {
namespace {

constexpr std::array kNames = {
    std::pair{TraceFormat::kClf, std::string_view("clf")},
    std::pair{TraceFormat::kCombined, std::string_view("combined")},
    std::pair{TraceFormat::kCsv, std::string_view("csv")},
    std::pair{TraceFormat::kJsonl, std::string_view("jsonl")},
};

// So many lines are looked at before giving up on a log whose first lines are broken.
constexpr int kLinesTried = 20;

std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::string_view without_byte_order_mark(std::string_view text) {
  return text.starts_with("\xEF\xBB\xBF") ? text.substr(3) : text;
}

}  // namespace

std::string_view to_string(TraceFormat format) {
  for (const auto& [known, name] : kNames) {
    if (known == format) return name;
  }
  return "unknown";
}

Result<TraceFormat> parse_trace_format(std::string_view name) {
  for (const auto& [format, known] : kNames) {
    if (known == name) return format;
  }
  return invalid_argument(
      fmt::format("'{}' is not a trace format; known: clf combined csv jsonl", name));
}

char detect_separator(std::string_view header_row) {
  char best = ',';
  std::ptrdiff_t most = 0;
  for (const char candidate : {',', '\t', ';'}) {
    const std::ptrdiff_t count = std::count(header_row.begin(), header_row.end(), candidate);
    if (count > most) {
      best = candidate;
      most = count;
    }
  }
  return best;
}

std::string_view first_line(std::string_view head) {
  std::string_view rest = without_byte_order_mark(head);
  while (!rest.empty()) {
    const std::string_view line = take_line(rest);
    if (!trim(line).empty() && !line.starts_with('#')) return line;
  }
  return {};
}

Result<TraceFormat> detect_trace_format(std::string_view head) {
  if (const std::size_t zero = head.find('\0'); zero != std::string_view::npos) {
    return invalid_argument(fmt::format("a binary file? byte {} is zero", zero + 1));
  }
  const std::string_view first = first_line(head);
  if (first.empty()) return invalid_argument("there is no line in it");
  if (trim(first).starts_with('{')) return TraceFormat::kJsonl;
  std::string_view rest = head;
  for (int tried = 0; tried < kLinesTried && !rest.empty(); ++tried) {
    const std::string_view line = take_line(rest);
    RequestFields fields;
    if (parse_log_line(line, LogDialect::kCombined, fields).ok()) return TraceFormat::kCombined;
    if (parse_log_line(line, LogDialect::kCommon, fields).ok()) return TraceFormat::kClf;
  }
  std::vector<std::string> names;
  for (const std::string_view name : split(first, detect_separator(first)))
    names.emplace_back(name);
  if (TableColumns::find(names).ok()) return TraceFormat::kCsv;
  return invalid_argument(
      fmt::format("cannot tell its format; the first line is '{}'. If you know it, say --format "
                  "clf|combined|csv|jsonl",
                  truncate_utf8(first, 60)));
}

}  // namespace isopop::sim
