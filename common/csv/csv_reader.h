#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/result/result.h"

namespace isopop {

// Reads CSV (RFC 4180) one record at a time: quoted fields with commas, line breaks and doubled
// quotes in them, CRLF or LF, a byte-order mark. The first record is the header; columns are found
// by name. Lines that start with '#' before the header are comments (provenance), empty lines are
// skipped. Memory is bounded by one record. Errors read "file:line: what"; after a faulty record
// the reader stands at the next line, so a caller may count the fault and go on. Not thread-safe.
//
//   ISOPOP_TRY_ASSIGN(CsvReader rows, CsvReader::open("cities.csv"));
//   ISOPOP_TRY_ASSIGN(const std::size_t name, rows.column("name"));
//   while (true) {
//     ISOPOP_TRY_ASSIGN(const bool more, rows.next());
//     if (!more) break;
//     use(rows.field(name));
//   }
class CsvReader {
 public:
  struct Options {
    char separator = ',';
    std::size_t record_bytes_max = std::size_t{1} << 20U;
  };

  // kNotFound when there is no such file.
  static Result<CsvReader> open(const std::string& path, Options options);
  static Result<CsvReader> open(const std::string& path) { return open(path, Options{}); }
  // `name` stands for the file in messages.
  static Result<CsvReader> create(std::unique_ptr<std::istream> input, std::string name,
                                  Options options);
  static Result<CsvReader> create(std::unique_ptr<std::istream> input, std::string name) {
    return create(std::move(input), std::move(name), Options{});
  }

  [[nodiscard]] const std::vector<std::string>& header() const { return header_; }
  // Where the column stands; the error names the columns there are.
  [[nodiscard]] Result<std::size_t> column(std::string_view name) const;
  [[nodiscard]] bool has_column(std::string_view name) const;

  // Goes to the next record; false at the end of the input. A record that has not as many fields as
  // the header, an open quote or a record over the limit are errors.
  [[nodiscard]] Result<bool> next();

  // Of the present record, valid until next(). Columns as column() returned them.
  [[nodiscard]] const std::string& field(std::size_t column) const { return fields_.at(column); }
  [[nodiscard]] Result<double> number(std::size_t column) const;
  [[nodiscard]] Result<std::int64_t> integer(std::size_t column) const;
  // Where the present record starts, from 1.
  [[nodiscard]] std::uint64_t line() const { return record_line_; }
  // "file:line: what" for the present record.
  [[nodiscard]] Error error(std::string_view what) const;

 private:
  CsvReader(std::unique_ptr<std::istream> input, std::string name, Options options)
      : input_(std::move(input)), name_(std::move(name)), options_(options) {}

  Result<void> read_header();
  // The next record that is not empty into fields_; false at the end.
  Result<bool> read_record();
  // One physical line, without its end, into line_text_; false at the end of the input.
  Result<bool> read_line();
  Result<void> split_record();
  // Parses the quoted field that starts at `position`; returns where it ended.
  Result<std::size_t> take_quoted(std::size_t position);

  std::unique_ptr<std::istream> input_;
  std::string name_;
  Options options_;
  std::vector<std::string> header_;
  std::vector<std::string> fields_;
  std::string line_text_;
  std::uint64_t line_ = 0;         // lines read so far
  std::uint64_t record_line_ = 0;  // where the present record started
};

}  // namespace isopop
