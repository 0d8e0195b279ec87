#include "sim/trace/trace_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <istream>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "common/csv/csv_reader.h"
#include "common/text/text.h"
#include "sim/trace/byte_source.h"
#include "sim/trace/line_reader.h"
#include "sim/trace/log_line.h"
#include "sim/trace/request_fields.h"
#include "sim/trace/table_columns.h"

namespace isopop::sim {
namespace {

constexpr std::size_t kBrokenLinesKept = 10;
constexpr std::int64_t kNsPerSecond = 1'000'000'000;

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

bool is_host(std::string_view text) {
  return text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
                  c == '_' || c == ':' || c == '[' || c == ']';
         });
}

// These texts become header values and must not be able to end one.
Result<void> check_texts(const RequestFields& fields) {
  if (has_control_character(fields.client) || fields.client.size() > 255) {
    return invalid_argument("the client holds control characters or is longer than 255 bytes");
  }
  if (has_control_character(fields.city)) {
    return invalid_argument("the city holds control characters");
  }
  if (!is_host(to_lower(fields.host))) {
    return invalid_argument(fmt::format("'{}' is not a host", truncate_utf8(fields.host, 60)));
  }
  return {};
}

// Takes lines in, good and broken, and makes the trace of them.
class TraceBuilder final {
 public:
  TraceBuilder(const std::string& path, const TraceReadOptions& options) : options_(options) {
    trace_.source = path;
  }

  void set_format(TraceFormat format) { trace_.format = format; }
  [[nodiscard]] TraceFormat format() const { return trace_.format; }

  [[nodiscard]] Error error_at(std::uint64_t line, const Error& error) const {
    return Error{error.code, fmt::format("{}:{}: {}", trace_.source, line, error.message)};
  }

  Result<void> add(std::uint64_t line, const Result<void>& parsed, RequestFields& fields) {
    if (!parsed.ok()) return add_broken(line, parsed.error().message);
    if (const Result<void> texts = check_texts(fields); !texts.ok()) {
      return add_broken(line, texts.error().message);
    }
    ++trace_.lines;
    if (trace_.requests.size() == options_.requests_max ||
        trace_.texts.bytes() > options_.text_bytes_max) {
      return error_at(line,
                      Error{ErrorCode::kResourceExhausted,
                            fmt::format("the trace is too large to be sorted in memory (at "
                                        "most {} requests and {} MiB of distinct texts); "
                                        "split it",
                                        options_.requests_max, options_.text_bytes_max >> 20U)});
    }
    if (!trace_.requests.empty() && fields.time_ns < latest_ns_) ++trace_.out_of_order;
    latest_ns_ = trace_.requests.empty() ? fields.time_ns : std::max(latest_ns_, fields.time_ns);
    trace_.whole_seconds = trace_.whole_seconds && fields.time_ns % kNsPerSecond == 0;
    if (fields.client == "-") fields.client.clear();
    trace_.requests.push_back({.time_ns = fields.time_ns,
                               .client = trace_.texts.intern(fields.client),
                               .host = trace_.texts.intern(fields.host),
                               .target = trace_.texts.intern(fields.target),
                               .method = trace_.texts.intern(fields.method),
                               .city = trace_.texts.intern(fields.city),
                               .location = trace_.texts.intern(fields.location)});
    return {};
  }

  Result<void> add_broken(std::uint64_t line, const std::string& reason) {
    if (options_.broken_lines == TraceReadOptions::BrokenLines::kRefused) {
      return error_at(line, invalid_argument(reason));
    }
    ++trace_.lines;
    ++trace_.broken_lines;
    if (trace_.broken.size() < kBrokenLinesKept) trace_.broken.push_back({line, reason});
    return {};
  }

  Result<Trace> finish() && {
    if (trace_.broken_lines * 2 > trace_.lines) {
      const BrokenLine& first = trace_.broken.front();
      return invalid_argument(
          fmt::format("{}:{}: {}; {} of {} lines are not in format {}", trace_.source, first.line,
                      first.reason, trace_.broken_lines, trace_.lines, to_string(trace_.format)));
    }
    if (trace_.requests.empty()) {
      return invalid_argument(fmt::format("{}:1: there is no request in it", trace_.source));
    }
    if (trace_.out_of_order > 0) {
      std::stable_sort(
          trace_.requests.begin(), trace_.requests.end(),
          [](const TraceRequest& a, const TraceRequest& b) { return a.time_ns < b.time_ns; });
    }
    return std::move(trace_);
  }

 private:
  const TraceReadOptions& options_;
  Trace trace_;
  std::int64_t latest_ns_ = 0;
};

