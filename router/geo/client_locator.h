#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/geo/geo_point.h"
#include "common/result/result.h"
#include "router/geo/city_table.h"
#include "router/geo/mmdb.h"

namespace isopop::router {

// What a request says of where its client is. Absent means the header was not there.
struct ClientHints {
  std::optional<std::string_view> location;   // isopop-client-location: "52.37,4.89"
  std::optional<std::string_view> city;       // isopop-client-city: "Amsterdam" or "Amsterdam,NL"
  std::optional<std::string_view> client_id;  // isopop-client-id: anything
  std::optional<std::string_view> forwarded_for;  // x-forwarded-for: the first address counts
  std::string_view peer_address;                  // of the connection, without port
};

// How a client's place was found, surest first.
enum class LocatedBy {
  kLocation,        // the location header
  kCity,            // the city header
  kAddress,         // the address, by the database's coordinates
  kAddressCountry,  // the address gave only the country: a place drawn within it
  kDraw,            // nothing known: drawn by population
};
[[nodiscard]] std::string_view to_string(LocatedBy located_by);

struct ClientLocation {
  std::string client_id;  // given, else the address: what the draw and the last mile depend on
  GeoPoint place;
  std::string city;     // may be empty
  std::string country;  // ISO 3166-1 alpha-2, may be empty
  LocatedBy located_by = LocatedBy::kDraw;
};

// Says where a client is: the location header, else the city header, else the address through an
// MMDB, else a place drawn by population from the seed and the client's id, so that the same client
// is always at the same place. Immutable, thus thread-safe.
class ClientLocator {
 public:
  // `mmdb` may be null: then addresses are only ids.
  ClientLocator(std::shared_ptr<const CityTable> cities, std::unique_ptr<const Mmdb> mmdb,
                std::uint64_t seed);

  // INVALID_ARGUMENT for a location that is none, NOT_FOUND for a city nobody knows (with a
  // suggestion): the client's mistakes, so answer 400. What the address database cannot tell is no
  // error.
  [[nodiscard]] Result<ClientLocation> locate(const ClientHints& hints) const;

  [[nodiscard]] const CityTable& cities() const { return *cities_; }

 private:
  // Whether the address said where; then `location` does, too.
  [[nodiscard]] bool locate_by_address(ClientLocation& location, std::string_view address) const;

  std::shared_ptr<const CityTable> cities_;
  std::unique_ptr<const Mmdb> mmdb_;
  std::uint64_t seed_;
};

// The first address of an X-Forwarded-For value, without port and brackets: "203.0.113.7",
// "2001:db8::1". Empty when it is no address ("unknown", "_hidden").
[[nodiscard]] std::string first_forwarded_address(std::string_view header);

}  // namespace isopop::router
