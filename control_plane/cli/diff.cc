#include "control_plane/cli/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <nlohmann/json.hpp>
#include <vector>

namespace isopop::control::cli {
namespace {

constexpr std::size_t kContext = 3;
// Changed lines until which the shortest way from one text to the other is looked for; the search
// keeps the square of it in memory.
constexpr std::ptrdiff_t kEditsMax = 2'000;

using Lines = std::vector<std::string_view>;  // each with its line break, if it has one

Lines lines_of(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

bool is_text(std::string_view bytes) {
  using nlohmann::json;
  if (bytes.find('\0') != std::string_view::npos) return false;
  const json text(bytes);
  return text.dump(-1, ' ', false, json::error_handler_t::ignore) ==
         text.dump(-1, ' ', false, json::error_handler_t::replace);
}

// A line of the result: of both texts, or of one of them.
struct Edit {
  char sign;  // ' ', '-' or '+'
  std::string_view line;
};

// The shortest edit script (Myers 1986, "An O(ND) Difference Algorithm"), greedy, from the end
// back. Nothing when it has more than kEditsMax edits.
class Search {
 public:
  Search(const Lines& before, const Lines& after) : before_(before), after_(after) {}

  std::vector<Edit> run() {
    const auto most = std::min<std::ptrdiff_t>(size(before_) + size(after_), kEditsMax);
    std::vector<std::ptrdiff_t> furthest(static_cast<std::size_t>(2 * most + 3), 0);
    const auto at = [&furthest, most](std::ptrdiff_t k) -> std::ptrdiff_t& {
      return furthest[static_cast<std::size_t>(k + most + 1)];
    };
    for (std::ptrdiff_t edits = 0; edits <= most; ++edits) {
      rounds_.emplace_back(furthest.begin() + (most + 1 - edits - 1),
                           furthest.begin() + (most + 1 + edits + 2));
      for (std::ptrdiff_t k = -edits; k <= edits; k += 2) {
        const bool down = k == -edits || (k != edits && at(k - 1) < at(k + 1));
        std::ptrdiff_t x = down ? at(k + 1) : at(k - 1) + 1;
        std::ptrdiff_t y = x - k;
        while (x < size(before_) && y < size(after_) && line(before_, x) == line(after_, y)) {
          ++x;
          ++y;
        }
        at(k) = x;
        if (x >= size(before_) && y >= size(after_)) return way_back(edits);
      }
    }
    return {};
  }

 private:
  static std::ptrdiff_t size(const Lines& lines) {
    return static_cast<std::ptrdiff_t>(lines.size());
  }
  static std::string_view line(const Lines& lines, std::ptrdiff_t index) {
    return lines[static_cast<std::size_t>(index)];
  }

  std::vector<Edit> way_back(std::ptrdiff_t edits) const {
    std::vector<Edit> script;
    std::ptrdiff_t x = size(before_);
    std::ptrdiff_t y = size(after_);
    for (std::ptrdiff_t round = edits; round > 0; --round) {
      // As it was before the round: diagonals -round-1 .. round+1.
      const auto& furthest = rounds_[static_cast<std::size_t>(round)];
      const auto at = [&furthest, round](std::ptrdiff_t k) {
        return furthest[static_cast<std::size_t>(k + round + 1)];
      };
      const std::ptrdiff_t k = x - y;
      const bool down = k == -round || (k != round && at(k - 1) < at(k + 1));
      const std::ptrdiff_t from_k = down ? k + 1 : k - 1;
      const std::ptrdiff_t from_x = at(from_k);
      const std::ptrdiff_t from_y = from_x - from_k;
      const std::ptrdiff_t stop_x = down ? from_x : from_x + 1;
      for (; x > stop_x; --x, --y) script.push_back({' ', line(before_, x - 1)});
      if (down) {
        script.push_back({'+', line(after_, from_y)});
      } else {
        script.push_back({'-', line(before_, from_x)});
      }
      x = from_x;
      y = from_y;
    }
    for (; x > 0; --x) script.push_back({' ', line(before_, x - 1)});
    std::reverse(script.begin(), script.end());
    return script;
  }

  const Lines& before_;
  const Lines& after_;
  std::vector<std::vector<std::ptrdiff_t>> rounds_;
};

std::vector<Edit> edits_between(const Lines& before, const Lines& after) {
  std::vector<Edit> script = Search(before, after).run();
  if (!script.empty()) return script;
  for (const std::string_view line : before) script.push_back({'-', line});
  for (const std::string_view line : after) script.push_back({'+', line});
  return script;
}

// "@@ -1,4 +1,5 @@" and the lines from `begin` to `end`.
std::string hunk(const std::vector<Edit>& script, std::size_t begin, std::size_t end) {
  struct Side {
    std::size_t first = 1;
    std::size_t count = 0;
    [[nodiscard]] std::string text() const {
      // Of no lines: those after line `first - 1`.
      return count == 1 ? fmt::format("{}", first)
                        : fmt::format("{},{}", count == 0 ? first - 1 : first, count);
    }
  };
  Side before;
  Side after;
  for (std::size_t i = 0; i < end; ++i) {
    const bool counts = i >= begin;
    if (script[i].sign != '+') ++(counts ? before.count : before.first);
    if (script[i].sign != '-') ++(counts ? after.count : after.first);
  }
  std::string text = fmt::format("@@ -{} +{} @@\n", before.text(), after.text());
  for (std::size_t i = begin; i < end; ++i) {
    text += script[i].sign;
    text += script[i].line;
    if (!script[i].line.ends_with('\n')) text += "\n\\ No newline at end of file\n";
  }
  return text;
}

}  // namespace

std::string unified_diff(const DiffNames& names, std::string_view before, std::string_view after) {
  if (before == after) return {};
  if (!is_text(before) || !is_text(after)) {
    return fmt::format("Binary files {} and {} differ\n", names.before, names.after);
  }
  const Lines lines_before = lines_of(before);
  const Lines lines_after = lines_of(after);
  const std::vector<Edit> script = edits_between(lines_before, lines_after);
  std::string text = fmt::format("--- {}\n+++ {}\n", names.before, names.after);
  const auto next_change = [&script](std::size_t from) {
    while (from < script.size() && script[from].sign == ' ') ++from;
    return from;
  };
  for (std::size_t change = next_change(0); change < script.size();) {
    const std::size_t begin = change - std::min(change, kContext);
    std::size_t last = change;
    for (std::size_t next = next_change(last + 1);
         next < script.size() && next - last <= 2 * kContext + 1; next = next_change(last + 1)) {
      last = next;
    }
    text += hunk(script, begin, std::min(last + 1 + kContext, script.size()));
    change = next_change(last + 1);
  }
  return text;
}

}  // namespace isopop::control::cli
