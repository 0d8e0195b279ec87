#include "router/geo/city_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <string>

#include "common/files/files.h"

namespace isopop::router {
namespace {

const CityTable& world() {
  static const std::shared_ptr<const CityTable> table =
      CityTable::load(ISOPOP_SOURCE_DIR "/configs/data/cities.csv").value();
  return *table;
}

std::string found(std::string_view text) {
  const Result<const City*> city = world().find(text);
  if (!city.ok()) return city.error().message;
  return city.value()->name + ',' + city.value()->country_code;
}

// What load() says of a file with this content, without the name of its folder.
std::string complaint(std::string_view content) {
  const TempFolder folder = std::move(TempFolder::create("city-table-test")).value();
  const std::filesystem::path file = folder.path() / "cities.csv";
  EXPECT_TRUE(write_file_atomically(file, content).ok());
  const auto loaded = CityTable::load(file);
  if (loaded.ok()) return "no complaint";
  std::string message = loaded.error().message;
  const std::string prefix = folder.path().string() + '/';
  const std::size_t at = message.find(prefix);
  return at == std::string::npos ? message : message.erase(at, prefix.size());
}

constexpr std::string_view kHeader = "name,ascii_name,country_code,lat,lon,population\n";

std::string with_header(std::string_view rows) {
  return std::string(kHeader).append(rows);
}

TEST(CityTableTest, LoadsTheShippedCities) {
  EXPECT_EQ(world().cities().size(), 10'141U);
  EXPECT_EQ(world().cities().front().name, "Shanghai");
}

TEST(CityTableTest, FindsByNameInAnyCaseAndSpelling) {
  EXPECT_EQ(found("Amsterdam"), "Amsterdam,NL");
  EXPECT_EQ(found("AMSTERDAM"), "Amsterdam,NL");
  EXPECT_EQ(found(" amsterdam , nl "), "Amsterdam,NL");
  EXPECT_EQ(found("Sao Paulo"), "São Paulo,BR");
  EXPECT_EQ(found("São Paulo"), "São Paulo,BR");
  EXPECT_EQ(found("Mianzhu, Deyang, Sichuan"), "Mianzhu, Deyang, Sichuan,CN");
}

TEST(CityTableTest, PrefersTheMostPopulousUnlessTheCountryIsGiven) {
  EXPECT_EQ(found("Birmingham"), "Birmingham,GB");
  EXPECT_EQ(found("Birmingham,US"), "Birmingham,US");
}

TEST(CityTableTest, SuggestsWhatMayHaveBeenMeant) {
  EXPECT_EQ(found("Amsterdan"), "no city is called 'Amsterdan'; did you mean 'Amsterdam'?");
  EXPECT_EQ(found("Amsterdam,DE"),
            "no city is called 'Amsterdam,DE'; did you mean 'Amsterdam,NL'?");
  EXPECT_EQ(found("Qqqqqqqqqqq"), "no city is called 'Qqqqqqqqqqq'");
  EXPECT_EQ(found(std::string(100'000, 'x')).size(),
            100 + std::string("no city is called ''").size());
}

TEST(CityTableTest, DrawsTheSameCityForTheSameKey) {
  for (std::uint64_t key = 0; key < 100; ++key) {
    EXPECT_EQ(&world().draw(1, key), &world().draw(1, key));
  }
  // Fixed for ever: a run of last year must find its clients where they were.
  EXPECT_EQ(world().draw(1, 0).name, "Yokohama");
  EXPECT_EQ(world().draw(1, 1).name, "Giza");
  EXPECT_EQ(world().draw(2, 0).name, "Fukuoka");
}

TEST(CityTableTest, DrawsInProportionToPopulation) {
  constexpr std::uint64_t kDraws = 400'000;
  std::map<std::string, double> drawn;  // by country
  for (std::uint64_t key = 0; key < kDraws; ++key) drawn[world().draw(7, key).country_code] += 1;
  std::map<std::string, double> people;
  double total = 0;
  for (const City& city : world().cities()) {
    people[city.country_code] += static_cast<double>(city.population);
    total += static_cast<double>(city.population);
  }
  double chi_squared = 0;
  double degrees_of_freedom = -1;
  for (const auto& [country, population] : people) {
    const double expected = population / total * kDraws;
    if (expected < 20) continue;
    chi_squared += (drawn[country] - expected) * (drawn[country] - expected) / expected;
    degrees_of_freedom += 1;
  }
  EXPECT_GT(degrees_of_freedom, 100);
  // Mean n, variance 2n: four standard deviations either way.
  EXPECT_NEAR(chi_squared, degrees_of_freedom, 4 * std::sqrt(2 * degrees_of_freedom));
}

TEST(CityTableTest, NeverDrawsWhereNobodyLives) {
  const auto table = std::move(CityTable::create({{"Ghost Town", "Ghost Town", "US", {35, -117}, 0},
                                                  {"Solo", "Solo", "ID", {-7.6, 110.8}, 1}}))
                         .value();
  for (std::uint64_t key = 0; key < 1000; ++key) EXPECT_EQ(table->draw(1, key).name, "Solo");
  EXPECT_EQ(table->draw_in_country("US", 1, 1), nullptr);
}

TEST(CityTableTest, DrawsWithinACountry) {
  for (std::uint64_t key = 0; key < 100; ++key) {
    const City* city = world().draw_in_country("nl", 1, key);
    ASSERT_NE(city, nullptr);
    EXPECT_EQ(city->country_code, "NL");
  }
  EXPECT_EQ(world().draw_in_country("XX", 1, 0), nullptr);
}

TEST(CityTableTest, NamesTheNearestCity) {
  const CityTable::Nearby nearby = world().nearest({52.0, 4.3});
  EXPECT_EQ(nearby.city->country_code, "NL");
  EXPECT_LT(nearby.distance_km, 15);
}

TEST(CityTableTest, SaysWhatIsWrongInAFileAndWhere) {
  EXPECT_EQ(complaint(""), "cities.csv:1: the file has no header row");
  EXPECT_EQ(complaint(kHeader), "cities.csv: there are no cities");
  EXPECT_EQ(complaint("name,lat,lon\n"),
            "cities.csv:1: there is no column 'ascii_name'; there are: name, lat, lon");
  EXPECT_EQ(complaint(with_header("A,A,NL,1,2,5\nB,B,NL,95,2,5\n")),
            "cities.csv:3: latitude 95 is not in -90 .. 90");
  EXPECT_EQ(complaint(with_header("A,A,NL,north,2,5\n")),
            "cities.csv:2: lat: 'north' is not a number");
  EXPECT_EQ(complaint(with_header("A,A,NL,1,2,-5\n")), "cities.csv:2: population: -5 is below 0");
  EXPECT_EQ(complaint(with_header("A,A,Netherlands,1,2,5\n")),
            "cities.csv:2: country_code: 'Netherlands' is not two letters");
  EXPECT_EQ(complaint(with_header(",,NL,1,2,5\n")), "cities.csv:2: the city has no name");
  EXPECT_EQ(complaint(with_header("A,A,NL,1,2\n")),
            "cities.csv:2: the record has 5 fields, the header 6");
  EXPECT_EQ(complaint(with_header("A,A,NL,1,2,0\n")),
            "cities.csv: nobody lives in any of the cities");
}

TEST(CityTableTest, RefusesAFileThatIsNotThere) {
  const auto loaded = CityTable::load("/nonexistent/cities.csv");
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace isopop::router
