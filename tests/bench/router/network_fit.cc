// How far the network model is from measured round-trip times: the table in
// docs/simulation-model.md.
//
//   network_fit FILE.csv [RTT_COLUMN]
//
// The file has a row for each pair of hosts with the columns src, dst, src_lat, src_lon, dst_lat,
// dst_lon and the measured round trip in milliseconds (rtt_min_ms unless named). Prints Markdown.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "common/csv/csv_reader.h"
#include "common/units/units.h"
#include "router/network/network_model.h"

namespace isopop::router {
namespace {

struct Pair {
  double distance_km = 0;
  double measured_ms = 0;
  double modelled_ms = 0;  // with the pair's own luck
};

double quantile(std::vector<double> values, double p) {
  if (values.empty()) return std::nan("");
  const auto at = static_cast<std::size_t>(std::lround(p * static_cast<double>(values.size() - 1)));
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(at), values.end());
  return values[at];
}

Result<std::vector<Pair>> read_pairs(const std::string& file, const std::string& rtt_column) {
  const NetworkModel model(1, find_access_profile("default").value());
  ISOPOP_TRY_ASSIGN(CsvReader rows, CsvReader::open(file));
  std::array<std::size_t, 7> columns{};
  const std::array<std::string, 7> names = {"src",     "dst",     "src_lat", "src_lon",
                                            "dst_lat", "dst_lon", rtt_column};
  for (std::size_t i = 0; i < names.size(); ++i) {
    ISOPOP_TRY_ASSIGN(columns.at(i), rows.column(names.at(i)));
  }
  std::vector<Pair> pairs;
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool found, rows.next());
    if (!found) return pairs;
    Host from{rows.field(columns[0]), {}};
    Host to{rows.field(columns[1]), {}};
    Pair pair;
    ISOPOP_TRY_ASSIGN(from.place.latitude_deg, rows.number(columns[2]));
    ISOPOP_TRY_ASSIGN(from.place.longitude_deg, rows.number(columns[3]));
    ISOPOP_TRY_ASSIGN(to.place.latitude_deg, rows.number(columns[4]));
    ISOPOP_TRY_ASSIGN(to.place.longitude_deg, rows.number(columns[5]));
    ISOPOP_TRY_ASSIGN(pair.measured_ms, rows.number(columns[6]));
    pair.distance_km = great_circle_km(from.place, to.place);
    pair.modelled_ms = to_ms(model.backbone_rtt(from, to));
    pairs.push_back(pair);
  }
}

void print_band(const std::vector<Pair>& pairs, double low_km, double high_km) {
  std::vector<double> measured;
  std::vector<double> modelled;
  std::vector<double> errors;
  std::vector<double> measured_ratio;
  std::vector<double> modelled_ratio;
  for (const Pair& pair : pairs) {
    if (pair.distance_km < low_km || pair.distance_km >= high_km) continue;
    const double base = path_rtt_ms(pair.distance_km, 0);
    measured.push_back(pair.measured_ms);
    modelled.push_back(pair.modelled_ms);
    errors.push_back(std::abs(base / pair.measured_ms - 1));
    measured_ratio.push_back(pair.measured_ms / base);
    modelled_ratio.push_back(pair.modelled_ms / base);
  }
  if (measured.empty()) return;
  fmt::print(
      "| {:.0f}–{:.0f} | {} | {:.1f} | {:.1f} | {:+.0f} % | {:.0f} % | {:.2f}–{:.2f} | "
      "{:.2f}–{:.2f} |\n",
      low_km, high_km, measured.size(), quantile(measured, 0.5), quantile(modelled, 0.5),
      100 * (quantile(modelled, 0.5) / quantile(measured, 0.5) - 1), 100 * quantile(errors, 0.5),
      quantile(measured_ratio, 0.05), quantile(measured_ratio, 0.95),
      quantile(modelled_ratio, 0.05), quantile(modelled_ratio, 0.95));
}

int run(const std::string& file, const std::string& rtt_column) {
  const Result<std::vector<Pair>> pairs = read_pairs(file, rtt_column);
  if (!pairs.ok()) {
    fmt::print(stderr, "network_fit: {}\n", pairs.error().message);
    return 1;
  }
  fmt::print(
      "| distance (km) | pairs | measured median (ms) | model median (ms) | error of the median "
      "| median error of a pair | measured / base, p5–p95 | model / base, p5–p95 |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- |\n");
  constexpr std::array<double, 10> kBands = {0,    100,  250,  500,   1000,
                                             2000, 4000, 8000, 12000, 20100};
  for (std::size_t i = 0; i + 1 < kBands.size(); ++i) {
    print_band(pairs.value(), kBands.at(i), kBands.at(i + 1));
  }
  print_band(pairs.value(), kBands.front(), kBands.back());
  return 0;
}

}  // namespace
}  // namespace isopop::router

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) {
    fmt::print(stderr, "usage: network_fit FILE.csv [RTT_COLUMN]\n");
    return 2;
  }
  return isopop::router::run(argv[1], argc == 3 ? argv[2] : "rtt_min_ms");
}
