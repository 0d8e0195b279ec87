#include "sim/launch/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace isopop::sim {

Progress::Style Progress::style_of_standard_error() {
  return isatty(STDERR_FILENO) == 1 ? Style::kTerminal : Style::kLines;
}

Progress::Progress(std::string what, std::size_t total, Style style, const Clock& clock)
    : what_(std::move(what)),
      total_(std::max<std::size_t>(total, 1)),
      style_(style),
      clock_(clock),
      start_(clock.now()) {}

Progress::~Progress() {
  if (is_line_open_) std::fputs("\n", stderr);
}

std::string Progress::line(std::size_t done) const {
  const double seconds = std::chrono::duration<double>(clock_.now() - start_).count();
  return fmt::format("{}: {} of {}, {:.1f} s", what_, done, total_, seconds);
}

void Progress::update(std::size_t done) {
  done = std::min(done, total_);
  if (style_ == Style::kTerminal) {
    constexpr std::size_t kBarWidth = 30;
    const std::size_t filled = kBarWidth * done / total_;
    // Back to the line's start; what is left of a longer line is cleared behind it.
    const std::string text =
        fmt::format("\r[{:#<{}}{:.<{}}] {}\x1b[K", "", filled, "", kBarWidth - filled, line(done));
    std::fputs(text.c_str(), stderr);
    std::fflush(stderr);
    is_line_open_ = true;
  } else if (style_ == Style::kLines) {
    const std::size_t tenths = 10 * done / total_;
    if (tenths <= tenths_shown_) return;
    tenths_shown_ = tenths;
    std::fputs((line(done) + "\n").c_str(), stderr);
  }
}

void Progress::say(const std::string& text) {
  if (style_ == Style::kSilent) return;
  std::fputs(fmt::format("{}{}\n", is_line_open_ ? "\r\x1b[K" : "", text).c_str(), stderr);
  is_line_open_ = false;
}

}  // namespace isopop::sim
