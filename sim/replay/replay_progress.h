#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "sim/replay/replay_plan.h"
#include "sim/report/run_tally.h"

namespace isopop::sim {

// What a progress line is made of.
struct ProgressFigures {
  std::uint64_t ended = 0;  // answered, failed or dropped
  std::uint64_t total = 0;
  double rate_per_s = 0.0;  // of late
  std::chrono::nanoseconds p50{};
  std::chrono::nanoseconds p99{};
  std::uint64_t failed = 0;
  std::uint64_t dropped = 0;
  std::chrono::nanoseconds remaining{};  // expected; negative: not known
};

// "[=====>    ] 43 % · 4312 of 10000 · 812/s · p50 12 ms · p99 88 ms · 0 failed · 4 s left", at
// most `columns` wide: first the bar is left out, then the end.
[[nodiscard]] std::string render_progress(const ProgressFigures& figures, std::size_t columns);

// Shows how far a replay is, on standard error: on a terminal one line that is rewritten at every
// tick, else a line every ten seconds. Reads the tally, which outlives it. Not thread-safe.
class ReplayProgress final {
 public:
  enum class Style { kSilent, kLines, kTerminal };
  [[nodiscard]] static Style style_of_standard_error();

  ReplayProgress(const ReplayPlan& plan, const RunTally& tally, Style style)
      : plan_(plan), tally_(tally), style_(style) {}
  // Takes the line off the terminal.
  ~ReplayProgress();
  ReplayProgress(const ReplayProgress&) = delete;
  ReplayProgress& operator=(const ReplayProgress&) = delete;

  void tick(std::chrono::nanoseconds elapsed);

 private:
  [[nodiscard]] ProgressFigures figures(std::chrono::nanoseconds elapsed);

  const ReplayPlan& plan_;
  const RunTally& tally_;
  Style style_;
  std::chrono::nanoseconds last_shown_{};
  std::chrono::nanoseconds last_elapsed_{};
  std::uint64_t last_ended_ = 0;
  double rate_per_s_ = 0.0;  // smoothed
  bool line_is_open_ = false;
};

}  // namespace isopop::sim
