#include "sim/replay/replay_progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "common/units/units.h"

namespace isopop::sim {
namespace {

using std::chrono::nanoseconds;

constexpr int kBarWidth = 20;
constexpr std::chrono::seconds kLineEvery{10};
// Weight of the newest interval in the shown rate.
constexpr double kRateSmoothing = 0.3;

std::string bar(double share) {
  const int filled = std::clamp(static_cast<int>(share * kBarWidth), 0, kBarWidth);
  std::string text(static_cast<std::size_t>(filled), '=');
  if (filled < kBarWidth) text += '>';
  text.resize(kBarWidth, ' ');
  return text;
}

}  // namespace

std::string render_progress(const ProgressFigures& figures) {
  const double share =
      figures.total == 0 ? 1.0
                         : static_cast<double>(figures.ended) / static_cast<double>(figures.total);
  std::string line =
      fmt::format("[{}] {:.0f} % · {} of {} · {:.0f}/s · p50 {} · p99 {} · {} failed", bar(share),
                  100.0 * share, figures.ended, figures.total, figures.rate_per_s,
                  format_duration(figures.p50), format_duration(figures.p99), figures.failed);
  if (figures.dropped > 0) line += fmt::format(" · {} dropped", figures.dropped);
  if (figures.remaining >= nanoseconds(0)) {
    const auto whole = std::chrono::ceil<std::chrono::seconds>(figures.remaining);
    line += fmt::format(" · {} left", format_duration(whole));
  }
  return line;
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
  const std::string line = render_progress(figures(elapsed));
  if (is_terminal) {
    std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
    line_is_open_ = true;
  } else {
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  std::fflush(stderr);
}

}  // namespace isopop::sim
