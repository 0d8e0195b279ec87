#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

namespace isopop::sim {

// Every distinct text once, named by a small number in order of first sight, so that a record of a
// trace holds four bytes where it would hold a string. Number 0 is always "". Not thread-safe.
class StringTable final {
 public:
  StringTable();
  StringTable(const StringTable&) = delete;
  StringTable& operator=(const StringTable&) = delete;
  StringTable(StringTable&&) noexcept = default;
  StringTable& operator=(StringTable&&) noexcept = default;

  std::uint32_t intern(std::string_view text);
  [[nodiscard]] std::string_view text(std::uint32_t id) const { return texts_.at(id); }
  [[nodiscard]] std::size_t size() const { return texts_.size(); }
  // What all texts take together, without the table's own cost.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  std::deque<std::string> texts_;  // a deque never moves what ids_ points to
  std::unordered_map<std::string_view, std::uint32_t> ids_;
  std::uint64_t bytes_ = 0;
};

}  // namespace isopop::sim
