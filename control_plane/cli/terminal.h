#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control_plane/cli/exit_code.h"

namespace isopop::control::cli {

enum class Notes { kShown, kQuiet };

enum class Colour { kRed, kGreen, kYellow, kDim };

// How popctl speaks to people: everything but data, on standard error; colour and progress only on
// a terminal, colour not with NO_COLOR or TERM=dumb; with kQuiet errors alone.
class Terminal final {
 public:
  explicit Terminal(Notes notes = Notes::kShown);

  void note(std::string_view text) const;
  // "error: what" and, on a line of its own, what to do. Gives the code back, to be returned.
  ExitCode fail(ExitCode code, std::string_view what, std::string_view hint = {}) const;
  // Overwrites the last progress line; "" clears it. Nothing unless standard error is a terminal.
  void progress(std::string_view text) const;
  // Asks on the terminal; false for every answer but y or yes. To be called only where somebody can
  // answer.
  [[nodiscard]] bool asks(std::string_view question) const;
  [[nodiscard]] bool can_ask() const { return can_ask_; }

 private:
  Notes notes_;
  bool is_terminal_;
  bool has_colour_;
  bool can_ask_;
};

// Whether to write escape sequences to this stream: a terminal, and nobody said otherwise.
[[nodiscard]] bool may_colour(int fd);
[[nodiscard]] std::string coloured(Colour colour, std::string_view text);

struct TableStyle {
  bool wide = false;  // columns that say more than is needed, and cells of any length
  bool headers = true;
};

// Columns as wide as their longest cell, two spaces apart; cells beyond kCellWidthMax are cut and
// end in "…", unless the table is wide. Cells are UTF-8; control characters in them are shown as
// spaces, so that a row stays a row.
class Table final {
 public:
  static constexpr std::size_t kCellWidthMax = 60;  // code points
  enum class Align { kLeft, kRight };
  enum class Shown { kAlways, kWide };
  struct Column {
    std::string title;
    Align align = Align::kLeft;
    Shown shown = Shown::kAlways;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // A cell for each column, also for those that are not shown.
  void add(std::vector<std::string> row);
  [[nodiscard]] std::string render(const TableStyle& style = {}) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// The value that `ratio` (0..1) of the sorted values do not exceed (nearest rank). 0 of nothing.
[[nodiscard]] double percentile(const std::vector<double>& ascending, double ratio);

// "2026-11-23 05:54:00" (UTC).
[[nodiscard]] std::string format_time(std::int64_t unix_ms);

// One line of a message, so that a table stays a table.
[[nodiscard]] std::string first_line(std::string_view text);

}  // namespace isopop::control::cli
