#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/geo/geo_point.h"
#include "common/result/result.h"

namespace isopop::router {

// What an MMDB file says about an address. Every part may be missing: a country database has no
// place.
struct MmdbRecord {
  std::optional<GeoPoint> place;
  std::string city;          // English name, else empty
  std::string country_code;  // ISO 3166-1 alpha-2, else empty
};

// An IP-to-location database in the MaxMind DB format, read by libmaxminddb (memory-mapped). Two
// schemas are understood: MaxMind's own (location.latitude, city.names.en, country.iso_code) and
// the flat one (latitude, city, country_code). Immutable, thus thread-safe.
class Mmdb {
 public:
  // NOT_FOUND when there is no such file, INVALID_ARGUMENT when it is not an MMDB file.
  [[nodiscard]] static Result<std::unique_ptr<const Mmdb>> open(const std::filesystem::path& file);

  ~Mmdb();
  Mmdb(const Mmdb&) = delete;
  Mmdb& operator=(const Mmdb&) = delete;

  // Nothing when the database has no entry for the address, or the entry nothing of use. An IPv6
  // address is not in an IPv4 database; an IPv4 address mapped into IPv6 is looked up as IPv4.
  // INVALID_ARGUMENT when the text is no address, DATA_LOSS when the file is damaged.
  [[nodiscard]] Result<std::optional<MmdbRecord>> lookup(std::string_view address) const;

 private:
  struct File;
  explicit Mmdb(std::unique_ptr<File> file);

  std::unique_ptr<File> file_;
};

}  // namespace isopop::router
