#include "router/geo/client_locator.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <utility>

#include "common/hash/hash.h"
#include "common/result/assert.h"
#include "common/text/text.h"

namespace isopop::router {
namespace {

// A point is named after the nearest city up to this distance; farther out it is nowhere in
// particular. Judgement: about an hour's drive.
constexpr double kNamedWithinKm = 100;

bool is_address(std::string_view text) {
  const std::string copy(text);
  std::array<unsigned char, sizeof(in6_addr)> unused{};
  return inet_pton(AF_INET, copy.c_str(), unused.data()) == 1 ||
         inet_pton(AF_INET6, copy.c_str(), unused.data()) == 1;
}

// Fills in what is not known of the city and country of a place.
void name_place(ClientLocation& location, const CityTable& cities) {
  if (!location.city.empty() && !location.country.empty()) return;
  const CityTable::Nearby nearby = cities.nearest(location.place);
  if (nearby.distance_km > kNamedWithinKm) return;
  if (location.country.empty()) location.country = nearby.city->country_code;
  if (location.city.empty() && location.country == nearby.city->country_code) {
    location.city = nearby.city->name;
  }
}

void move_to(ClientLocation& location, const City& city, LocatedBy located_by) {
  location.place = city.place;
  location.city = city.name;
  location.country = city.country_code;
  location.located_by = located_by;
}

}  // namespace

std::string_view to_string(LocatedBy located_by) {
  switch (located_by) {
    case LocatedBy::kLocation:
      return "location";
    case LocatedBy::kCity:
      return "city";
    case LocatedBy::kAddress:
      return "address";
    case LocatedBy::kAddressCountry:
      return "address-country";
    case LocatedBy::kDraw:
      return "draw";
  }
  return "unknown";
}

std::string first_forwarded_address(std::string_view header) {
  std::string_view first = trim(split(header, ',').front());
  if (first.starts_with('[')) {
    const std::size_t end = first.find(']');
    if (end == std::string_view::npos) return {};
    first = first.substr(1, end - 1);
  } else if (const std::size_t colon = first.find(':');
             colon != std::string_view::npos && first.rfind(':') == colon) {
    first = first.substr(0, colon);  // one colon: an IPv4 address with its port
  }
  return is_address(first) ? std::string(first) : std::string();
}

ClientLocator::ClientLocator(std::shared_ptr<const CityTable> cities,
                             std::unique_ptr<const Mmdb> mmdb, std::uint64_t seed)
    : cities_(std::move(cities)), mmdb_(std::move(mmdb)), seed_(seed) {
  ISOPOP_ASSERT(cities_ != nullptr, "a table of cities");
}

Result<ClientLocation> ClientLocator::locate(const ClientHints& hints) const {
  std::string address;
  if (hints.forwarded_for) address = first_forwarded_address(*hints.forwarded_for);
  if (address.empty()) address = std::string(hints.peer_address);
  ClientLocation location;
  location.client_id = std::string(trim(hints.client_id.value_or("")));
  if (location.client_id.empty()) location.client_id = address;

  if (hints.location) {
    ISOPOP_TRY_ASSIGN(location.place, parse_geo_point(*hints.location));
    location.located_by = LocatedBy::kLocation;
    name_place(location, *cities_);
    return location;
  }
  if (hints.city) {
    ISOPOP_TRY_ASSIGN(const City* city, cities_->find(*hints.city));
    move_to(location, *city, LocatedBy::kCity);
    return location;
  }
  if (locate_by_address(location, address)) return location;
  move_to(location, cities_->draw(seed_, hash64(location.client_id)), LocatedBy::kDraw);
  return location;
}

bool ClientLocator::locate_by_address(ClientLocation& location, std::string_view address) const {
  if (!mmdb_) return false;
  const Result<std::optional<MmdbRecord>> looked_up = mmdb_->lookup(address);
  if (!looked_up.ok() || !looked_up.value()) return false;
  const MmdbRecord& record = *looked_up.value();
  if (record.place) {
    location.place = *record.place;
    location.city = record.city;
    location.country = record.country_code;
    location.located_by = LocatedBy::kAddress;
    name_place(location, *cities_);
    return true;
  }
  const City* city =
      cities_->draw_in_country(record.country_code, seed_, hash64(location.client_id));
  if (city == nullptr) return false;
  move_to(location, *city, LocatedBy::kAddressCountry);
  return true;
}

}  // namespace isopop::router
