#include "tests/bench/executor/section.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "common/text/text.h"

namespace isopop::test {
namespace {

using Json = nlohmann::ordered_json;

// Three digits or more.
std::string number_text(double value) {
  const double size = std::abs(value);
  return fmt::format("{:.{}f}", value, size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

std::string cell_text(const Json& row, const std::string& key) {
  if (!row.contains(key)) return "-";
  const Json& value = row[key];
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return number_text(value.get<double>());
  return value.dump();
}

// A column as lines of text: the words of its key under each other, then a cell for each row.
struct Column {
  std::vector<std::string> heading;
  std::vector<std::string> cells;
  std::size_t width = 0;
  bool is_text = false;
};

Column make_column(const Json& rows, const std::string& key) {
  Column column;
  for (const std::string_view word : split(key, '_')) column.heading.emplace_back(word);
  for (const Json& row : rows) {
    column.cells.push_back(cell_text(row, key));
    if (row.contains(key) && row[key].is_string()) column.is_text = true;
  }
  for (const auto* lines : {&column.heading, &column.cells}) {
    for (const std::string& line : *lines) column.width = std::max(column.width, line.size());
  }
  return column;
}

void print_cell(const Column& column, const std::string& text) {
  if (column.is_text) {
    fmt::print("  {:<{}}", text, column.width);
  } else {
    fmt::print("  {:>{}}", text, column.width);
  }
}

void print_table(const Json& rows) {
  std::vector<std::string> keys;
  for (const Json& row : rows) {
    for (const auto& [key, value] : row.items()) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
    }
  }
  std::vector<Column> columns;
  std::size_t heading_lines = 0;
  for (const std::string& key : keys) {
    columns.push_back(make_column(rows, key));
    heading_lines = std::max(heading_lines, columns.back().heading.size());
  }
  for (std::size_t line = 0; line < heading_lines; ++line) {
    for (const Column& column : columns) {
      const std::size_t above = heading_lines - column.heading.size();
      print_cell(column, line < above ? "" : column.heading[line - above]);
    }
    fmt::print("\n");
  }
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (const Column& column : columns) print_cell(column, column.cells[row]);
    fmt::print("\n");
  }
}

std::string_view sign(Target::Kind kind) {
  return kind == Target::Kind::kAtMost ? "<=" : ">=";
}

}  // namespace

Json SectionReport::to_json() const {
  Json held = Json::array();
  for (const Target& target : targets) {
    held.push_back({{"name", target.name},
                    {"value", rounded(target.value)},
                    {"target", fmt::format("{} {}", sign(target.kind), target.bound)},
                    {"reached", target.is_reached()}});
  }
  return {{"rows", rows}, {"targets", held}, {"notes", notes}};
}

void SectionReport::print() const {
  print_table(rows);
  std::size_t width = 0;
  for (const Target& target : targets) width = std::max(width, target.name.size());
  for (const Target& target : targets) {
    fmt::print("  {:<{}}  {:>8}  target {} {:<6}  {}\n", target.name, width,
               number_text(target.value), sign(target.kind), target.bound,
               target.is_reached() ? "reached" : "MISSED");
  }
  for (const std::string& note : notes) fmt::print("  ({})\n", note);
  std::fflush(stdout);
}

double rounded(double value) {
  return std::round(value * 1000) / 1000;
}

void say(const std::string& what) {
  fmt::print(stderr, "{} …\n", what);
}

}  // namespace isopop::test
