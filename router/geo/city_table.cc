#include "router/geo/city_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "common/csv/csv_reader.h"
#include "common/hash/hash.h"
#include "common/result/assert.h"
#include "common/text/text.h"

namespace isopop::router {
namespace {

// The suggestion compares with every city, so it is only tried for what may be a city's name.
constexpr std::size_t kSuggestionBytesMax = 64;

struct CityColumns {
  std::size_t name;
  std::size_t ascii_name;
  std::size_t country_code;
  std::size_t latitude;
  std::size_t longitude;
  std::size_t population;
};

Result<CityColumns> find_columns(const CsvReader& rows) {
  CityColumns columns{};
  ISOPOP_TRY_ASSIGN(columns.name, rows.column("name"));
  ISOPOP_TRY_ASSIGN(columns.ascii_name, rows.column("ascii_name"));
  ISOPOP_TRY_ASSIGN(columns.country_code, rows.column("country_code"));
  ISOPOP_TRY_ASSIGN(columns.latitude, rows.column("lat"));
  ISOPOP_TRY_ASSIGN(columns.longitude, rows.column("lon"));
  ISOPOP_TRY_ASSIGN(columns.population, rows.column("population"));
  return columns;
}

Result<City> read_city(const CsvReader& row, const CityColumns& columns) {
  City city{.name = row.field(columns.name),
            .ascii_name = row.field(columns.ascii_name),
            .country_code = row.field(columns.country_code),
            .place = {},
            .population = 0};
  ISOPOP_TRY_ASSIGN(city.place.latitude_deg, row.number(columns.latitude));
  ISOPOP_TRY_ASSIGN(city.place.longitude_deg, row.number(columns.longitude));
  if (const Result<void> place = check_geo_point(city.place); !place.ok()) {
    return row.error(place.error().message);
  }
  ISOPOP_TRY_ASSIGN(const std::int64_t population, row.integer(columns.population));
  if (population < 0) return row.error(fmt::format("population: {} is below 0", population));
  city.population = static_cast<std::uint64_t>(population);
  if (city.name.empty() || city.ascii_name.empty()) return row.error("the city has no name");
  if (city.country_code.size() != 2) {
    return row.error(fmt::format("country_code: '{}' is not two letters", city.country_code));
  }
  return city;
}

// "Amsterdam , nl" as the table spells its keys: "amsterdam,nl".
std::string to_key(std::string_view text) {
  text = trim(text);
  const std::size_t comma = text.rfind(',');
  if (comma == std::string_view::npos) return to_lower(text);
  const std::string_view country = trim(text.substr(comma + 1));
  if (country.size() != 2) return to_lower(text);
  return to_lower(trim(text.substr(0, comma))) + ',' + to_lower(country);
}

}  // namespace

Result<std::shared_ptr<const CityTable>> CityTable::load(const std::filesystem::path& file) {
  ISOPOP_TRY_ASSIGN(CsvReader rows, CsvReader::open(file.string()));
  ISOPOP_TRY_ASSIGN(const CityColumns columns, find_columns(rows));
  std::vector<City> cities;
  while (true) {
    ISOPOP_TRY_ASSIGN(const bool found, rows.next());
    if (!found) break;
    ISOPOP_TRY_ASSIGN(City city, read_city(rows, columns));
    cities.push_back(std::move(city));
  }
  return create(std::move(cities)).with_context(file.string());
}

Result<std::shared_ptr<const CityTable>> CityTable::create(std::vector<City> cities) {
  if (cities.empty()) return invalid_argument("there are no cities");
  const auto order = [](const City& city) {
    return std::tie(city.country_code, city.name, city.place.latitude_deg,
                    city.place.longitude_deg);
  };
  std::sort(cities.begin(), cities.end(), [&order](const City& a, const City& b) {
    if (a.population != b.population) return a.population > b.population;
    return order(a) < order(b);
  });
  if (cities.front().population == 0) return invalid_argument("nobody lives in any of the cities");

  std::vector<GeoSite> sites;
  sites.reserve(cities.size());
  for (const City& city : cities) {
    // Ids in the order of population, so that of two cities at one place the larger is found.
    sites.push_back({.id = fmt::format("{:08}", sites.size()), .place = city.place});
  }
  ISOPOP_TRY_ASSIGN(auto index, GeoIndex::create(std::move(sites)));
  return std::shared_ptr<const CityTable>(new CityTable(std::move(cities), std::move(index)));
}

CityTable::CityTable(std::vector<City> cities, std::unique_ptr<const GeoIndex> index)
    : cities_(std::move(cities)), index_(std::move(index)) {
  for (std::size_t i = 0; i < cities_.size(); ++i) {
    const City& city = cities_[i];
    const std::string country = to_lower(city.country_code);
    for (std::string name : {to_lower(city.name), to_lower(city.ascii_name)}) {
      by_name_.try_emplace(name, i);  // the first, thus the most populous, stays
      name.append(",").append(country);
      by_name_.try_emplace(std::move(name), i);
    }
    if (city.population == 0) continue;
    for (Shares* shares : {&everywhere_, &by_country_[country]}) {
      shares->cities.push_back(i);
      shares->ends.push_back((shares->ends.empty() ? 0 : shares->ends.back()) + city.population);
    }
  }
}

Result<const City*> CityTable::find(std::string_view text) const {
  const std::string key = to_key(text);
  if (const auto found = by_name_.find(key); found != by_name_.end()) {
    return &cities_[found->second];
  }
  std::string message = fmt::format("no city is called '{}'", truncate_utf8(text, 100));
  if (key.size() <= kSuggestionBytesMax) {
    std::vector<std::string> known;
    for (const City& city : cities_) {
      const std::size_t size = city.ascii_name.size();
      if (size <= key.size() + 2 && key.size() <= size + 2) known.push_back(city.ascii_name);
    }
    std::string suggestion = did_you_mean(key, known);
    if (suggestion
            .empty()) {  // the name is right and the country wrong, or misspelt with a country
      const std::string_view name = std::string_view(key).substr(0, key.rfind(','));
      const auto found = by_name_.find(name);
      if (found != by_name_.end()) {
        const City& city = cities_[found->second];
        suggestion = city.name + ',' + city.country_code;
      }
    }
    if (!suggestion.empty()) message += fmt::format("; did you mean '{}'?", suggestion);
  }
  return not_found(std::move(message));
}

const City& CityTable::draw_from(const Shares& shares, std::uint64_t seed,
                                 std::uint64_t key) const {
  ISOPOP_ASSERT(!shares.ends.empty(), "at least one city with people in it");
  const std::uint64_t bits = combine64(combine64(seed, hash64("geo.city")), key);
  __extension__ using Wide = unsigned __int128;
  // Below the total; its bias, total / 2^64, is below 1e-9.
  const auto person = static_cast<std::uint64_t>((Wide{bits} * shares.ends.back()) >> 64U);
  const auto end = std::upper_bound(shares.ends.begin(), shares.ends.end(), person);
  return cities_[shares.cities[static_cast<std::size_t>(end - shares.ends.begin())]];
}

const City& CityTable::draw(std::uint64_t seed, std::uint64_t key) const {
  return draw_from(everywhere_, seed, key);
}

const City* CityTable::draw_in_country(std::string_view country_code, std::uint64_t seed,
                                       std::uint64_t key) const {
  const auto found = by_country_.find(to_lower(country_code));
  if (found == by_country_.end()) return nullptr;
  return &draw_from(found->second, seed, key);
}

CityTable::Nearby CityTable::nearest(GeoPoint point) const {
  const Neighbour neighbour = index_->nearest(point, 1).front();
  return {.city = &cities_[neighbour.site], .distance_km = neighbour.distance_km};
}

}  // namespace isopop::router