Result<void> parse_json_line(std::string_view line, RequestFields& fields) {
  const nlohmann::json object = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (object.is_discarded()) return invalid_argument("it is not JSON, or cut off");
  if (!object.is_object()) return invalid_argument("it is not a JSON object");
  std::array<std::string, kTableColumns> texts;
  for (const auto& [key, value] : object.items()) {
    const std::optional<TableColumn> column = table_column(key);
    if (!column || value.is_null()) continue;
    std::string& text = texts.at(static_cast<std::size_t>(*column));
    if (value.is_string()) {
      text = value.get_ref<const std::string&>();
    } else if (value.is_number()) {
      // Doubles of Unix seconds have micro-, not nanoseconds: dump() gives the shortest form.
      text = value.is_number_float() ? fmt::format("{:.6f}", value.get<double>()) : value.dump();
    } else {
      return invalid_argument(fmt::format("'{}' is neither text nor number", key));
    }
  }
  if (texts.at(static_cast<std::size_t>(TableColumn::kTime)).empty()) {
    return invalid_argument("it has no time");
  }
  TableRow row;
  std::copy(texts.begin(), texts.end(), row.begin());
  return take_row(row, fields);
}

Result<void> parse_line(std::string_view line, TraceFormat format, RequestFields& fields) {
  switch (format) {
    case TraceFormat::kClf:
      return parse_log_line(line, LogDialect::kCommon, fields);
    case TraceFormat::kCombined:
      return parse_log_line(line, LogDialect::kCombined, fields);
    case TraceFormat::kJsonl:
      return parse_json_line(line, fields);
    case TraceFormat::kCsv:
      break;
  }
  return internal_error("a table is not read by lines");
}

Result<void> read_lines(ByteSource& source, TraceBuilder& builder) {
  LineReader lines(source);
  RequestFields fields;
  while (true) {
    const Result<LineReader::State> state = lines.next();
    if (!state.ok()) return builder.error_at(lines.number() + 1, state.error());
    if (state.value() == LineReader::State::kEnd) return {};
    if (state.value() == LineReader::State::kTooLong) {
      ISOPOP_TRY(builder.add_broken(lines.number(), fmt::format("it is longer than {} KiB",
                                                                LineReader::kLineBytesMax / 1024)));
      continue;
    }
    std::string_view line = lines.line();
    if (lines.number() == 1 && line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
    if (trim(line).empty() || line.starts_with('#')) continue;
    Result<void> parsed = parse_line(line, builder.format(), fields);
    if (!parsed.ok() && !lines.terminated()) {
      parsed = Error{parsed.error().code, parsed.error().message + " (the last line; cut off?)"};
    }
    ISOPOP_TRY(builder.add(lines.number(), parsed, fields));
  }
}

Result<void> read_table(ByteSource& source, const std::string& path, TraceBuilder& builder) {
  ISOPOP_TRY_ASSIGN(const std::string_view head, source.peek());
  const char separator = detect_separator(first_line(head));
  ByteSourceStream buffer(source);
  Result<CsvReader> opened = CsvReader::create(std::make_unique<std::istream>(&buffer), path,
                                               CsvReader::Options{.separator = separator});
  if (!buffer.outcome().ok()) return builder.error_at(1, buffer.outcome().error());
  if (!opened.ok()) return opened.error();
  CsvReader rows = std::move(opened).value();
  const Result<TableColumns> columns = TableColumns::find(rows.header());
  if (!columns.ok()) return builder.error_at(1, columns.error());
  RequestFields fields;
  const std::string prefix = path + ":";
  while (true) {
    const Result<bool> more = rows.next();
    if (!buffer.outcome().ok()) return builder.error_at(rows.line() + 1, buffer.outcome().error());
    if (!more.ok()) {
      // The message begins with "file:line: ", which the builder adds by itself.
      std::string_view reason = more.error().message;
      if (reason.starts_with(prefix))
        reason.remove_prefix(std::min(reason.find(": ") + 2, reason.size()));
      ISOPOP_TRY(builder.add_broken(rows.line(), std::string(reason)));
      continue;
    }
    if (!more.value()) return {};
    TableRow row;
    for (std::size_t i = 0; i < kTableColumns; ++i) {
      const auto index = columns.value().index(static_cast<TableColumn>(i));
      if (index) row.at(i) = rows.field(*index);
    }
    const Result<void> parsed = take_row(row, fields);
    ISOPOP_TRY(builder.add(rows.line(), parsed, fields));
  }
}

}  // namespace

Result<Trace> read_trace(const std::string& path, const TraceReadOptions& options) {
  ISOPOP_TRY_ASSIGN(const std::unique_ptr<ByteSource> source, ByteSource::open(path));
  TraceBuilder builder(path, options);
  const Result<std::string_view> head = source->peek();
  if (!head.ok()) return builder.error_at(1, head.error());
  if (options.format) {
    builder.set_format(*options.format);
  } else {
    const Result<TraceFormat> format = detect_trace_format(head.value());
    if (!format.ok()) return builder.error_at(1, format.error());
    builder.set_format(format.value());
  }
  if (builder.format() == TraceFormat::kCsv) {
    ISOPOP_TRY(read_table(*source, path, builder));
  } else {
    ISOPOP_TRY(read_lines(*source, builder));
  }
  return std::move(builder).finish();
}

}  // namespace isopop::sim
