#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/result/result.h"
#include "sim/trace/byte_source.h"

namespace isopop::sim {

// Cuts a byte source into lines, LF or CRLF. A line longer than the bound is told as such and its
// rest is skipped, so memory stays bounded whatever the file holds. Not thread-safe.
class LineReader final {
 public:
  static constexpr std::size_t kLineBytesMax = 64 * 1024;

  // The source outlives the reader.
  explicit LineReader(ByteSource& source) : source_(source) {}

  enum class State { kLine, kTooLong, kEnd };
  // Goes to the next line. An error is the source's.
  [[nodiscard]] Result<State> next();

  // Of the present line, without its end; valid until next().
  [[nodiscard]] std::string_view line() const { return line_; }
  [[nodiscard]] std::uint64_t number() const { return number_; }  // from 1
  // Whether a line break followed; only the last line of a file may lack it.
  [[nodiscard]] bool terminated() const { return terminated_; }

 private:
  ByteSource& source_;
  std::string_view piece_;  // of the source, not yet cut
  std::string carried_;     // the beginning of a line that crosses pieces
  std::string_view line_;
  std::uint64_t number_ = 0;
  bool terminated_ = true;
};

}  // namespace isopop::sim
