#include "control_plane/cli/operations_json.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/time/clock.h"
#include "common/units/units.h"

namespace isopop::control::cli {
namespace {

using Json = nlohmann::ordered_json;
using enum Table::Align;
using enum Table::Shown;

Json to_json(const v1::Figures::Line& line) {
  Json json = Json::object();
  if (!line.worker().empty()) {
    json["worker"] = line.worker();
    json["version"] = line.number();
  }
  if (!line.pop().empty()) json["pop"] = line.pop();
  json["requests_per_s"] = line.requests_per_s();
  json["error_ratio"] = line.error_ratio();
  json["p50_ms"] = line.p50_ms();
  json["p99_ms"] = line.p99_ms();
  json["cpu_ms"] = line.cpu_ms();
  json["cold_starts"] = line.cold_starts();
  json["crashes"] = line.crashes();
  return json;
}

template <typename Lines>
Json to_array(const Lines& lines) {
  Json array = Json::array();
  for (const v1::Figures::Line& line : lines) array.push_back(to_json(line));
  return array;
}

std::string milliseconds(double ms) {
  return ms == 0.0 ? "-" : format_duration(from_ms(ms));
}

Table table_of(Table::Column first, Table::Column second) {
  return Table({std::move(first),
                std::move(second),
                {"REQ/S", kRight},
                {"ERRORS", kRight},
                {"P50", kRight},
                {"P99", kRight},
                {"CPU", kRight},
                {"COLD STARTS", kRight, kWide},
                {"CRASHES", kRight}});
}

void add_line(Table& table, std::string first, std::string second, const v1::Figures::Line& line) {
  table.add({std::move(first), std::move(second), fmt::format("{:.1f}", line.requests_per_s()),
             fmt::format("{:.1f} %", line.error_ratio() * 100.0), milliseconds(line.p50_ms()),
             milliseconds(line.p99_ms()), milliseconds(line.cpu_ms()),
             fmt::format("{}", line.cold_starts()), fmt::format("{}", line.crashes())});
}

}  // namespace

Json to_json(const v1::Figures& figures) {
  return {{"at", format_rfc3339(from_unix_ms(figures.at_ms()))},
          {"interval_ms", figures.interval_ms()},
          {"all", to_json(figures.all())},
          {"workers", to_array(figures.workers())},
          {"pops", to_array(figures.pops())}};
}

Table workers_table(const v1::Figures& figures) {
  Table table = table_of({"WORKER"}, {"VERSION", kRight});
  for (const v1::Figures::Line& line : figures.workers()) {
    add_line(table, line.worker(), fmt::format("v{}", line.number()), line);
  }
  add_line(table, "all", "", figures.all());
  return table;
}

Table pops_table(const v1::Figures& figures, int rows_max) {
  std::vector<const v1::Figures::Line*> busiest;
  for (const v1::Figures::Line& line : figures.pops()) busiest.push_back(&line);
  std::stable_sort(busiest.begin(), busiest.end(), [](const auto* a, const auto* b) {
    return a->requests_per_s() > b->requests_per_s();
  });
  if (busiest.size() > static_cast<std::size_t>(rows_max)) {
    busiest.resize(static_cast<std::size_t>(rows_max));
  }
  Table table = table_of({"POP"}, {"", kLeft, kWide});
  for (const v1::Figures::Line* line : busiest) add_line(table, line->pop(), "", *line);
  return table;
}

}  // namespace isopop::control::cli
