#include "sim/replay/replay_progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <limits>
#include <string_view>

#include "common/units/units.h"

namespace isopop::sim {
namespace {

using std::chrono::nanoseconds;

constexpr int kBarWidth = 20;
constexpr std::chrono::seconds kLineEvery{10};
// Weight of the newest interval in the shown rate.
constexpr double kRateSmoothing = 0.3;

// In characters, each of which is one column wide here.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string cut(std::string_view text, std::size_t columns) {
  std::string kept;
  std::size_t characters = 0;
  for (const char c : text) {
    if ((c & 0xC0) != 0x80 && ++characters > columns) break;
    kept += c;
  }
  return kept;
}

std::size_t terminal_columns() {
  winsize size{};
  constexpr std::size_t kUnknown = 80;
  if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2) return kUnknown;
  return size.ws_col - 1U;  // writing into the last column wraps on some terminals
}

std::string bar(double share) {
  const int filled = std::clamp(static_cast<int>(share * kBarWidth), 0, kBarWidth);
  std::string text(static_cast<std::size_t>(filled), '=');
  if (filled < kBarWidth) text += '>';
  text.resize(kBarWidth, ' ');
  return text;
}

}  // namespace

std::string render_progress(const ProgressFigures& figures, std::size_t columns) {
  const double share =
      figures.total == 0 ? 1.0
                         : static_cast<double>(figures.ended) / static_cast<double>(figures.total);
  std::string line =
      fmt::format("{:.0f} % · {} of {} · {:.0f}/s · p50 {} · p99 {} · {} failed", 100.0 * share,
                  figures.ended, figures.total, figures.rate_per_s, format_duration(figures.p50),
                  format_duration(figures.p99), figures.failed);
  if (figures.dropped > 0) line += fmt::format(" · {} dropped", figures.dropped);
  if (figures.remaining >= nanoseconds(0)) {
    const auto whole = std::chrono::ceil<std::chrono::seconds>(figures.remaining);
    line += fmt::format(" · {} left", format_duration(whole));
  }
  if (width(line) + kBarWidth + 3 <= columns) return fmt::format("[{}] {}", bar(share), line);
  return cut(line, columns);
}

ReplayProgress::Style ReplayProgress::style_of_standard_error() {
  return isatty(STDERR_FILENO) != 0 ? Style::kTerminal : Style::kLines;
}

ReplayProgress::~ReplayProgress() {
  if (line_is_open_) std::fputs("\r\x1b[K", stderr);
}

ProgressFigures ReplayProgress::figures(nanoseconds elapsed) {
  const std::uint64_t ended = tally_.completed() + tally_.failed() + tally_.dropped();
  const double since_s = std::chrono::duration<double>(elapsed - last_elapsed_).count();
  if (since_s > 0) {
    const double rate = static_cast<double>(ended - last_ended_) / since_s;
    rate_per_s_ = last_elapsed_ == nanoseconds(0)
                      ? rate
                      : kRateSmoothing * rate + (1 - kRateSmoothing) * rate_per_s_;
  }
  last_elapsed_ = elapsed;
  last_ended_ = ended;
  nanoseconds remaining(-1);
  if (!plan_.options().speed.is_max()) {
    remaining = std::max(plan_.length() - elapsed, nanoseconds(0));
  } else if (rate_per_s_ > 0) {
    remaining = std::chrono::round<nanoseconds>(
        std::chrono::duration<double>(static_cast<double>(plan_.size() - ended) / rate_per_s_));
  }
  return {.ended = ended,
          .total = plan_.size(),
          .rate_per_s = rate_per_s_,
          .p50 = tally_.latency_sent().quantile(0.5),
          .p99 = tally_.latency_sent().quantile(0.99),
          .failed = tally_.failed(),
          .dropped = tally_.dropped(),
          .remaining = remaining};
}

void ReplayProgress::tick(nanoseconds elapsed) {
  if (style_ == Style::kSilent) return;
  const bool is_terminal = style_ == Style::kTerminal;
  if (!is_terminal && elapsed - last_shown_ < kLineEvery) return;
  last_shown_ = elapsed;
  const std::string line = render_progress(
      figures(elapsed), is_terminal ? terminal_columns() : std::numeric_limits<std::size_t>::max());
  if (is_terminal) {
    std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
    line_is_open_ = true;
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  std::fflush(stderr);
}

}  // namespace isopop::sim
