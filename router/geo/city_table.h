#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/geo/geo_point.h"
#include "common/result/result.h"
#include "router/geo/geo_index.h"

namespace isopop::router {

struct City {
  std::string name;          // UTF-8, as GeoNames writes it: "São Paulo"
  std::string ascii_name;    // "Sao Paulo"
  std::string country_code;  // ISO 3166-1 alpha-2
  GeoPoint place;
  std::uint64_t population = 0;
};

// Where people live: the cities that clients name, and that clients without any known place are
// drawn from in proportion to population. Immutable, thus thread-safe; pointers to cities live as
// long as the table.
class CityTable {
 public:
  // Reads a file with the columns name, ascii_name, country_code, lat, lon, population (others are
  // ignored), as configs/data/cities.csv. Errors name file and line.
  [[nodiscard]] static Result<std::shared_ptr<const CityTable>> load(
      const std::filesystem::path& file);
  // INVALID_ARGUMENT if there are no cities, or nobody lives in any of them.
  [[nodiscard]] static Result<std::shared_ptr<const CityTable>> create(std::vector<City> cities);

  // By falling population; equals by country and name.
  [[nodiscard]] const std::vector<City>& cities() const { return cities_; }

  // "Amsterdam" or "Amsterdam,NL": either name, case ignored; of several the most populous. Never
  // null when ok. NOT_FOUND tells which city may have been meant.
  [[nodiscard]] Result<const City*> find(std::string_view text) const;

  // A city drawn with a chance proportional to its population. The same (seed, key) gives the same
  // city on every machine; neighbouring keys are independent.
  [[nodiscard]] const City& draw(std::uint64_t seed, std::uint64_t key) const;
  // The same within one country (any case). Null when the table knows no city there.
  [[nodiscard]] const City* draw_in_country(std::string_view country_code, std::uint64_t seed,
                                            std::uint64_t key) const;

  // The city nearest to a point and how far its centre is.
  struct Nearby {
    const City* city = nullptr;  // never null
    double distance_km = 0;
  };
  [[nodiscard]] Nearby nearest(GeoPoint point) const;

 private:
  // Positions in cities_, and below how much of the summed population each one's share ends.
  struct Shares {
    std::vector<std::size_t> cities;
    std::vector<std::uint64_t> ends;
  };

  explicit CityTable(std::vector<City> cities, std::unique_ptr<const GeoIndex> index);
  [[nodiscard]] const City& draw_from(const Shares& shares, std::uint64_t seed,
                                      std::uint64_t key) const;

  std::vector<City> cities_;
  std::unique_ptr<const GeoIndex> index_;
  // Lower-case name, with and without ",cc", to the most populous city of that name.
  std::map<std::string, std::size_t, std::less<>> by_name_;
  Shares everywhere_;
  std::map<std::string, Shares, std::less<>> by_country_;  // lower-case code
};

}  // namespace isopop::router
