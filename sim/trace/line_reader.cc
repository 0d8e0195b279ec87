#include "sim/trace/line_reader.h"

namespace isopop::sim {

Result<LineReader::State> LineReader::next() {
  carried_.clear();
  bool too_long = false;
  bool any = false;
  while (true) {
    if (piece_.empty()) {
      ISOPOP_TRY_ASSIGN(piece_, source_.next());
      if (piece_.empty()) {
        if (!any) return State::kEnd;
        terminated_ = false;
        line_ = carried_;
        break;
      }
    }
    any = true;
    const std::size_t end = piece_.find('\n');
    const bool found = end != std::string_view::npos;
    const std::string_view part = piece_.substr(0, end);
    piece_.remove_prefix(found ? end + 1 : piece_.size());
    if (too_long || carried_.size() + part.size() > kLineBytesMax) {
      too_long = true;
      carried_.clear();
    } else if (found && carried_.empty()) {
      line_ = part;
    } else {
      carried_ += part;
      line_ = carried_;
    }
    if (found) {
      terminated_ = true;
      break;
    }
  }
  ++number_;
  if (too_long) {
    line_ = {};
    return State::kTooLong;
  }
  if (!line_.empty() && line_.back() == '\r') line_.remove_suffix(1);
  return State::kLine;
}

}  // namespace isopop::sim
