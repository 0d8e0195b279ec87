#include "sim/trace/string_table.h"

namespace isopop::sim {

StringTable::StringTable() {
  intern("");
}

std::uint32_t StringTable::intern(std::string_view text) {
  if (const auto known = ids_.find(text); known != ids_.end()) return known->second;
  const auto id = static_cast<std::uint32_t>(texts_.size());
  const std::string& kept = texts_.emplace_back(text);
  ids_.emplace(kept, id);
  bytes_ += kept.size();
  return id;
}

}  // namespace isopop::sim
