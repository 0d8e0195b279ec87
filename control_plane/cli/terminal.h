#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control_plane/cli/exit_code.h"

namespace isopop::control::cli {

// How popctl speaks: data on standard output, everything else on standard error; colour and
// progress only on a terminal, colour not with NO_COLOR.
class Terminal final {
 public:
  Terminal();

  // Data, as it is.
  void print(std::string_view text) const;
  void print_line(std::string_view text) const;
  void note(std::string_view text) const;
  // "error: what" and, on a line of its own, what to do. Gives the code back, to be returned.
  ExitCode fail(ExitCode code, std::string_view what, std::string_view hint = {}) const;
  // Overwrites the last progress line; "" clears it. Nothing unless standard error is a terminal.
  void progress(std::string_view text) const;

 private:
  bool is_terminal_;
  bool has_colour_;
};

// Columns as wide as their longest cell, two spaces apart. Cells are UTF-8.
class Table final {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  void add(std::vector<std::string> row);
  [[nodiscard]] std::string render() const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// The value that `ratio` (0..1) of the sorted values do not exceed (nearest rank). 0 of nothing.
[[nodiscard]] double percentile(const std::vector<double>& ascending, double ratio);

// "2026-11-23 05:54:00" (UTC).
[[nodiscard]] std::string format_time(std::int64_t unix_ms);

}  // namespace isopop::control::cli
