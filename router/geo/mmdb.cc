#include "router/geo/mmdb.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <utility>

#include "common/text/text.h"

namespace isopop::router {
namespace {

// A path of keys into a record, ended by a null, as MMDB_aget_value() takes it.
using KeyPath = std::array<const char*, 4>;

// The two schemas, MaxMind's own first.
constexpr std::array<KeyPath, 2> kLatitude = {{{"location", "latitude"}, {"latitude"}}};
constexpr std::array<KeyPath, 2> kLongitude = {{{"location", "longitude"}, {"longitude"}}};
constexpr std::array<KeyPath, 2> kCity = {{{"city", "names", "en"}, {"city"}}};
constexpr std::array<KeyPath, 2> kCountry = {{{"country", "iso_code"}, {"country_code"}}};

struct SocketAddress {
  sockaddr_storage storage{};

  [[nodiscard]] const sockaddr* get() const {
    return reinterpret_cast<const sockaddr*>(&storage);  // the type every socket call takes
  }
};

std::optional<SocketAddress> parse_address(std::string_view text) {
  const std::string copy(text);
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, copy.c_str(), &v4) != 1) {
    if (inet_pton(AF_INET6, copy.c_str(), &v6) != 1) return std::nullopt;
    if (!IN6_IS_ADDR_V4MAPPED(&v6)) {
      const sockaddr_in6 address{.sin6_family = AF_INET6,
                                 .sin6_port = 0,
                                 .sin6_flowinfo = 0,
                                 .sin6_addr = v6,
                                 .sin6_scope_id = 0};
      SocketAddress result;
      std::memcpy(&result.storage, &address, sizeof address);
      return result;
    }
    std::memcpy(&v4, &v6.s6_addr[12], sizeof v4);
  }
  const sockaddr_in address{.sin_family = AF_INET, .sin_port = 0, .sin_addr = v4, .sin_zero = {}};
  SocketAddress result;
  std::memcpy(&result.storage, &address, sizeof address);
  return result;
}

// What is at the first of the paths that exists and has one of the wanted types.
Result<std::optional<MMDB_entry_data_s>> find_value(MMDB_entry_s& entry,
                                                    const std::array<KeyPath, 2>& paths) {
  for (const KeyPath& path : paths) {
    MMDB_entry_data_s value{};
    const int status = MMDB_aget_value(&entry, &value, path.data());
    const bool is_missing = status == MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR ||
                            status == MMDB_INVALID_LOOKUP_PATH_ERROR;
    if (status != MMDB_SUCCESS && !is_missing) {
      return Error{ErrorCode::kDataLoss, MMDB_strerror(status)};
    }
    if (status != MMDB_SUCCESS || !value.has_data) continue;
    const bool is_scalar = value.type == MMDB_DATA_TYPE_DOUBLE ||
                           value.type == MMDB_DATA_TYPE_FLOAT ||
                           value.type == MMDB_DATA_TYPE_UTF8_STRING;
    if (is_scalar) return std::optional(value);
  }
  return std::optional<MMDB_entry_data_s>();
}

std::optional<double> to_number(const std::optional<MMDB_entry_data_s>& value) {
  if (!value) return std::nullopt;
  if (value->type == MMDB_DATA_TYPE_DOUBLE) return value->double_value;
  if (value->type == MMDB_DATA_TYPE_FLOAT) return double{value->float_value};
  return std::nullopt;
}

std::string to_text(const std::optional<MMDB_entry_data_s>& value) {
  if (!value || value->type != MMDB_DATA_TYPE_UTF8_STRING) return {};
  return {value->utf8_string, value->data_size};
}

Result<MmdbRecord> read_record(MMDB_entry_s& entry) {
  ISOPOP_TRY_ASSIGN(const auto latitude, find_value(entry, kLatitude));
  ISOPOP_TRY_ASSIGN(const auto longitude, find_value(entry, kLongitude));
  ISOPOP_TRY_ASSIGN(const auto city, find_value(entry, kCity));
  ISOPOP_TRY_ASSIGN(const auto country, find_value(entry, kCountry));
  MmdbRecord record{.place = {}, .city = to_text(city), .country_code = to_text(country)};
  const std::optional<double> latitude_deg = to_number(latitude);
  const std::optional<double> longitude_deg = to_number(longitude);
  if (latitude_deg && longitude_deg) {
    const GeoPoint place{*latitude_deg, *longitude_deg};
    if (const Result<void> checked = check_geo_point(place); !checked.ok()) {
      return Error{ErrorCode::kDataLoss, checked.error().message};
    }
    record.place = place;
  }
  return record;
}

}  // namespace

struct Mmdb::File {
  ~File() {
    if (is_open) MMDB_close(&database);
  }

  std::string name;
  MMDB_s database{};
  bool is_open = false;
};

Result<std::unique_ptr<const Mmdb>> Mmdb::open(const std::filesystem::path& file) {
  auto opened = std::make_unique<File>();
  opened->name = file.string();
  const int status = MMDB_open(opened->name.c_str(), MMDB_MODE_MMAP, &opened->database);
  if (status == MMDB_FILE_OPEN_ERROR) {
    return not_found(fmt::format("{}: cannot be opened", opened->name));
  }
  if (status != MMDB_SUCCESS) {
    return invalid_argument(
        fmt::format("{}: is no MMDB file: {}", opened->name, MMDB_strerror(status)));
  }
  opened->is_open = true;
  return std::unique_ptr<const Mmdb>(new Mmdb(std::move(opened)));
}

Mmdb::Mmdb(std::unique_ptr<File> file) : file_(std::move(file)) {}

Mmdb::~Mmdb() = default;

Result<std::optional<MmdbRecord>> Mmdb::lookup(std::string_view address) const {
  const std::optional<SocketAddress> parsed = parse_address(address);
  if (!parsed) {
    return invalid_argument(fmt::format("'{}' is not an IP address", truncate_utf8(address, 100)));
  }
  int status = MMDB_SUCCESS;
  MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&file_->database, parsed->get(), &status);
  if (status == MMDB_IPV6_LOOKUP_IN_IPV4_DATABASE_ERROR) return std::optional<MmdbRecord>();
  const auto damaged = [&](std::string_view what) {
    return Error{ErrorCode::kDataLoss,
                 fmt::format("{}: the entry of {} is damaged: {}", file_->name, address, what)};
  };
  if (status != MMDB_SUCCESS) return damaged(MMDB_strerror(status));
  if (!found.found_entry) return std::optional<MmdbRecord>();
  Result<MmdbRecord> record = read_record(found.entry);
  if (!record.ok()) return damaged(record.error().message);
  const MmdbRecord& value = record.value();
  if (!value.place && value.country_code.empty()) return std::optional<MmdbRecord>();
  return std::optional(std::move(record).value());
}

}  // namespace isopop::router
