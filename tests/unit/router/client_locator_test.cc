#include "router/geo/client_locator.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "common/files/files.h"
#include "tests/unit/router/mmdb_writer.h"

namespace isopop::router {
namespace {

using testing::IpVersion;
using testing::mmdb_double;
using testing::mmdb_map;
using testing::mmdb_text;
using testing::MmdbWriter;

std::shared_ptr<const CityTable> world() {
  static const std::shared_ptr<const CityTable> table =
      CityTable::load(ISOPOP_SOURCE_DIR "/configs/data/cities.csv").value();
  return table;
}

// Knows one network with coordinates near Utrecht and one of which it only knows the country.
std::unique_ptr<const Mmdb> small_database() {
  MmdbWriter writer(IpVersion::kV6);
  writer.add("198.51.100.0/24",
             mmdb_map({{"latitude", mmdb_double(52.09)}, {"longitude", mmdb_double(5.12)}}));
  writer.add("2001:db8::/32", mmdb_map({{"country_code", mmdb_text("KE")}}));
  const TempFolder folder = std::move(TempFolder::create("client-locator-test")).value();
  const std::filesystem::path file = folder.path() / "test.mmdb";
  EXPECT_TRUE(write_file_atomically(file, writer.finish()).ok());
  return std::move(Mmdb::open(file)).value();  // stays mapped when its name is gone
}

ClientLocation locate(const ClientLocator& locator, const ClientHints& hints) {
  Result<ClientLocation> location = locator.locate(hints);
  EXPECT_TRUE(location.ok()) << location.error().message;
  return std::move(location).value();
}

TEST(ClientLocatorTest, TakesTheLocationHeaderFirst) {
  const ClientLocator locator(world(), small_database(), 1);
  const ClientLocation location = locate(locator, {.location = "48.86, 2.35",
                                                   .city = "Tokyo",
                                                   .client_id = {},
                                                   .forwarded_for = {},
                                                   .peer_address = "198.51.100.9"});
  EXPECT_EQ(location.located_by, LocatedBy::kLocation);
  EXPECT_EQ(location.place, (GeoPoint{48.86, 2.35}));
  EXPECT_EQ(location.city, "Paris");
  EXPECT_EQ(location.country, "FR");
}

TEST(ClientLocatorTest, GivesNoNameToTheOpenSea) {
  const ClientLocator locator(world(), nullptr, 1);
  ClientHints hints;
  hints.location = "-45,-130";
  const ClientLocation location = locate(locator, hints);
  EXPECT_EQ(location.city, "");
  EXPECT_EQ(location.country, "");
}

TEST(ClientLocatorTest, TakesTheCityHeaderBeforeTheAddress) {
  const ClientLocator locator(world(), small_database(), 1);
  ClientHints hints;
  hints.city = "tokyo,jp";
  hints.peer_address = "198.51.100.9";
  const ClientLocation location = locate(locator, hints);
  EXPECT_EQ(location.located_by, LocatedBy::kCity);
  EXPECT_EQ(location.city, "Tokyo");
}

TEST(ClientLocatorTest, RefusesALocationOrCityThatIsNone) {
  const ClientLocator locator(world(), nullptr, 1);
  ClientHints hints;
  hints.location = "95,0";
  EXPECT_EQ(locator.locate(hints).error().code, ErrorCode::kInvalidArgument);
  hints.location = "here";
  EXPECT_EQ(locator.locate(hints).error().code, ErrorCode::kInvalidArgument);
  hints.location.reset();
  hints.city = "Atlantis-upon-Sea";
  EXPECT_EQ(locator.locate(hints).error().code, ErrorCode::kNotFound);
}

TEST(ClientLocatorTest, LooksTheAddressUp) {
  const ClientLocator locator(world(), small_database(), 1);
  ClientHints hints;
  hints.peer_address = "198.51.100.9";
  const ClientLocation location = locate(locator, hints);
  EXPECT_EQ(location.located_by, LocatedBy::kAddress);
  EXPECT_EQ(location.place, (GeoPoint{52.09, 5.12}));
  EXPECT_EQ(location.city, "Utrecht");  // the database had no name: the nearest city's
  EXPECT_EQ(location.country, "NL");
  EXPECT_EQ(location.client_id, "198.51.100.9");
}

TEST(ClientLocatorTest, BelievesTheForwardedAddressBeforeThePeer) {
  const ClientLocator locator(world(), small_database(), 1);
  ClientHints hints;
  hints.forwarded_for = "198.51.100.9, 10.0.0.1";
  hints.peer_address = "127.0.0.1";
  const ClientLocation location = locate(locator, hints);
  EXPECT_EQ(location.located_by, LocatedBy::kAddress);
  EXPECT_EQ(location.client_id, "198.51.100.9");
}

TEST(ClientLocatorTest, DrawsWithinTheCountryWhenOnlyThatIsKnown) {
  const ClientLocator locator(world(), small_database(), 1);
  std::set<std::string> cities;
  for (int i = 0; i < 50; ++i) {
    const std::string id = fmt::format("client-{}", i);
    ClientHints hints;
    hints.client_id = id;
    hints.peer_address = "2001:db8::1";
    const ClientLocation location = locate(locator, hints);
    EXPECT_EQ(location.located_by, LocatedBy::kAddressCountry);
    EXPECT_EQ(location.country, "KE");
    cities.insert(location.city);
  }
  EXPECT_GT(cities.size(), 3U);
}

TEST(ClientLocatorTest, DrawsAPlaceForPrivateAndUnknownAddresses) {
  const ClientLocator with_database(world(), small_database(), 1);
  const ClientLocator without(world(), nullptr, 1);
  for (const char* address :
       {"127.0.0.1", "10.0.0.1", "192.168.1.1", "::1", "fe80::1", "8.8.8.8", ""}) {
    ClientHints hints;
    hints.peer_address = address;
    const ClientLocation location = locate(with_database, hints);
    EXPECT_EQ(location.located_by, LocatedBy::kDraw) << address;
    EXPECT_FALSE(location.city.empty());
    EXPECT_EQ(location.place, locate(without, hints).place) << address;
  }
}

TEST(ClientLocatorTest, PutsTheSameClientAtTheSamePlaceForASeed) {
  const ClientLocator locator(world(), nullptr, 1);
  const ClientLocator again(world(), nullptr, 1);
  const ClientLocator other_seed(world(), nullptr, 2);
  std::size_t moved = 0;
  for (int i = 0; i < 200; ++i) {
    const std::string id = fmt::format("client-{}", i);
    ClientHints hints;
    hints.client_id = id;
    hints.peer_address = "127.0.0.1";
    const ClientLocation location = locate(locator, hints);
    hints.peer_address = "127.0.0.2";  // the id decides, not the address
    EXPECT_EQ(location.place, locate(again, hints).place);
    if (locate(other_seed, hints).place != location.place) ++moved;
  }
  EXPECT_GT(moved, 180U);
}

TEST(ForwardedAddressTest, FindsTheFirstAddress) {
  EXPECT_EQ(first_forwarded_address("203.0.113.7"), "203.0.113.7");
  EXPECT_EQ(first_forwarded_address(" 203.0.113.7 , 10.0.0.1"), "203.0.113.7");
  EXPECT_EQ(first_forwarded_address("203.0.113.7:4711"), "203.0.113.7");
  EXPECT_EQ(first_forwarded_address("2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(first_forwarded_address("[2001:db8::1]:443"), "2001:db8::1");
  EXPECT_EQ(first_forwarded_address("[2001:db8::1"), "");
  EXPECT_EQ(first_forwarded_address("unknown, 203.0.113.7"), "");
  EXPECT_EQ(first_forwarded_address(""), "");
}

}  // namespace
}  // namespace isopop::router
