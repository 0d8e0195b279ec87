#include "common/csv/csv_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>

#include "common/text/text.h"

namespace isopop {

Result<CsvReader> CsvReader::open(const std::string& path, Options options) {
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(path, ignored);
  if (status.type() == std::filesystem::file_type::not_found) {
    return not_found(fmt::format("{}: no such file", path));
  }
  if (std::filesystem::is_directory(status)) {
    return invalid_argument(fmt::format("{}: is a folder, not a file", path));
  }
  auto file = std::make_unique<std::ifstream>(path, std::ios::binary);
  if (!*file) return invalid_argument(fmt::format("{}: cannot be opened for reading", path));
  return create(std::move(file), path, options);
}

Result<CsvReader> CsvReader::create(std::unique_ptr<std::istream> input, std::string name,
                                    Options options) {
  CsvReader reader(std::move(input), std::move(name), options);
  ISOPOP_TRY(reader.read_header());
  return reader;
}

Result<void> CsvReader::read_header() {
  ISOPOP_TRY_ASSIGN(const bool found, read_record());
  if (!found) return invalid_argument(fmt::format("{}:1: the file has no header row", name_));
  header_ = fields_;
  std::set<std::string> seen;
  for (const std::string& column : header_) {
    if (!seen.insert(column).second)
      return error(fmt::format("column '{}' is there twice", column));
  }
  return {};
}

bool CsvReader::has_column(std::string_view name) const {
  return std::find(header_.begin(), header_.end(), name) != header_.end();
}

Result<std::size_t> CsvReader::column(std::string_view name) const {
  const auto found = std::find(header_.begin(), header_.end(), name);
  if (found != header_.end()) return static_cast<std::size_t>(found - header_.begin());
  return invalid_argument(fmt::format("{}:1: there is no column '{}'; there are: {}", name_, name,
                                      truncate_utf8(join(header_, ", "), 500)));
}

Error CsvReader::error(std::string_view what) const {
  return invalid_argument(fmt::format("{}:{}: {}", name_, record_line_, what));
}

Result<double> CsvReader::number(std::size_t column) const {
  const std::optional<double> value = parse_double(field(column));
  if (value) return *value;
  return error(fmt::format("{}: '{}' is not a number", header_.at(column),
                           truncate_utf8(field(column), 100)));
}

Result<std::int64_t> CsvReader::integer(std::size_t column) const {
  const std::optional<long long> value = parse_integer(field(column));
  if (value) return std::int64_t{*value};
  return error(fmt::format("{}: '{}' is not a whole number", header_.at(column),
                           truncate_utf8(field(column), 100)));
}

Result<bool> CsvReader::next() {
  ISOPOP_TRY_ASSIGN(const bool found, read_record());
  if (!found) return false;
  if (fields_.size() != header_.size()) {
    const std::size_t count = fields_.size();
    fields_.resize(header_.size());
    return error(fmt::format("the record has {} fields, the header {}", count, header_.size()));
  }
  return true;
}

Result<bool> CsvReader::read_line() {
  line_text_.clear();
  std::streambuf& buffer = *input_->rdbuf();
  constexpr int kEnd = std::istream::traits_type::eof();
  int c = buffer.sbumpc();
  if (c == kEnd) return false;
  ++line_;
  bool is_too_long = false;
  for (; c != kEnd && c != '\n'; c = buffer.sbumpc()) {
    is_too_long = is_too_long || line_text_.size() >= options_.record_bytes_max;
    if (!is_too_long) line_text_.push_back(static_cast<char>(c));
  }
  if (is_too_long) {
    return error(fmt::format("the line is longer than {} bytes", options_.record_bytes_max));
  }
  if (!line_text_.empty() && line_text_.back() == '\r') line_text_.pop_back();
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (line_ == 1 && line_text_.starts_with(kByteOrderMark))
    line_text_.erase(0, kByteOrderMark.size());
  return true;
}

Result<bool> CsvReader::read_record() {
  while (true) {
    record_line_ = line_ + 1;
    ISOPOP_TRY_ASSIGN(const bool found, read_line());
    if (!found) return false;
    const bool is_comment = header_.empty() && line_text_.starts_with('#');
    if (!line_text_.empty() && !is_comment) break;
  }
  ISOPOP_TRY(split_record());
  return true;
}

Result<void> CsvReader::split_record() {
  fields_.clear();
  std::size_t position = 0;
  while (true) {
    if (position < line_text_.size() && line_text_[position] == '"') {
      ISOPOP_TRY_ASSIGN(position, take_quoted(position));
    } else {
      const std::size_t end =
          std::min(line_text_.find(options_.separator, position), line_text_.size());
      fields_.push_back(line_text_.substr(position, end - position));
      position = end;
    }
    if (position == line_text_.size()) return {};
    ++position;  // the separator
  }
}

Result<std::size_t> CsvReader::take_quoted(std::size_t position) {
  ++position;
  std::string& value = fields_.emplace_back();
  while (true) {
    const std::size_t quote = line_text_.find('"', position);
    if (quote == std::string::npos) {
      value.append(line_text_, position);
      value.push_back('\n');
      if (value.size() > options_.record_bytes_max) {
        return error(
            fmt::format("a quoted field is longer than {} bytes", options_.record_bytes_max));
      }
      ISOPOP_TRY_ASSIGN(const bool found, read_line());
      if (!found) return error("a quoted field is not closed before the end of the file");
      position = 0;
      continue;
    }
    value.append(line_text_, position, quote - position);
    const std::size_t after = quote + 1;
    if (after < line_text_.size() && line_text_[after] == '"') {
      value.push_back('"');
      position = after + 1;
      continue;
    }
    if (after < line_text_.size() && line_text_[after] != options_.separator) {
      return error("there is text behind a closing quote");
    }
    return after;
  }
}

}  // namespace isopop
