#include "control_plane/cli/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "common/result/assert.h"
#include "common/time/clock.h"

namespace isopop::control::cli {
namespace {

// Code points, not counting UTF-8's continuation bytes.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

void write_to(std::FILE* stream, std::string_view text) {
  // A reader that closed the pipe (head, less) has what it wanted.
  static_cast<void>(std::fwrite(text.data(), 1, text.size(), stream));
  static_cast<void>(std::fflush(stream));
}

}  // namespace

Terminal::Terminal() : is_terminal_(isatty(STDERR_FILENO) == 1) {
  const char* no_colour = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe)
  has_colour_ = is_terminal_ && (no_colour == nullptr || *no_colour == '\0');
}

void Terminal::print(std::string_view text) const {
  write_to(stdout, text);
}

void Terminal::print_line(std::string_view text) const {
  write_to(stdout, fmt::format("{}\n", text));
}

void Terminal::note(std::string_view text) const {
  write_to(stderr, fmt::format("{}\n", text));
}

ExitCode Terminal::fail(ExitCode code, std::string_view what, std::string_view hint) const {
  const std::string_view label = has_colour_ ? "\x1b[31merror:\x1b[0m" : "error:";
  write_to(stderr, fmt::format("{} {}\n", label, what));
  if (!hint.empty()) write_to(stderr, fmt::format("  {}\n", hint));
  return code;
}

void Terminal::progress(std::string_view text) const {
  if (is_terminal_) write_to(stderr, fmt::format("\r\x1b[K{}", text));
}

void Table::add(std::vector<std::string> row) {
  ISOPOP_ASSERT(row.size() == columns_.size(), "a cell for each column");
  rows_.push_back(std::move(row));
}

std::string Table::render() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = width_of(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, width_of(row[i]));
    widths.push_back(width);
  }
  std::string text;
  const auto render_row = [&](const auto& cell_of) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string& cell = cell_of(i);
      const std::string padding(widths[i] - width_of(cell), ' ');
      line += columns_[i].align == Align::kRight ? padding + cell : cell + padding;
      line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + '\n';
  };
  render_row([this](std::size_t i) -> const std::string& { return columns_[i].title; });
  for (const auto& row : rows_) {
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

}  // namespace isopop::control::cli
