// What locating a client, choosing its PoP and working out its network costs, with 330 PoPs and all
// shipped cities: the router does each once a request.

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numbers>
#include <string>
#include <vector>

#include "common/csv/csv_reader.h"
#include "common/random/random.h"
#include "router/geo/city_table.h"
#include "router/geo/geo_index.h"
#include "router/network/network_model.h"
#include "router/policy/routing_policy.h"

namespace isopop::router {
namespace {

constexpr std::size_t kPops = 330;

template <typename T>
T must(Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "router_bench: %s\n", result.error().message.c_str());
    std::exit(1);
  }
  return std::move(result).value();
}

const PopTable& pops() {
  static const std::shared_ptr<const PopTable> table = [] {
    CsvReader rows = must(CsvReader::open(ISOPOP_SOURCE_DIR "/configs/data/pops.csv"));
    const std::size_t id = must(rows.column("iata"));
    const std::size_t latitude = must(rows.column("lat"));
    const std::size_t longitude = must(rows.column("lon"));
    std::vector<Pop> list;
    while (list.size() < kPops && must(rows.next())) {
      Pop pop;
      pop.id = rows.field(id);
      pop.place = {must(rows.number(latitude)), must(rows.number(longitude))};
      pop.state = PopState::kReady;
      list.push_back(std::move(pop));
    }
    return must(PopTable::create(std::move(list)));
  }();
  return *table;
}

const CityTable& cities() {
  static const std::shared_ptr<const CityTable> table =
      must(CityTable::load(ISOPOP_SOURCE_DIR "/configs/data/cities.csv"));
  return *table;
}

// Where people live.
std::vector<GeoPoint> populated_places() {
  std::vector<GeoPoint> places;
  places.reserve(4096);
  for (std::uint64_t key = 0; key < 4096; ++key) places.push_back(cities().draw(1, key).place);
  return places;
}

// Anywhere on Earth, oceans included.
std::vector<GeoPoint> uniform_places() {
  RandomStream random(1, "router_bench.places");
  std::vector<GeoPoint> places;
  while (places.size() < 4096) {
    const double z = 2 * random.uniform() - 1;
    places.push_back({std::asin(z) * 180 / std::numbers::pi, 360 * random.uniform() - 180});
  }
  return places;
}

void nearest(benchmark::State& state, const std::vector<GeoPoint>& places) {
  const auto count = static_cast<std::size_t>(state.range(0));
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(pops().eligible_index().nearest(places[i++ % places.size()], count));
  }
}

void nearest_to_people(benchmark::State& state) {
  nearest(state, populated_places());
}
BENCHMARK(nearest_to_people)->Arg(1)->Arg(5);

void nearest_to_anywhere(benchmark::State& state) {
  nearest(state, uniform_places());
}
BENCHMARK(nearest_to_anywhere)->Arg(1)->Arg(5);

// What the tree saves: the same by measuring every PoP.
void nearest_by_brute_force(benchmark::State& state) {
  const std::vector<GeoPoint> places = populated_places();
  std::size_t i = 0;
  for (auto _ : state) {
    double best_km = 1e9;
    for (const Pop& pop : pops().pops()) {
      best_km = std::min(best_km, geodesic_km(places[i % places.size()], pop.place));
    }
    benchmark::DoNotOptimize(best_km);
    ++i;
  }
}
BENCHMARK(nearest_by_brute_force);

void nearest_city(benchmark::State& state) {
  const std::vector<GeoPoint> places = uniform_places();
  std::size_t i = 0;
  for (auto _ : state) benchmark::DoNotOptimize(cities().nearest(places[i++ % places.size()]));
}
BENCHMARK(nearest_city);

void draw_city(benchmark::State& state) {
  std::uint64_t key = 0;
  for (auto _ : state) benchmark::DoNotOptimize(cities().draw(1, key++));
}
BENCHMARK(draw_city);

void find_city(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(cities().find("Amsterdam,NL"));
}
BENCHMARK(find_city);

void link(benchmark::State& state) {
  const NetworkModel model(1, must(find_access_profile("default")));
  const std::vector<GeoPoint> places = populated_places();
  std::size_t i = 0;
  for (auto _ : state) {
    const Pop& pop = pops().pops()[i % kPops];
    benchmark::DoNotOptimize(
        model.link({"198.51.100.77", places[i % places.size()]}, {pop.id, pop.place}));
    ++i;
  }
}
BENCHMARK(link);

void delays(benchmark::State& state) {
  const NetworkModel model(1, must(find_access_profile("default")));
  const Pop& pop = pops().pops().front();
  const ClientLink fixed = model.link({"198.51.100.77", {52, 5}}, {pop.id, pop.place});
  std::uint64_t sequence = 0;
  for (auto _ : state) {
    RandomStream jitter = model.jitter_stream("198.51.100.77", sequence++);
    benchmark::DoNotOptimize(model.delays(fixed, Connection::kNew, jitter));
  }
}
BENCHMARK(delays);

void policy(benchmark::State& state, const char* name) {
  const NetworkModel model(1, must(find_access_profile("default")));
  const auto made = must(make_routing_policy(name, model));
  const std::vector<GeoPoint> places = populated_places();
  std::size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(made->candidates(pops(), {"me", places[i++ % places.size()]}, 5));
  }
}
BENCHMARK_CAPTURE(policy, nearest, "nearest");
BENCHMARK_CAPTURE(policy, lowest_rtt, "lowest-rtt");

void rebuild_pop_table(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(PopTable::create(pops().pops()));
}
BENCHMARK(rebuild_pop_table);

void load_cities(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(CityTable::load(ISOPOP_SOURCE_DIR "/configs/data/cities.csv"));
  }
}
BENCHMARK(load_cities)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace isopop::router
