#pragma once

#include <cstddef>
#include <string>

#include "common/time/clock.h"

namespace isopop::sim {

// Shows a person how far a long operation is: on a terminal one line that is rewritten, elsewhere a
// line for every tenth of the way. On standard error, so that standard output stays data. Not
// thread-safe.
class Progress final {
 public:
  enum class Style { kSilent, kLines, kTerminal };
  // kTerminal if standard error is one.
  [[nodiscard]] static Style style_of_standard_error();

  // "starting PoPs" … `clock` outlives the object.
  Progress(std::string what, std::size_t total, Style style, const Clock& clock);
  // Leaves the terminal's line as it is and goes to the next.
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void update(std::size_t done);
  // A remark between the lines.
  void say(const std::string& text);

 private:
  [[nodiscard]] std::string line(std::size_t done) const;

  std::string what_;
  std::size_t total_;
  Style style_;
  const Clock& clock_;
  Instant start_;
  std::size_t tenths_shown_ = 0;
  bool is_line_open_ = false;
};

}  // namespace isopop::sim
