#include "sim/topology/coverage_order.h"

#include <algorithm>

#include "router/network/network_model.h"

namespace isopop::sim {
namespace {

// Farther than any place is from any other (half the circumference), so that the first site helps
// everyone.
constexpr double kNowhereKm = 20'100.0;

float rtt_ms_of(double distance_km) {
  return static_cast<float>(router::path_rtt_ms(distance_km, 0));
}

std::vector<float> round_trips_ms(GeoPoint site, const std::vector<Demand>& demand) {
  std::vector<float> round_trips;
  round_trips.reserve(demand.size());
  for (const Demand& people : demand) {
    round_trips.push_back(rtt_ms_of(great_circle_km(site, people.place)));
  }
  return round_trips;
}

// How many person-milliseconds the site would save.
double gain_of(const std::vector<float>& site_ms, const std::vector<float>& nearest_ms,
               const std::vector<Demand>& demand) {
  double gain = 0;
  for (std::size_t i = 0; i < demand.size(); ++i) {
    const double saved_ms = static_cast<double>(nearest_ms[i]) - static_cast<double>(site_ms[i]);
    if (saved_ms > 0) gain += demand[i].weight * saved_ms;
  }
  return gain;
}

void take_nearer(std::vector<float>& nearest_ms, const std::vector<float>& site_ms) {
  std::transform(nearest_ms.begin(), nearest_ms.end(), site_ms.begin(), nearest_ms.begin(),
                 [](float a, float b) { return std::min(a, b); });
}

}  // namespace

std::vector<std::size_t> coverage_order(const std::vector<GeoPoint>& sites,
                                        const std::vector<Demand>& demand,
                                        const std::vector<GeoPoint>& existing, std::size_t count) {
  std::vector<float> nearest_ms(demand.size(), rtt_ms_of(kNowhereKm));
  for (const GeoPoint site : existing) take_nearer(nearest_ms, round_trips_ms(site, demand));
  std::vector<std::vector<float>> site_ms;
  site_ms.reserve(sites.size());
  for (const GeoPoint site : sites) site_ms.push_back(round_trips_ms(site, demand));

  // A gain only shrinks as sites are added, so an old gain is an upper bound (Minoux 1978): most
  // sites need not be looked at again.
  constexpr double kUnknown = -1;
  std::vector<double> bound(sites.size());
  for (std::size_t i = 0; i < sites.size(); ++i) bound[i] = gain_of(site_ms[i], nearest_ms, demand);
  std::vector<std::size_t> order;
  std::vector<bool> is_taken(sites.size(), false);
  while (order.size() < std::min(count, sites.size())) {
    double best_gain = kUnknown;
    std::size_t best = 0;
    for (std::size_t i = 0; i < sites.size(); ++i) {
      if (is_taken[i] || bound[i] <= best_gain) continue;
      bound[i] = gain_of(site_ms[i], nearest_ms, demand);
      if (bound[i] > best_gain) {
        best_gain = bound[i];
        best = i;
      }
    }
    is_taken[best] = true;
    order.push_back(best);
    take_nearer(nearest_ms, site_ms[best]);
  }
  return order;
}

}  // namespace isopop::sim
