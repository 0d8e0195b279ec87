#include "control_plane/cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "common/result/assert.h"
#include "common/text/text.h"
#include "common/time/clock.h"

namespace isopop::control::cli {
namespace {

// Code points, not counting UTF-8's continuation bytes.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

// At most so many code points; what was cut ends in one that says so.
std::string shortened(std::string_view text, std::size_t width_max) {
  if (width_of(text) <= width_max) return std::string(text);
  std::size_t width = 0;
  std::size_t end = 0;
  while (end < text.size()) {
    const bool begins = (static_cast<unsigned char>(text[end]) & 0xC0U) != 0x80U;
    if (begins && ++width == width_max) break;
    ++end;
  }
  return std::string(text.substr(0, end)) + "…";
}

void write_error(std::string_view text) {
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), stderr));
}

}  // namespace

bool may_colour(int fd) {
  const char* no_colour = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe)
  const char* terminal = std::getenv("TERM");       // NOLINT(concurrency-mt-unsafe)
  return isatty(fd) == 1 && (no_colour == nullptr || *no_colour == '\0') &&
         (terminal == nullptr || std::string_view(terminal) != "dumb");
}

std::string coloured(Colour colour, std::string_view text) {
  const auto code = [colour] {
    switch (colour) {
      case Colour::kRed:
        return 31;
      case Colour::kGreen:
        return 32;
      case Colour::kYellow:
        return 33;
      case Colour::kDim:
        return 2;
    }
    return 0;
  }();
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

Terminal::Terminal(Notes notes)
    : notes_(notes),
      is_terminal_(isatty(STDERR_FILENO) == 1),
      has_colour_(may_colour(STDERR_FILENO)),
      can_ask_(is_terminal_ && isatty(STDIN_FILENO) == 1) {}

void Terminal::note(std::string_view text) const {
  if (notes_ == Notes::kShown) write_error(fmt::format("{}\n", text));
}

ExitCode Terminal::fail(ExitCode code, std::string_view what, std::string_view hint) const {
  write_error(fmt::format(
      "{} {}\n", has_colour_ ? coloured(Colour::kRed, "error:") : std::string("error:"), what));
  if (!hint.empty()) write_error(fmt::format("  {}\n", hint));
  return code;
}

void Terminal::progress(std::string_view text) const {
  if (is_terminal_ && notes_ == Notes::kShown) write_error(fmt::format("\r\x1b[K{}", text));
}

bool Terminal::asks(std::string_view question) const {
  ISOPOP_ASSERT(can_ask_, "somebody to ask");
  write_error(fmt::format("{} [y/N] ", question));
  std::string answer;
  for (int c = std::getchar(); c != EOF && c != '\n'; c = std::getchar()) {
    answer += static_cast<char>(c);
  }
  answer = to_lower(trim(answer));
  return answer == "y" || answer == "yes";
}

void Table::add(std::vector<std::string> row) {
  ISOPOP_ASSERT(row.size() == columns_.size(), "a cell for each column");
  for (std::string& cell : row) {
    std::replace_if(
        cell.begin(), cell.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  }
  rows_.push_back(std::move(row));
}

std::string Table::render(const TableStyle& style) const {
  std::vector<std::vector<std::string>> rows = rows_;
  for (auto& row : rows) {
    for (std::string& cell : row) {
      if (!style.wide) cell = shortened(cell, kCellWidthMax);
    }
  }
  std::vector<std::size_t> shown;
  std::vector<std::size_t> widths(columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].shown == Shown::kWide && !style.wide) continue;
    shown.push_back(i);
    if (style.headers) widths[i] = width_of(columns_[i].title);
    for (const auto& row : rows) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string text;
  const auto render_row = [&](const auto& cell_of) {
    std::string line;
    for (const std::size_t i : shown) {
      const std::string& cell = cell_of(i);
      const std::string padding(widths[i] - width_of(cell), ' ');
      line += columns_[i].align == Align::kRight ? padding + cell : cell + padding;
      line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  };
  if (style.headers) {
    render_row([this](std::size_t i) -> const std::string& { return columns_[i].title; });
  }
  for (const auto& row : rows) {
    render_row([&row](std::size_t i) -> const std::string& { return row[i]; });
  }
  return text;
}

double percentile(const std::vector<double>& ascending, double ratio) {
  if (ascending.empty()) return 0.0;
  const auto rank =
      static_cast<std::size_t>(std::ceil(ratio * static_cast<double>(ascending.size())));
  return ascending[std::clamp<std::size_t>(rank, 1, ascending.size()) - 1];
}

std::string format_time(std::int64_t unix_ms) {
  std::string text = format_rfc3339(from_unix_ms(unix_ms));
  text = text.substr(0, text.find('.'));
  std::replace(text.begin(), text.end(), 'T', ' ');
  return text;
}

std::string first_line(std::string_view text) {
  return std::string(text.substr(0, text.find('\n')));
}

}  // namespace isopop::control::cli
